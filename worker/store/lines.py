"""Who waits in line: the states, accounts and callers that have something due. It may not claim, and it looks at no job: it leaps along the index.

A line with nothing due costs two steps in the index, however many jobs stand in it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union,
    union_all,
)  # fmt: skip

from worker.core.states import FAIR, State
from worker.store.cleaning import hears
from worker.store.columns import Moment
from worker.store.said import rows
from worker.store.tables import METADATA

JOB, ATTEMPT, ACCOUNT = METADATA.tables["job"], METADATA.tables["attempt"], METADATA.tables["account"]
INBOX, NOTIFICATION = METADATA.tables["inbox"], METADATA.tables["notification"]


@dataclass(frozen=True, slots=True)
class DueLine:
    """An account's jobs of one state, of which at least one is due, or was rung for and did not come."""

    state: State
    account: str


@dataclass(frozen=True, slots=True)
class Due:
    """What waits for somebody: lines, none of a stopped account; and whether something is to be cleaned up: a deletion, or an end, that is due.

    `letters`: whether Tavus said something that nobody has read. `notifications`: whether a caller is to be told something.
    """

    lines: tuple[DueLine, ...] = ()
    deletions: bool = False
    letters: bool = False
    notifications: bool = False


def due(connection: Connection, now: datetime, *, rung_before: datetime) -> Due:
    """Every line with something due at `now`, or with a message that has been out since before `rung_before`; asked for in one statement."""
    told: dict[str, set[DueLine]] = {kind: set() for kind in (_LINE, _DELETION, _LETTER, _WORD, _STOPPED, _DEAF)}
    for kind, state, account in rows(connection, _EVERYTHING, {"now": now, "rung_before": rung_before}):
        told[kind].add(DueLine(State(state), account))
    poor, deaf = ({line.account for line in told[kind]} for kind in (_STOPPED, _DEAF))
    moving = [one for one in told[_LINE] if one.account not in deaf and not (one.state is State.QUEUED and one.account in poor)]
    in_turn = tuple(sorted(moving, key=lambda line: (line.state, line.account)))
    return Due(in_turn, deletions=bool(told[_DELETION]), letters=bool(told[_LETTER]), notifications=bool(told[_WORD]))


def oldest(connection: Connection, now: datetime) -> dict[DueLine, datetime]:
    """Since when the first of each line is due; lines of stopped accounts among them."""
    return {DueLine(State(row.state), row.account): row.due_at for row in connection.execute(_OLDEST, {"now": now})}


def callers(connection: Connection, state: State, account: str, now: datetime, rung_before: datetime | None) -> list[str]:
    """Who has jobs of this state and account that are due, or were rung for before `rung_before` and did not come; of a state in `FAIR`."""
    given = {"account": account, "now": now, "rung_before": rung_before}
    return sorted(connection.execute(_callers(state), given).scalars())


