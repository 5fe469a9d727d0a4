"""Jobs that recur: taken in, paused, resumed, and enqueued when their time has come. It may not store a job: `scheduler.producers` does.

An occurrence is enqueued under a key that names it, and then written down. So it is one job whatever beats, crashes and retries do: whoever comes to
it again finds that job. Of occurrences that nobody was there for, the last is made up for, and no other. A request that is refused is noted, and
waits for the next time: asked again at once it would be refused again.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from celery import Celery

from scheduler import cron
from scheduler.producers import CALLER, Asked, door_of, enqueue_many
from scheduler.requests import Problem, RequestInvalidError
from worker.app import RECUR
from worker.assembly import Parts
from worker.core.job import JobId
from worker.redaction import redacted
from worker.store.jobs import Added
from worker.store.recurrences import Recurring

NAME = "recurring"
"""What the schedule calls it."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
_TOGETHER = 100  # entries that are asked for at once
_LONGEST = 300  # characters of a refusal that are kept: it is for people

log = structlog.get_logger("recurring")


class UnknownRecurringError(LookupError):
    """No job recurs under that name."""


def add(parts: Parts, name: str, expression: str, document: object, caller: str = CALLER) -> Recurring:
    """Have the job of that request recur. Raises ValueError for the name or the expression, RequestInvalidError, NameTakenError.

    Then nothing is stored. The request must be one that could be enqueued now, and when it is first due. A consent in it stays as it was affirmed.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:60]!r} is no name: use up to 60 lower-case letters, digits, dots, dashes and underscores, such as monthly-ada"
        )
    now, at = parts.engine.clock(), cron.read(expression)
    if isinstance(document, Mapping) and document.get("idempotency_key") is not None:
        raise RequestInvalidError([Problem("idempotency_key", "is not for a job that recurs: each occurrence has a key of its own")])
    due_at, door = at.after(now), door_of(parts)
    door.read(document, now)
    _read_later(lambda: door.read(document, due_at), due_at)
    request = document if isinstance(document, Mapping) else {}  # which the door has let in
    one = Recurring(name=name, caller=caller, cron=" ".join(expression.split()), request=request, added_at=now, due_at=due_at)
    parts.ledger.recurrences.add(one)
    return one


def _read_later(read: Callable[[], object], due_at: datetime) -> None:
    """An address that is signed for a day is none for a month."""
    try:
        read()
    except RequestInvalidError as refused:
        when = f"(when it is first due, {due_at:%Y-%m-%d %H:%M} UTC; a source_url_provider gives a fresh address each time)"
        raise RequestInvalidError([Problem(one.field, f"{one.problem} {when}") for one in refused.problems]) from None


def pause(parts: Parts, name: str) -> Recurring:
    """Enqueue nothing of it until it is resumed. Raises UnknownRecurringError."""
    parts.ledger.recurrences.pause(_found(parts, name))
    return _found(parts, name)


def resume(parts: Parts, name: str) -> Recurring:
    """Go on with the next occurrence: those of the meantime are not made up for. Raises UnknownRecurringError."""
    one = _found(parts, name)
    parts.ledger.recurrences.resume(one, cron.read(one.cron).after(parts.engine.clock()))
    return _found(parts, name)


def remove(parts: Parts, name: str) -> Recurring:
    """Forget it; the jobs that came of it stay. Raises UnknownRecurringError."""
    one = _found(parts, name)
    parts.ledger.recurrences.remove(one)
    return one


def _found(parts: Parts, name: str) -> Recurring:
    one = parts.ledger.recurrences.find(name)
    if one is None:
        raise UnknownRecurringError(f"nothing recurs under the name {name[:60]!r}; `replicas recurring list` shows what does")
    return one


def key_of(name: str, occurrence: datetime) -> str:
    """The idempotency key of an occurrence's job."""
    return f"recurring/{name}/{occurrence:%Y-%m-%dT%H:%MZ}"


def recur(parts: Parts) -> int:
    """Enqueue what is due; how many occurrences that were. Any number may do this at once."""
    done, seen = 0, set[str]()
    while names := set(parts.ledger.recurrences.due(parts.engine.clock(), _TOGETHER)) - seen:
        seen |= names
        for name in sorted(names):
            try:
                one = parts.ledger.recurrences.find(name)
                done += one is not None and _occur(parts, one)
            except ValueError as error:  # sealed with a key that is not here, or changed by hand: the others are not to wait for it
                log.exception("a job that recurs cannot be read, and is passed over", recurring=name, reason=str(error))
    return done


def _occur(parts: Parts, one: Recurring) -> bool:
    """Enqueue its occurrence, and write that down. False: somebody else has done it, or it is not due any more."""
    now = parts.engine.clock()
    if one.due_at is None or one.due_at > now:
        return False
    at = cron.read(one.cron)
    occurrence = at.last(now, one.due_at) or one.due_at
    [outcome] = enqueue_many(parts, [Asked(one.request, key=key_of(one.name, occurrence), caller=one.caller)])
    job_id, refused = (outcome.job.id, None) if isinstance(outcome, Added) else (None, redacted(str(outcome))[:_LONGEST])
    is_ours = parts.ledger.recurrences.occurred(one, occurrence, job_id, refused, at.after(now))
    if is_ours:
        _note(one, job_id, refused)
    return is_ours


def _note(one: Recurring, job_id: JobId | None, refused: str | None) -> None:
    if refused is None:
        log.info("a job that recurs was enqueued", recurring=one.name, job_id=job_id, caller=one.caller)
    else:
        log.error(
            "a job that recurs was refused, and is tried again when it is next due", recurring=one.name, caller=one.caller, reason=refused
        )


def add_recurring(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register the task that beat sends; `parts` gives those of the process that runs it."""

    @app.task(name=RECUR, shared=False)
    def scheduler_recur() -> None:
        """Enqueue the jobs that recur and whose time has come."""
        here = parts()
        recur(here)
        here.ledger.rounds.note(NAME, here.engine.clock())
