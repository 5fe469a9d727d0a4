"""Jobs read with their stories, shelf by shelf, for whoever checks all of them. Rows that cannot be read are named: it may not stop at one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from worker.core.job import Job, JobId
from worker.store import stories, whole
from worker.store.database import one_of, portions
from worker.store.sealing import sealer_of
from worker.store.tables import METADATA
from worker.store.whole import ATTEMPT, JOB

UNREADABLE = (ValueError, TypeError, LookupError)
"""What a row raises that was changed by hand, or written by a newer version."""
STORY = METADATA.tables["story"]
_SOME = 100  # of what should not be there: who has to mend more begins with these


@dataclass(frozen=True, slots=True)
class Shelf:
    """Some jobs in the order of their ids, each with its story; and the rows that cannot be read, by id, with the reason. `last`: where it ends."""

    jobs: list[Job]
    stories: Mapping[JobId, list[stories.Line]]
    unreadable: Mapping[JobId, str]
    last: JobId | None


def read(connection: Connection, after: JobId | None, limit: int) -> Shelf:
    """The next jobs after that id, as one moment sees them with their stories."""
    following = select(JOB.c.id).order_by(JOB.c.id).limit(limit)
    ids = [JobId(one) for one in connection.execute(following.where(JOB.c.id > after) if after else following).scalars()]
    jobs, unreadable = readable(connection, ids)
    told, untold = _stories(connection, ids)
    return Shelf(jobs, told, unreadable | untold, ids[-1] if ids else None)


def readable(connection: Connection, ids: Sequence[JobId]) -> tuple[list[Job], dict[JobId, str]]:
    """The jobs that can be read, and why the others cannot: all at once when none is odd, else one by one."""
    try:
        return sorted(whole.jobs_of(connection, ids), key=lambda job: job.id), {}
    except UNREADABLE:
        jobs: list[Job] = []
        unreadable: dict[JobId, str] = {}
        for job_id in ids:
            try:
                jobs += whole.jobs_of(connection, [job_id])
            except UNREADABLE as error:
                unreadable[job_id] = f"{type(error).__name__}: {error}"
        return jobs, unreadable


def shared(connection: Connection) -> list[tuple[str, list[str]]]:
    """Replicas that more than one job has, of which there are none, each with those jobs; some, where there are many."""
    of_several = (
        select(ATTEMPT.c.replica_id)
        .where(ATTEMPT.c.replica_id.is_not(None))
        .group_by(ATTEMPT.c.replica_id)
        .having(func.min(ATTEMPT.c.job_id) != func.max(ATTEMPT.c.job_id))
        .limit(_SOME)
    )
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(ATTEMPT.c.replica_id, ATTEMPT.c.job_id).distinct().where(ATTEMPT.c.replica_id.in_(of_several))):
        found.setdefault(row.replica_id, []).append(row.job_id)
    return sorted((replica_id, sorted(jobs)) for replica_id, jobs in found.items())


def replicas(connection: Connection, account: str, most: int) -> int:
    """How many replicas of the account the ledger has on record that nobody has deleted; `most` at most."""
    there = (ATTEMPT.c.account == account, ATTEMPT.c.replica_id.is_not(None), ATTEMPT.c.deleted_at.is_(None))
    some = select(ATTEMPT.c.mark).where(*there).limit(most).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def _stories(connection: Connection, ids: Sequence[JobId]) -> tuple[dict[JobId, list[stories.Line]], dict[JobId, str]]:
    """The stories, and which of them have a line that cannot be read, and why."""
    told: dict[JobId, list[stories.Line]] = {job_id: [] for job_id in ids}
    untold: dict[JobId, str] = {}
    for part in portions(connection, ids):
        told_of = select(STORY).where(one_of(connection.dialect.name, STORY.c.job_id, "ids")).order_by(STORY.c.id)
        found = connection.execute(told_of, {"ids": part})
        for row in found.mappings():
            try:
                told[JobId(row["job_id"])].append(stories.line_from(dict(row), sealer_of(connection)))
            except UNREADABLE as error:
                untold[JobId(row["job_id"])] = f"a line of its story: {type(error).__name__}: {error}"
    return told, untold
