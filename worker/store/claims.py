"""Leases: which jobs are due, and who has them. It may not look at what a job is about.

Two steps. The sweep *claims* due rows (`due_at` goes one lease ahead, `rung_at` says that a message is out) and rings; the worker that answers
*takes* the job (`version` goes up: the fence), and nobody else can write to it until the lease runs out. A message that is lost costs one lease; one
that is doubled, late or stale takes nothing.

Everybody who locks several rows and waits for them locks them by id, and who claims does not wait: so no two can wait for each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, String, Update, and_, bindparam, exists, func, not_, or_, select, update

from worker.core.failures import Failure
from worker.core.job import JobId
from worker.core.states import State
from worker.store.columns import Moment
from worker.store.database import one_of, portions
from worker.store.lines import in_fair_line, itself
from worker.store.tables import METADATA

JOB, ACCOUNT = METADATA.tables["job"], METADATA.tables["account"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that was claimed, and what is needed to ring for it. `asks`: its conversation was asked for, and may be there."""

    job_id: JobId
    account: str
    state: State
    asks: bool = False


def claim_due(
    connection: Connection,
    states: Iterable[State],
    account: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    *,
    caller: str | None = None,
    rung_before: datetime | None = None,
    asked: bool | None = None,
) -> list[Claim]:
    """Claim up to `limit` due jobs of the account in `states`, the longest due first. Safe for any number of callers at once.

    `caller`: of one state, and of this caller alone, the highest priority first. `rung_before`: first of all those that were rung for before that
    moment and are still not taken, their lease run out or not. `asked`: only those whose conversation may be there, or may not.
    """
    wanted = tuple(states)
    of_line = {"states": [state.value for state in wanted], "whose": account, "now": now}
    due, lost = (_LONGEST_DUE, _LOST) if caller is None else (_of_caller(wanted[0]), _LOST_OF_CALLER)
    if caller is not None:
        of_line["whom"] = caller
    claims: list[Claim] = []
    if rung_before is not None:
        given = of_line | {"rung_before": rung_before, "limit": limit}
        claims += _claim(connection, going_on(lost, wanted, asked), given, now, lease)
    if len(claims) < limit:
        claims += _claim(connection, going_on(due, wanted, asked), of_line | {"limit": limit - len(claims)}, now, lease)
    return claims


def claim_nearly(connection: Connection, account: str, now: datetime, until: datetime, lease: timedelta, limit: int) -> list[Claim]:
    """Claim up to `limit` of the account's trainings that fall due by `until`: a call that is made anyway has room for them."""
    nearly_due = going_on(_NEARLY_DUE, (State.TRAINING,), None)
    return _claim(connection, nearly_due, {"whose": account, "now": now, "until": until, "limit": limit}, now, lease)


def claim_these(connection: Connection, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Claim]:
    """Claim those of the named jobs that are due, the highest priority first and then the longest due."""
    return _claim(connection, _said(connection.dialect.name).named, {"ids": job_ids, "now": now}, now, lease)


def _claim(connection: Connection, wanted: Select[Any], given: Mapping[str, object], now: datetime, lease: timedelta) -> list[Claim]:
    moments = {"new_due_at": now + lease, "new_rung_at": now}
    if connection.dialect.name != "sqlite":
        claimed = connection.execute(_claimed(wanted), {**given, **moments}).all()
        return [Claim(JobId(row.id), row.account, state := State(row.state), row.asks and state is State.OPENING) for row in claimed]
    found = [Claim(JobId(row.id), row.account, State(row.state)) for row in connection.execute(wanted, given).all()]
    said = _said(connection.dialect.name)
    _write(connection, said.claim, [claim.job_id for claim in found], **moments)
    # Asked for these alone: the index has all that the claim itself needs, and not this.
    opening = [claim.job_id for claim in found if claim.state is State.OPENING]
    asking = {job_id for part in portions(connection, opening) for job_id in _ids(connection, said.asking, ids=part)}
    return [replace(claim, asks=True) if claim.job_id in asking else claim for claim in found] if asking else found


