"""What the API answers with about Tavus accounts: limits, pace, voices, credits. As with `documents` they may not leave anything out."""

from scheduler.api.documents import Moment, Money, Shown
from worker.core.failures import Failure
from worker.core.job import Lost


class Limits(Shown):
    """An account's limits; null: none, or not known."""

    account: str
    max_trainings_a_month: int | None
    max_in_flight: int | None
    requests_a_minute: int | None
    price: Money | None
    lost: Lost
    retry_after_refund: bool


class Stopped(Shown):
    """Why and since when nothing is paid for."""

    failure: Failure
    at: Moment


class Breaker(Shown):
    """Why calls of one kind are held back, and for how long."""

    reason: str
    seconds: float


class Pace(Shown):
    """How fast the account may be asked, and is."""

    requests_a_minute: int | None
    allowed_now: int | None
    sent_in_the_last_minute: int
    paused_seconds: float
    breakers: dict[str, Breaker]
    shared: bool


class Account(Shown):
    """An account."""

    name: str
    stopped: Stopped | None
    pace: Pace


class Accounts(Shown):
    """Every account that has a key here, or is stopped."""

    accounts: list[Account]


class Resumed(Shown):
    """The jobs that go on."""

    account: str
    jobs: list[str]


class Voices(Shown):
    """The stock voices that the account may name, in lower case; empty: they have not been read yet, and any is let in."""

    account: str
    voices: list[str]


class Month(Shown):
    """A line of the credit book."""

    account: str
    month: str
    submissions: int
    paid: int
    in_doubt: int
    failed: int
    refunds_expected: int
    refunds_assumed: int
    at_risk: int
    price: Money | None
    money_paid: Money | None
    refund_expected: Money | None
    money_at_risk: Money | None


class CreditBook(Shown):
    """The newest month first."""

    months: list[Month]
