"""Makes a ledger that was restored from a backup know what Tavus has since: submission by submission. It may not pay, and nothing else may run.

The backup knows nothing of what was paid for after it: a job that was `queued` in it would be paid for again. So before anything works on it, every
account's list is read, and each replica with one of our marks that no submission of the ledger has is told to its job. Jobs that came in after the
backup are gone with their requests; of those that Tavus trains one is made anew, so that the replica is followed and its money counted.

The list is read until it must show what was sent last: a submission that went out as the old processes were stopped shows up in it late.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from scheduler import recurring
from worker.assembly import Parts
from worker.core.events import CallbackReceived, MarkDiscovered
from worker.core.job import Attempt, Job, JobId, Mark, ReplicaId
from worker.core.marks import job_id_with, mark_in, number_in, replica_mark, suffix_in, suffix_of
from worker.core.request import Request, Start
from worker.core.restoring import is_possible
from worker.core.states import State
from worker.tavus.scan import Unread, own_replicas
from worker.tavus.wire import Replica

CALLER = "restored"
"""Whose the jobs are that are made anew: nobody knows any more who sent them."""
_PATIENCE = timedelta(minutes=10)  # for one account's list; see `scheduler.audit`
_CLOCKS = timedelta(minutes=1)  # by which Tavus' clock and that of whoever made the backup may differ


class Became(StrEnum):
    """What became of a replica that the backup did not know."""

    KNOWN = "on record"
    MADE_ANEW = "made anew"
    FOREIGN = "older than the backup"
    IMPOSSIBLE = "not of our making"


@dataclass(frozen=True, slots=True)
class Discovery:
    """A replica with one of our marks that the ledger did not know. `job_id`: None where it belongs to none of its jobs."""

    account: str
    mark: Mark
    replica_id: ReplicaId
    became: Became
    job_id: JobId | None


class ListUnreadError(OSError):
    """An account's list was not read whole: nothing can be said of what it has."""


def discover(parts: Parts, backup_of: datetime) -> Iterator[Discovery]:
    """Read every account's list once, and tell each job what it has of it; nothing is told twice. Raises ListUnreadError."""
    for account in sorted(parts.settings.accounts):
        found = own_replicas(parts.tavus, account, _PATIENCE)
        if isinstance(found, Unread):
            message = f"The list of account {account} could not be read: {found.detail}. Nothing may start before it was: try again."
            raise ListUnreadError(message)
        unknown = _unknown(found.rows, parts.ledger.attempts(account))
        jobs = {suffix_of(job_id): job_id for job_id in parts.ledger.ids(account)} if unknown else {}
        for mark, replica in unknown:
            yield _tell(parts, account, jobs, mark, replica, backup_of)


def let_pass(parts: Parts) -> None:
    """Have jobs that recur go on with what comes: an occurrence since the backup may have had its job, which the ledger knows nothing of."""
    for one in parts.ledger.recurrences.every():
        if one.due_at is not None and one.due_at <= parts.engine.clock():
            recurring.pause(parts, one.name)
            recurring.resume(parts, one.name)


def _unknown(rows: Sequence[Replica], attempts: Sequence[tuple[JobId, Attempt]]) -> list[tuple[Mark, Replica]]:
    """Those with a mark of ours that are on no record, job by job, earlier submissions first."""
    known = {one for _, attempt in attempts for one in (attempt.replica_id, *attempt.strays)}
    marked = [(mark, row) for row in rows if row.id not in known and (mark := _of_a_replica(row)) is not None]
    return sorted(marked, key=lambda one: (suffix_in(one[0]), number_in(one[0]), one[1].created_at or ""))


def _of_a_replica(row: Replica) -> Mark | None:
    mark = mark_in(row.name or "")
    return mark if mark is not None and mark.startswith("rw-") else None


def _tell(parts: Parts, account: str, jobs: dict[str, JobId], mark: Mark, replica: Replica, backup_of: datetime) -> Discovery:
    made_at = _moment(replica.created_at) or parts.engine.clock()
    job_id, became = jobs.get(suffix_in(mark)), Became.KNOWN
    known = 0 if job_id is None else len(parts.ledger.get(job_id).attempts)
    if not is_possible(number_in(mark), known):
        return Discovery(account, mark, replica.id, Became.IMPOSSIBLE, job_id)
    if job_id is None:
        if made_at < backup_of - _CLOCKS:  # of another installation on this account, or of jobs that were erased
            return Discovery(account, mark, replica.id, Became.FOREIGN, None)
        job_id, became = _made_anew(parts, account, mark, replica, made_at), Became.MADE_ANEW
        jobs[suffix_in(mark)] = job_id
    _look_at_what_is_known(parts, job_id, mark)
    parts.engine.tell(job_id, MarkDiscovered(mark, replica.id, made_at))
    return Discovery(account, mark, replica.id, became, job_id)


def _look_at_what_is_known(parts: Parts, job_id: JobId, mark: Mark) -> None:
    """A training after which another was submitted has ended: it is looked at first, so that its end is told before what followed."""
    job = parts.ledger.get(job_id)
    if job.state is State.TRAINING and mark != job.attempt.mark:
        parts.engine.tell(job_id, CallbackReceived())
        parts.engine.advance(job_id)


def _made_anew(parts: Parts, account: str, mark: Mark, replica: Replica, made_at: datetime) -> JobId:
    """A job that asks for nothing but its replica: whatever was wanted of it beside that went with its request."""
    job_id = job_id_with(suffix_in(mark), made_at)
    asked = Request(replica={"replica_name": replica.name or "", "model_name": replica.model or parts.settings.model}, start=Start.NONE)
    # Were the process killed before the job is told, a worker would give it up, unpaid, for it has no input; the next run puts its replica on record.
    job = Job(id=job_id, account=account, caller=CALLER, request=asked, created_at=made_at)
    parts.ledger.add(job, fingerprint=replica_mark(job_id, 0), ring=None)
    return job_id


def _moment(said: str | None) -> datetime | None:
    """Tavus' moments are ISO-8601, mostly (Tavus, Get Replica, 2026-06)."""
    try:
        moment = datetime.fromisoformat(said or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