@cache
def _claimed(wanted: Select[Any]) -> Select[Any]:
    """Who is wanted, claimed by PostgreSQL in one statement, and told in the order wanted."""
    # Who locks rows in a WITH does so once: as a subquery of the UPDATE it may be run again for each row, and then its LIMIT limits nothing.
    first = wanted.cte("wanted")
    in_turn = select(first, func.row_number().over().label("turn")).cte("in_turn")
    due_at, rung_at = bindparam("new_due_at", type_=Moment), bindparam("new_rung_at", type_=Moment)
    asks = JOB.c.conversation_intended_at.is_not(None).label("asks")
    change = update(JOB).where(JOB.c.id == in_turn.c.id).values(due_at=due_at, rung_at=rung_at).returning(JOB.c.id, asks).cte("claimed")
    rows = select(in_turn.c.id, in_turn.c.account, in_turn.c.state, change.c.asks)
    return rows.join_from(in_turn, change, change.c.id == in_turn.c.id).order_by(in_turn.c.turn)


def wake(connection: Connection, account: str, failures: Iterable[Failure], now: datetime, *, limit: int | None = None) -> None:
    """Make queued jobs of the account due at `now` that wait for one of these reasons until later: the first `limit`, or all.

    Claimed ones are passed over.
    """
    waiting = (
        JOB.c.account == account,
        JOB.c.state == State.QUEUED.value,
        JOB.c.failure.in_([one.value for one in failures]),
        JOB.c.due_at > now,
        JOB.c.rung_at.is_(None),
    )
    first = select(JOB.c.id).where(*waiting).order_by(JOB.c.priority.desc(), JOB.c.id).limit(limit).with_for_update(skip_locked=True)
    _write(connection, _said(connection.dialect.name).wake, _ids(connection, first), new_due_at=now)


def unclaim(connection: Connection, job_ids: Sequence[JobId], now: datetime) -> None:
    """Give claims back: the message could not be sent, so the jobs are due at once."""
    said = _said(connection.dialect.name)
    _write(connection, said.claim, _ids(connection, said.lock_rung, ids=job_ids), new_due_at=now, new_rung_at=None)


