"""Erases what was asked for, and the story, of jobs that are long over. It may not touch what anything may still hang on, nor what they cost.

A job stays as a row with its attempts, its outcome, its remote ids and its key: what was paid stays on record, and the key goes on to mean this job.
What goes is what a caller sent, and what was said about it: addresses, names, properties, metadata, consent, words of others, notifications.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, exists, insert, not_, or_, select, update

from worker.core.job import UNSETTLED, Job, JobId, Outcome
from worker.core.marks import first_id_of
from worker.core.request import Request
from worker.core.states import FINAL
from worker.store import shelves, stories
from worker.store.database import glancing
from worker.store.rows import document_of
from worker.store.sealing import sealed_job
from worker.store.tables import METADATA

JOB, ATTEMPT, STORY, NOTIFICATION, INBOX = (METADATA.tables[name] for name in ("job", "attempt", "story", "notification", "inbox"))
GONE = "erased"
"""What stands where something was. A field's name stays: what a training was made from says how long such trainings take."""
_TOGETHER = 100  # jobs in a transaction: with their stories some thousand rows


class Retention:
    """On a database of `with_sealer`. Thread-safe."""

    def __init__(self, database: Engine) -> None:
        """Erases nothing yet."""
        self._database, self._glancer = database, glancing(database)

    def some(self, after: JobId | None, now: datetime, keep: timedelta, watched: timedelta) -> tuple[JobId | None, int]:
        """Erase of the next jobs after that id; the last that was looked at, None where there are no more, and how many were erased.

        `watched`: how long a training that never ends is looked at; what it costs is known as far as it ever will be.
        """
        erasable = _erasable(now, keep, watched)
        wanted = select(JOB.c.id).where(JOB.c.id < first_id_of(now - keep), *erasable).order_by(JOB.c.id).limit(_TOGETHER)
        # Outside the transaction that writes: where there is nothing to erase, this reads every job.
        with self._glancer.connect() as connection:
            ids = list(connection.execute(wanted if after is None else wanted.where(JOB.c.id > after)).scalars())
        if not ids:
            return None, 0
        with self._database.begin() as connection:
            still = select(JOB.c.id).where(JOB.c.id.in_(ids), *erasable).order_by(JOB.c.id)
            locked = [JobId(one) for one in connection.execute(still.with_for_update(of=JOB, skip_locked=True)).scalars()]
            jobs, _ = shelves.readable(connection, locked)  # who cannot be read is for the audit
            for job in jobs:
                _erase(connection, job, now, keep)
        return JobId(ids[-1]), len(jobs)


def _erasable(now: datetime, keep: timedelta, watched: timedelta) -> list[ColumnElement[bool]]:
    """Jobs that are over for so long, of which nothing is due, no money is open, and nothing is still to be done or told."""
    of_job, in_hold = ATTEMPT.c.job_id == JOB.c.id, and_(ATTEMPT.c.outcome == Outcome.FAILED.value, ATTEMPT.c.vanished_at.is_(None))
    is_over = and_(ATTEMPT.c.outcome == Outcome.CHARGED.value, ATTEMPT.c.intended_at < now - watched)
    is_open = or_(
        and_(ATTEMPT.c.outcome.in_([one.value for one in UNSETTLED]), ATTEMPT.c.vanished_at.is_(None), not_(is_over)),
        and_(in_hold, ATTEMPT.c.deleted_at.is_(None), or_(ATTEMPT.c.deletable_at.is_(None), ATTEMPT.c.deletable_at > now)),
        ATTEMPT.c.delete_due_at.is_not(None),
    )
    return [
        JOB.c.erased_at.is_(None),
        JOB.c.state.in_([one.value for one in FINAL]),
        JOB.c.updated_at < now - keep,
        JOB.c.due_at.is_(None),
        JOB.c.conversation_intended_at.is_(None),
        JOB.c.conversation_end_due_at.is_(None),
        ~exists().where(of_job, is_open),
        ~exists().where(NOTIFICATION.c.job_id == JOB.c.id, NOTIFICATION.c.due_at.is_not(None)),
        ~exists().where(INBOX.c.job_id == JOB.c.id, INBOX.c.due_at.is_not(None)),
    ]


def _erase(connection: Connection, job: Job, now: datetime, keep: timedelta) -> None:
    version = job.version + 1  # whoever has read it reads it again
    columns = {
        "request": document_of(_without_words(job.request)), "conversation_url": None, "conversation_admission": None, "detail": None,
        "progress": None, "erased_at": now, "version": version,
    }  # fmt: skip
    connection.execute(update(JOB).where(JOB.c.id == job.id).values(sealed_job(connection, columns)))
    connection.execute(delete(STORY).where(STORY.c.job_id == job.id))
    connection.execute(delete(NOTIFICATION).where(NOTIFICATION.c.job_id == job.id))
    connection.execute(insert(STORY), _line(job, version, now, keep))


def _line(job: Job, version: int, now: datetime, keep: timedelta) -> Mapping[str, Any]:
    why = f"what was asked for and its story were erased, {keep.days} days after it was over; what it cost is kept"
    return {
        "job_id": job.id, "at": now, "version": version, "event": stories.ERASED, "data": {}, "from_state": job.state.value,
        "to_state": job.state.value, "why": why,
    }  # fmt: skip


def _without_words(request: Request) -> Request:
    """The request with what moves a job, and with none of what was sent."""
    kept = {name: value if name == "model_name" or isinstance(value, bool) else GONE for name, value in request.replica.items()}
    return replace(
        request, replica=kept, conversation={}, notify_url=None, notify_conversation_url=False, notify_conversation_events=False, metadata={},
        source_url_provider=request.source_url_provider and GONE, consent=None,
    )  # fmt: skip