def in_fair_line(state: State, account: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    """The account's jobs in a state of `FAIR`. Its word is written out: a partial index serves only a statement that says its condition."""
    if state not in FAIR:
        message = f"nobody waits for another's {state} jobs"
        raise ValueError(message)
    return (JOB.c.state == literal_column(f"'{state.value}'"), JOB.c.account == account)


_BEFORE_ALL = literal(-(2**63), BigInteger)
# The statements, built once: to build one takes longer than the database takes to answer it.


def itself(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, in words that keep a planner from choosing an index by it where another is meant."""
    return func.coalesce(column, column)


@cache
def _callers(state: State) -> CompoundSelect[Any]:
    """From priority to priority of each caller, for within one the index has the jobs by their moments: the first of them says whether any is due."""
    account = bindparam("account", type_=String)
    line_of = in_fair_line(state, account)
    begin = select(func.min(JOB.c.caller).label("caller"), cast(null(), BigInteger).label("priority")).where(*line_of)
    step = begin.cte("line", recursive=True)
    after = JOB.c.priority > func.coalesce(step.c.priority, _BEFORE_ALL)
    higher = select(cast(func.min(JOB.c.priority), BigInteger)).where(*line_of, JOB.c.caller == step.c.caller, after).scalar_subquery()
    another = select(func.min(JOB.c.caller)).where(*line_of, JOB.c.caller > step.c.caller).scalar_subquery()
    following = select(case((higher.is_not(None), step.c.caller), else_=another), higher).where(step.c.caller.is_not(None))
    line = step.union_all(following)
    of_line = (*line_of, JOB.c.caller == line.c.caller, JOB.c.priority == line.c.priority)
    earliest = select(func.min(JOB.c.due_at)).where(*of_line).scalar_subquery()
    is_due = select(line.c.caller).where(line.c.priority.is_not(None), earliest <= bindparam("now", type_=Moment))
    is_out = (JOB.c.rung_at <= bindparam("rung_before", type_=Moment), itself(JOB.c.state) == state.value, itself(JOB.c.account) == account)
    return union(is_due, select(JOB.c.caller).where(*is_out))


_LINE, _DELETION, _LETTER, _WORD, _STOPPED, _DEAF = "line", "deletion", "letter", "word", "stopped", "deaf"


def _everything() -> CompoundSelect[Any]:
    """Rows of a kind, a state and an account; where one of the two has no meaning, it is any."""
    any_state, nobody = literal(State.QUEUED.value).label("state"), literal("").label("account")
    # Not DISTINCT: SQLite would read the whole index of the lines for that. They are few, unless the broker has lost all there was.
    unanswered = select(literal(_LINE).label("kind"), JOB.c.state, JOB.c.account).where(
        JOB.c.rung_at <= bindparam("rung_before", type_=Moment)
    )
    now = bindparam("now", type_=Moment)
    deletion = exists().where(ATTEMPT.c.delete_due_at <= now, hears(ATTEMPT.c.account))
    end = exists().where(JOB.c.conversation_end_due_at <= now, hears(JOB.c.account))
    deletions = select(literal(_DELETION).label("kind"), any_state, nobody).where(or_(deletion, end))
    letters = select(literal(_LETTER).label("kind"), any_state, nobody).where(exists().where(INBOX.c.due_at <= now))
    words = select(literal(_WORD).label("kind"), any_state, nobody).where(exists().where(NOTIFICATION.c.due_at <= now))
    kind = case((ACCOUNT.c.deaf, _DEAF), else_=_STOPPED).label("kind")
    stops = select(kind, any_state, ACCOUNT.c.name.label("account")).where(ACCOUNT.c.stopped_at.is_not(None))
    return union_all(_due(), unanswered, deletions, letters, words, stops)


def _due(*, with_moment: bool = False) -> Select[Any]:
    """`with_moment`: and since when the first of them is."""
    states = union_all(*(select(literal(state.value).label("state")) for state in State)).subquery("states")
    account = select(func.min(JOB.c.account)).where(JOB.c.state == states.c.state).scalar_subquery()
    first = select(states.c.state, account.label("account")).cte("line", recursive=True)
    after = and_(JOB.c.state == first.c.state, JOB.c.account > first.c.account)
    following = select(func.min(JOB.c.account)).where(after).scalar_subquery()
    line = first.union_all(select(first.c.state, following).where(first.c.account.is_not(None)))
    of_line = (JOB.c.state == line.c.state, JOB.c.account == line.c.account, JOB.c.due_at <= bindparam("now", type_=Moment))
    earliest = select(func.min(JOB.c.due_at)).where(*of_line).scalar_subquery()
    due_line = (line.c.account.is_not(None), earliest.is_not(None))
    moment = (earliest.label("due_at"),) if with_moment else ()
    return select(literal(_LINE).label("kind"), line.c.state, line.c.account, *moment).where(*due_line)


_EVERYTHING, _OLDEST = _everything(), _due(with_moment=True)
