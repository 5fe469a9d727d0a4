"""Whether an account's own limits let another training be paid for. Outside the transaction that writes the intent its word is a hint and no more."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from worker.core.events import BudgetReached
from worker.core.failures import Failure
from worker.core.job import UNPAID, UNSETTLED, Attempt, Outcome, Terms
from worker.core.rules import Rules
from worker.store.tables import METADATA

ACCOUNT, ATTEMPT, JOB = METADATA.tables["account"], METADATA.tables["attempt"], METADATA.tables["job"]
_PAID = [outcome.value for outcome in Outcome if outcome not in {Outcome.REFUSED, Outcome.ABSENT, Outcome.FAILED}]
_RUNNING = sorted(outcome.value for outcome in UNSETTLED)


class BudgetSpentError(Exception):
    """The intent to pay was not written: with it the account would be over its limit. `event` tells the job so."""

    def __init__(self, event: BudgetReached) -> None:
        """Keep what the job is to be told."""
        super().__init__(event.detail)
        self.event = event


def lock(connection: Connection, account: str) -> None:
    """Whoever else would write an intent for this account waits: two must not both take the last place. SQLite has one writer at a time anyway."""
    connection.execute(select(ACCOUNT.c.name).where(ACCOUNT.c.name == account).with_for_update())


def reached(connection: Connection, account: str, terms: Terms, now: datetime, rules: Rules, *, written: int = 0) -> BudgetReached | None:
    """What the account's limits say to one more training; `written`: how many of those that are counted are this one."""
    if terms.max_in_flight is not None:
        in_flight = running(connection, account, now, rules) - written
        if in_flight >= terms.max_in_flight:
            detail = f"{in_flight} trainings run, and the account {account} allows {terms.max_in_flight}"
            return BudgetReached(Failure.IN_FLIGHT_FULL, detail)
    if terms.max_trainings_a_month is not None:
        paid = _count_paid(connection, account, _month_of(now), now) - written
        if paid >= terms.max_trainings_a_month:
            detail = f"{paid} trainings are paid for this month, and the account {account} allows {terms.max_trainings_a_month}"
            return BudgetReached(Failure.MONTH_SPENT, detail, retry_after=_next_place(connection, account, now) - now)
    return None


def free_from(before: Attempt | None, after: Attempt, now: datetime) -> datetime | None:
    """From when a submission no longer counts for its month, when this is what its account has just learned of it; None: it goes on to count."""
    if before is not None and before.outcome is after.outcome:
        return None
    if after.outcome in UNPAID:
        return now
    return after.deletable_at if after.outcome is Outcome.FAILED else None


def used(connection: Connection, account: str, terms: Terms, now: datetime, rules: Rules) -> tuple[int | None, int | None]:
    """How many trainings run, and are paid for this month, where the account has a limit for it."""
    in_flight = None if terms.max_in_flight is None else running(connection, account, now, rules)
    return in_flight, None if terms.max_trainings_a_month is None else _count_paid(connection, account, _month_of(now), now)


def running(connection: Connection, account: str, now: datetime, rules: Rules) -> int:
    """The account's trainings that are under way, or may be. Past every deadline one is not counted: nobody looks at it any more."""
    since = now - 2 * rules.training_deadline
    under_way = (
        ATTEMPT.c.account == account,
        ATTEMPT.c.outcome.in_(_RUNNING),
        ATTEMPT.c.vanished_at.is_(None),
        ATTEMPT.c.intended_at > since,
    )
    return int(connection.execute(select(func.count()).select_from(ATTEMPT).where(*under_way)).scalar_one())


def _next_place(connection: Connection, account: str, now: datetime) -> datetime:
    """When the month has a place again at the latest: when it is another, or a refund is safe."""
    refunds = (ATTEMPT.c.account == account, ATTEMPT.c.outcome == Outcome.FAILED.value, ATTEMPT.c.deletable_at > now)
    of_month = ATTEMPT.c.intended_at >= _month_of(now)
    first: datetime | None = connection.execute(select(func.min(ATTEMPT.c.deletable_at)).where(*refunds, of_month)).scalar_one()
    return min(_month_after(now), first or _month_after(now))


def _count_paid(connection: Connection, account: str, since: datetime, now: datetime) -> int:
    """Trainings that are paid for; a failed one counts until its refund may be assumed."""
    unrefunded = and_(ATTEMPT.c.outcome == Outcome.FAILED.value, ATTEMPT.c.deletable_at > now)
    of_month = (ATTEMPT.c.account == account, ATTEMPT.c.intended_at >= since, or_(ATTEMPT.c.outcome.in_(_PAID), unrefunded))
    return int(connection.execute(select(func.count()).select_from(ATTEMPT).where(*of_month)).scalar_one())


def _month_of(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _month_after(now: datetime) -> datetime:
    return _month_of(_month_of(now) + timedelta(days=32))
