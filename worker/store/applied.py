"""A decision to commit, and how it is written: by compare-and-swap on the version that was read. It may not decide, nor begin a transaction."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from worker.core.decision import Decision
from worker.core.events import Event
from worker.core.job import Attempt, Job
from worker.core.rules import Rules
from worker.core.values import Maker
from worker.store import notifications, rulebook, single, stories
from worker.store.rows import attempt_columns, columns_of, document_of, storable
from worker.store.sealing import sealed_job, sealed_line, sealed_word
from worker.store.tables import METADATA

JOB, ATTEMPT, STORY = METADATA.tables["job"], METADATA.tables["attempt"], METADATA.tables["story"]

# Said at every step of every job, so built once: to build one takes longer than the database takes to answer it. What is set is what is given.
_SAME = update(JOB).where(JOB.c.id == bindparam("same_id"), JOB.c.version == bindparam("same_version"))
_KNOWN = update(ATTEMPT).where(ATTEMPT.c.job_id == bindparam("known_job"), ATTEMPT.c.number == bindparam("known_number"))
_NEW, _TOLD = insert(ATTEMPT), insert(STORY)

_TALK = frozenset(name for name in JOB.c.keys() if name.startswith("conversation_") and name != "conversation_wanted")  # noqa: SIM118 - not a dict
# Whoever claims a job moves its due time, and counts no version up: who does not move it must not write it back.
_DUE = frozenset({"due_at"})

_JOBS = Maker(Job)


@dataclass(frozen=True, slots=True)
class Applied:
    """A decision to commit: the job as it was read, the event, what was decided, and the rules that it was decided under."""

    before: Job
    event: Event
    decision: Decision
    rules: Rules = field(default_factory=Rules)
    after: Job = field(init=False, repr=False, compare=False)
    """The job once the decision is committed."""

    def __post_init__(self) -> None:
        """Count the version up."""
        object.__setattr__(self, "after", _JOBS.changed(self.decision.job, version=self.before.version + 1))


def commit(connection: Connection, change: Applied, now: datetime) -> bool:
    """Write the decision. False, and nothing is written, when the job is not as it was read."""
    before, after = change.before, change.after
    same = {"same_id": before.id, "same_version": before.version}
    if connection.execute(_SAME, sealed_job(connection, _values(change, now)) | same).rowcount != 1:
        return False
    for attempt in changed(before, after):
        _keep_attempt(connection, after, attempt, known=before.attempt_of(attempt.mark) is not None)
    if change.decision.why:
        connection.execute(_TOLD, sealed_line(connection, storable(_line(change, now))))
    if (word := notifications.row_of(after, change.decision.effects, now)) is not None:
        connection.execute(notifications.TELL, sealed_word(connection, storable(word)))
    return True


def commit_alone(connection: Connection, change: Applied, now: datetime) -> bool:
    """The same in one statement, for a decision that changes one attempt at most."""
    before, after = change.before, change.after
    attempt = next(iter(changed(before, after)), None)
    word = notifications.row_of(after, change.decision.effects, now)
    return single.written(
        connection,
        (before.id, before.version),
        sealed_job(connection, _values(change, now)),
        None if attempt is None else storable(attempt_columns(after, attempt)),
        is_new=attempt is not None and before.attempt_of(attempt.mark) is None,
        story=sealed_line(connection, storable(_line(change, now))) if change.decision.why else None,
        word=None if word is None else sealed_word(connection, storable(word)),
    )


def _values(change: Applied, now: datetime) -> dict[str, Any]:
    """What is written of the job's own row: all that a step moves, and of the rest what the decision changes.

    Statements that differ in their columns are compiled and kept apart, at 100 kB each; of those that named what changed alone there were hundreds.
    """
    before, after = change.before, change.after
    moved = columns_of(after)
    left_out = _DUE if after.conversation != before.conversation else _DUE | _TALK
    values = {name: value for name, value in moved.items() if name not in left_out} | {"version": after.version, "updated_at": now}
    if after.due_at != before.due_at:
        values["due_at"] = after.due_at
        values["rung_at"] = None  # a message that is out is about the due time that was; while that stands, so does the message
    if after.request != before.request:
        values["request"] = document_of(after.request)
    return dict(storable(values))


def changed(before: Job, after: Job) -> list[Attempt]:
    """The attempts of the job that are not as they were."""
    return [] if after.attempts == before.attempts else [attempt for attempt in after.attempts if attempt not in before.attempts]


def _keep_attempt(connection: Connection, job: Job, attempt: Attempt, *, known: bool) -> None:
    columns = storable(attempt_columns(job, attempt))
    if known:
        connection.execute(_KNOWN, columns | {"known_job": job.id, "known_number": attempt.number})
    else:
        connection.execute(_NEW, columns)


def _line(change: Applied, now: datetime) -> dict[str, Any]:
    return {
        "job_id": change.before.id, "at": now, "version": change.after.version, "event": stories.name_of(change.event),
        "data": stories.data_of(change.event), "from_state": change.before.state.value, "to_state": change.after.state.value,
        "why": change.decision.why, "rules": rulebook.digest_of(change.rules, change.before.terms),
    }  # fmt: skip
