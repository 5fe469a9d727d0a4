"""Pages of jobs, newest first, by whatever they are asked for. It may not count to the end: how many there are would cost as much as all of them.

An id begins with its job's moment, so the order of ids is that of age, and bounds on the age are bounds on the id. For each other thing that jobs are
asked for by, an index has that order behind it (`ix_job_caller_id` and its sisters): a page costs its own rows, whatever stands behind them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from worker.core.job import Job, JobId, ReplicaId
from worker.core.marks import ALPHABET, first_id_of
from worker.core.states import State
from worker.store.tables import METADATA

JOB, ATTEMPT = METADATA.tables["job"], METADATA.tables["attempt"]
_LENGTH = 26  # of an id


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which jobs: all for which everything holds that is not None. `since`: created then or later. `before`: created earlier than that.

    `prefix`: how the id begins.
    """

    state: State | None = None
    account: str | None = None
    caller: str | None = None
    replica_id: ReplicaId | None = None
    since: datetime | None = None
    before: datetime | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first. `next`: the id after which the next page goes on; None: there is none."""

    jobs: tuple[Job, ...]
    next: JobId | None


def ids(connection: Connection, wanted: Wanted, after: JobId | None, limit: int) -> tuple[list[JobId], JobId | None]:
    """The ids of a page, and after which the next goes on."""
    question = select(JOB.c.id).where(*_conditions(wanted, after)).order_by(JOB.c.id.desc()).limit(limit + 1)
    found = [JobId(one) for one in connection.execute(question).scalars()]
    return found[:limit], found[limit - 1] if len(found) > limit else None


def versions(connection: Connection, wanted: Wanted, after: JobId | None, limit: int) -> list[tuple[JobId, int]]:
    """The ids of a page, each with how often its job was written: as long as they are the same, so is the page."""
    question = select(JOB.c.id, JOB.c.version).where(*_conditions(wanted, after)).order_by(JOB.c.id.desc()).limit(limit)
    return [(JobId(row.id), row.version) for row in connection.execute(question)]


def tally(connection: Connection, caller: str | None, most: int) -> dict[State, int]:
    """How many jobs are in each state, as far as `most`: of all callers so many of each state, of one caller among so many of their newest.

    So it costs no more than that many entries of an index, however many jobs there are.
    """
    if caller is not None:
        newest = select(JOB.c.state).where(JOB.c.caller == caller).order_by(JOB.c.id.desc()).limit(most).subquery()
        found = connection.execute(select(newest.c.state, func.count()).group_by(newest.c.state))
        return {State(state): count for state, count in found}
    # In the order of the index: whoever counts in no order may be led to read the table.
    newest_in = {one: select(JOB.c.id).where(JOB.c.state == one.value).order_by(JOB.c.id.desc()).limit(most).subquery() for one in State}
    counted = connection.execute(select(*(select(func.count()).select_from(one).scalar_subquery() for one in newest_in.values()))).one()
    return dict(zip(newest_in, counted, strict=True))


def _conditions(wanted: Wanted, after: JobId | None) -> Iterator[ColumnElement[bool]]:
    if after is not None:
        yield JOB.c.id < after
    if wanted.state is not None:
        yield JOB.c.state == wanted.state.value
    if wanted.account is not None:
        yield JOB.c.account == wanted.account
    if wanted.caller is not None:
        yield JOB.c.caller == wanted.caller
    if wanted.replica_id is not None:
        yield JOB.c.id.in_(select(ATTEMPT.c.job_id).where(ATTEMPT.c.replica_id == wanted.replica_id))
    if wanted.prefix is not None:
        # A range of ids, and no LIKE: every database goes through its index for that, whatever it thinks of the order of letters.
        yield JOB.c.id.between(wanted.prefix.ljust(_LENGTH, ALPHABET[0]), wanted.prefix.ljust(_LENGTH, ALPHABET[-1]))
    if wanted.since is not None:
        yield JOB.c.id >= first_id_of(wanted.since)
    if wanted.before is not None:
        yield JOB.c.id < first_id_of(wanted.before)
