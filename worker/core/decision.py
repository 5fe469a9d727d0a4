"""What a decision is, and the two ways in which there is none. It may not decide anything."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from worker.core.effects import Effect
from worker.core.events import Event
from worker.core.job import Job
from worker.core.states import State


@dataclass(frozen=True, slots=True)
class Decision:
    """The job as it should be, what to do once that is committed, and why.

    `why` is one sentence for the story; empty means that nothing happened that is worth a line (a poll that found no news).
    """

    job: Job
    effects: tuple[Effect, ...] = ()
    why: str = ""


class IllegalTransition(Exception):  # noqa: N818 - the field's word for it
    """The event cannot happen to a job in this state. A bug, or a person asking for what is not possible: `reason` says which in words."""

    def __init__(self, job: Job, event: Event, reason: str) -> None:
        """Keep what collided, and say it."""
        self.job, self.event, self.reason = job, event, reason
        super().__init__(f"job {job.id} is {job.state}: {type(event).__name__} is not possible. {reason}")


def moved(job: Job, state: State, due_at: datetime | None, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job, checked by replace
    """The job in another state, with everything forgotten that belongs to the wait before: tries, scans, what was missing, failure."""
    fresh: dict[str, Any] = {
        "tries": 0,
        "trying_since": None,
        "scans": 0,
        "missing_since": None,
        "failure": None,
        "detail": None,
        "release_to": None,
    }
    return replace(job, state=state, due_at=due_at, **(fresh | changes))