def take(connection: Connection, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[JobId]:
    """Take those of the named jobs that were rung for or are due; the others are somebody else's, or the message is stale."""
    said = _said(connection.dialect.name)
    taken = _ids(connection, said.lock_answering, ids=job_ids, now=now)
    _write(connection, said.take, taken, new_due_at=now + lease)
    return taken


def taking(dialect: str) -> Update:
    """The same for one job, in one statement that gives its row: `ids`, `now` and `new_due_at` are its parameters."""
    return _said(dialect).take_row


def _ids(connection: Connection, wanted: Select[Any], **given: object) -> list[JobId]:
    return [JobId(job_id) for job_id in connection.execute(wanted, given).scalars().all()]


def _write(connection: Connection, change: Update, job_ids: Sequence[JobId], **values: datetime | None) -> None:
    for part in portions(connection, job_ids):
        connection.execute(change, {"ids": part} | values)


# One that may be open is looked for all the same: it bills, and it is not among the active ones for long.
_UNASKED = and_(JOB.c.state == State.OPENING.value, JOB.c.conversation_intended_at.is_(None))


_PAYING = or_(JOB.c.state == State.QUEUED.value, _UNASKED)


def not_stopped() -> ColumnElement[bool]:
    """Leave the line of a stopped account alone: what may pay, and everything where the key itself is not accepted."""
    stopped = (ACCOUNT.c.name == JOB.c.account, ACCOUNT.c.stopped_at.is_not(None), or_(ACCOUNT.c.deaf, _PAYING))
    return not_(exists().where(*stopped).correlate(JOB))


# The statements themselves, built once: to build one takes longer than the database takes to answer it.


def answering(dialect: str) -> ColumnElement[bool]:
    """Of the jobs `ids` those that `take` would give at `now`: also for who only looks, and fences nobody."""
    rung = and_(JOB.c.rung_at.is_not(None), JOB.c.due_at.is_not(None))
    return and_(one_of(dialect, JOB.c.id, "ids"), or_(rung, JOB.c.due_at <= _NOW))


def _claimable(*which: ColumnElement[bool], order: Sequence[ColumnElement[Any]]) -> Select[Any]:
    wanted = select(JOB.c.id, JOB.c.account, JOB.c.state).where(*which).order_by(*order)
    # PostgreSQL: what another claims at this moment is passed over. SQLite has one writer at a time anyway.
    return wanted.with_for_update(skip_locked=True)


_NOW, _LIMIT = bindparam("now", type_=Moment), bindparam("limit", type_=Integer)
# Not called as columns are: SQLAlchemy would take them for values of the UPDATE that they stand in.
_ACCOUNT, _STATES = bindparam("whose", type_=String), bindparam("states", type_=String, expanding=True)
_OF_CALLER = JOB.c.caller == bindparam("whom")
_RUNG_BEFORE = JOB.c.rung_at <= bindparam("rung_before", type_=Moment)
_LONGEST_DUE = _claimable(JOB.c.state.in_(_STATES), JOB.c.account == _ACCOUNT, JOB.c.due_at <= _NOW, order=[JOB.c.due_at]).limit(_LIMIT)
_LOST = _claimable(
    itself(JOB.c.state).in_(_STATES), itself(JOB.c.account) == _ACCOUNT, _RUNG_BEFORE, order=[JOB.c.rung_at]
).limit(_LIMIT)  # fmt: skip
_LOST_OF_CALLER = _LOST.where(_OF_CALLER)
_NEARLY_DUE = _claimable(
    JOB.c.state == State.TRAINING.value, JOB.c.account == _ACCOUNT, JOB.c.due_at > _NOW, JOB.c.due_at <= bindparam("until", type_=Moment),
    JOB.c.rung_at.is_(None), order=[JOB.c.due_at],
).limit(_LIMIT)  # fmt: skip


@cache
def _of_caller(state: State) -> Select[Any]:
    line = (*in_fair_line(state, _ACCOUNT), _OF_CALLER, itself(JOB.c.due_at) <= _NOW)
    return _claimable(*line, order=[JOB.c.priority.desc(), JOB.c.due_at]).limit(_LIMIT)


@cache
def going_on(wanted: Select[Any], states: tuple[State, ...], asked: bool | None) -> Select[Any]:  # noqa: FBT001 - a key of the cache
    """The same, of an account that is not stopped as far as these states are concerned; `asked` as `claim_due` has it."""
    stopped = exists().where(ACCOUNT.c.name == _ACCOUNT, ACCOUNT.c.stopped_at.is_not(None))
    if set(states) == {State.QUEUED}:  # all of these pay; a condition more would cost the index its use
        wanted = wanted.where(not_(stopped))
    elif {State.QUEUED, State.OPENING} & set(states):
        wanted = wanted.where(not_(stopped.where(ACCOUNT.c.deaf)), or_(not_(_PAYING), not_(stopped)))
    else:
        wanted = wanted.where(not_(stopped.where(ACCOUNT.c.deaf)))
    asking = JOB.c.conversation_intended_at
    return wanted if asked is None else wanted.where(asking.is_not(None) if asked else asking.is_(None))


class _Said:
    """What is said of jobs by their ids."""

    def __init__(self, dialect: str) -> None:
        named = one_of(dialect, JOB.c.id, "ids")
        due_at, rung_at = bindparam("new_due_at", type_=Moment), bindparam("new_rung_at", type_=Moment)
        self.named = _claimable(named, JOB.c.due_at <= _NOW, not_stopped(), order=[JOB.c.priority.desc(), JOB.c.due_at])
        self.asking = select(JOB.c.id).where(named, JOB.c.conversation_intended_at.is_not(None))
        lock = select(JOB.c.id).order_by(JOB.c.id).with_for_update()
        self.lock_rung, self.lock_answering = lock.where(named, JOB.c.rung_at.is_not(None)), lock.where(answering(dialect), not_stopped())
        self.claim = update(JOB).where(named).values(due_at=due_at, rung_at=rung_at)
        self.wake = update(JOB).where(named).values(due_at=due_at)
        self.take = update(JOB).where(named).values(version=JOB.c.version + 1, due_at=due_at, rung_at=None)
        self.take_row = self.take.where(answering(dialect), not_stopped()).returning(JOB)


_said = cache(_Said)
