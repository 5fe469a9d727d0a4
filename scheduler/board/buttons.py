"""What a person may do with a job on the board: let it go on, give it up, try it again. It may not know when: `decide` does."""

from dataclasses import dataclass
from datetime import datetime

from scheduler.api.scopes import NEEDS
from scheduler.retries import try_again
from worker.assembly import Parts
from worker.core import events
from worker.core.decide import decide
from worker.core.decision import IllegalTransition
from worker.core.events import Event
from worker.core.job import Job
from worker.core.rules import Rules
from worker.store.tokens import Scope


@dataclass(frozen=True, slots=True)
class Button:
    """One of them. `done`: what is said once it was pressed. `scope`: who may press it, as over the API. `is_main`: the one that is meant mostly."""

    name: str
    label: str
    hint: str
    done: str
    event: Event
    scope: Scope
    is_main: bool = False


BUTTONS = {
    one.name: one
    for one in (
        Button(
            "release",
            "Release",
            "What held it is mended: let it go on. Where that pays again, its reason says so.",
            "was released, and goes on",
            events.ReleaseRequested(),
            NEEDS["POST", "/v1/jobs/{job_id}/release"],
            is_main=True,
        ),
        Button(
            "abandon",
            "Abandon",
            "What holds it will not be mended: give it up.",
            "was given up",
            events.AbandonRequested(),
            NEEDS["POST", "/v1/jobs/{job_id}/abandon"],
        ),
        Button(
            "retry",
            "Retry",
            "Queue it again as it is. This may pay for another training.",
            "is queued again",
            events.RetryRequested(),
            NEEDS["POST", "/v1/jobs/{job_id}/retry"],
            is_main=True,
        ),
    )
}


def buttons_of(job: Job, rules: Rules, now: datetime) -> list[Button]:
    """Those that would do something."""
    return [button for button in BUTTONS.values() if _would(job, button.event, rules, now)]


def press(parts: Parts, button: Button, job: Job) -> Job:
    """Do it; the job as it is then. Raises IllegalTransition, StaleJobError, RequestInvalidError."""
    if button.name == "retry":
        return try_again(parts, job, {})
    told = parts.engine.tell(job.id, button.event)
    parts.bell.ring_due([told], parts.engine.clock())
    return told


def _would(job: Job, event: Event, rules: Rules, now: datetime) -> bool:
    try:
        decide(job, event, now, rules)
    except IllegalTransition:
        return False
    return True
