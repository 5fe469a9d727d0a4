"""Judges whether an installation is sound, check by check, and says what to do. It may not ask anything: who examines hands it facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from worker.durations import show_duration
from worker.store.migrate import Revision
from worker.tavus.client import Answer, Cut, NotSent, Reply

_FEW_SWEEPS, _LEAST_WAIT = 5, timedelta(seconds=30)  # a worker that is busy, or has just started, is no fault
_OFF = timedelta(seconds=2)  # what a host without a time server is off by after some days
_MISSED = 1.5  # of the time between two ticks: one that is late is no fault
_KEY_REFUSED, _PLAN_USED_UP, _TOO_MANY = (401, 403), 402, 429


class Verdict(StrEnum):
    """What came of a check. Advice is no fault."""

    OK = "ok"
    NOT_OK = "not ok"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `found`: what is so. `do`: what to do about it; empty where nothing is to be done."""

    name: str
    verdict: Verdict
    found: str
    do: str = ""


def settings(problem: str | None) -> Check:
    """Whether the settings make a working program."""
    if problem is None:
        return Check("settings", Verdict.OK, "they can be read")
    return Check("settings", Verdict.NOT_OK, problem, "Correct the variable, in the environment or in .env.")


def encryption(*, has_key: bool) -> Check:
    """Whether the ledger's secrets are sealed."""
    if has_key:
        return Check("encryption", Verdict.OK, "the ledger's secrets are sealed")
    advice = "Set REPLICAS_ENCRYPTION_KEY everywhere and run `replicas reseal`, where others can read the database or its backups."
    return Check("encryption", Verdict.ADVICE, "the ledger holds addresses and signing secrets in the clear", advice)


def database(revision: Revision | None, problem: str | None = None) -> Check:
    """Whether the database answers, and has the tables that this code was written for. `revision` None: it does not answer."""
    if revision is None:
        return Check("database", Verdict.NOT_OK, problem or "it does not answer", "Start it, or correct DATABASE_URL or REPLICAS_HOME.")
    if revision.here == revision.code:
        return Check("database", Verdict.OK, f"it answers, and is at revision {revision.code}")
    if revision.is_known:
        found = f"it is at revision {revision.here or 'none'}, and this code needs {revision.code}"
        return Check("database", Verdict.NOT_OK, found, "Run `replicas migrate`.")
    found = f"it is at revision {revision.here}, which is newer than this code ({revision.code})"
    return Check("database", Verdict.ADVICE, found, "This code works on it. Do not migrate with it: databases are not brought back.")


def broker(problem: str | None) -> Check:
    """Whether the broker answers."""
    if problem is None:
        return Check("broker", Verdict.OK, "it answers")
    return Check(
        "broker", Verdict.NOT_OK, problem, "Start it (`replicas run` brings its own), or correct REDIS_URL. No job is lost meanwhile."
    )


def canary(problem: str | None, do: str = "") -> Check:
    """Whether a task of beat goes all the way through the broker and a worker into the ledger."""
    if problem is None:
        return Check("canary", Verdict.OK, "a worker took the last one of beat")
    return Check("canary", Verdict.NOT_OK, problem, do)


def workers(problem: str | None, do: str = "") -> Check:
    """Whether each worker that is expected lives, and hears the broker."""
    if problem is None:
        return Check("workers", Verdict.OK, "each hears the broker")
    return Check("workers", Verdict.NOT_OK, problem, do)


def clock(off: timedelta | None) -> Check:
    """Whether this host's clock agrees with the database's. `off`: by how much it is ahead; None: both are one."""
    if off is None or abs(off) <= _OFF:
        return Check("clock", Verdict.OK, "it is the database's own" if off is None else "it agrees with the database's")
    found = f"it is {show_duration(abs(off))} {'ahead of' if off > timedelta(0) else 'behind'} the database's"
    return Check(
        "clock",
        Verdict.NOT_OK,
        found,
        "Have it set by NTP. Jobs go by the database's clock, logs and signatures by this one.",
    )


def long_due(sweep_interval: timedelta) -> Sequence[timedelta]:
    """How long something may be due: the first is longer than it should be, the others tell how bad it is."""
    few = max(_FEW_SWEEPS * sweep_interval, _LEAST_WAIT)
    return [few, *(age for age in (timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)) if age > few)]


def due(waits: Mapping[tuple[str, str], timedelta]) -> Check:
    """Whether what is due is looked at. `waits`: for each state and account, how long something of it has been due at least."""
    if not waits:
        return Check("due jobs", Verdict.OK, "nothing has waited for longer than a few sweeps")
    said = [f"{state} jobs of {account} for more than {show_duration(age)}" for (state, account), age in sorted(waits.items())]
    todo = "Look whether a worker and beat are up (`replicas run` starts both, Flower shows them). If they are, start more workers."
    return Check("due jobs", Verdict.NOT_OK, f"due, and not looked at: {'; '.join(said)}", todo)


def beat(last: datetime | None, now: datetime, every: timedelta) -> Check:
    """Whether beat's ticks are carried out, by the one that reads the voices. `last`: when it last did so for any account."""
    todo = "Look whether beat and a worker are up: `replicas run` starts both."
    if last is None:
        return Check("beat", Verdict.NOT_OK, "no tick of it has ever been carried out: the voices were never read", todo)
    ago = show_duration(max(now - last, timedelta(0)))
    if now - last <= _MISSED * every + _LEAST_WAIT:
        return Check("beat", Verdict.OK, f"the voices were read {ago} ago")
    return Check("beat", Verdict.NOT_OK, f"the voices were read {ago} ago, and it rings for that every {show_duration(every)}", todo)


def no_account() -> Check:
    """There is nobody to work for."""
    return Check("accounts", Verdict.NOT_OK, "there is no key of any Tavus account", "Set TAVUS_API_KEY.")


def key(account: str, reply: Reply) -> Check:
    """Whether Tavus takes the account's key. `reply`: to a call that costs nothing."""
    name = f"key of {account}"
    if isinstance(reply, Answer):
        return _answered(name, account, reply)
    if isinstance(reply, NotSent) and reply.retry_after is not None:
        return Check(name, Verdict.ADVICE, f"not asked: {reply.detail}", f"Look again in {show_duration(reply.retry_after)}.")
    if isinstance(reply, NotSent) and reply.keyless:
        return Check(name, Verdict.NOT_OK, reply.detail, "Set it in the environment or in .env.")
    return Check(name, Verdict.NOT_OK, f"Tavus was not reached: {reply.detail}", "Look at the network, and at TAVUS_PUBLIC_API_BASE_URL.")


def is_reached(reply: Reply) -> bool:
    """Whether Tavus lets the account in: only then can anybody have read its voices."""
    return not isinstance(reply, NotSent | Cut) and reply.ok


def _answered(name: str, account: str, reply: Answer) -> Check:
    if reply.ok:
        return Check(name, Verdict.OK, "Tavus takes it")
    if reply.status in _KEY_REFUSED:
        return Check(name, Verdict.NOT_OK, f"Tavus refuses it ({reply.status}): {reply.said}", _resumed("Correct the key", account))
    if reply.status == _PLAN_USED_UP:
        return Check(name, Verdict.NOT_OK, f"its plan is used up (402): {reply.said}", _resumed("Add credit at Tavus", account))
    if reply.status == _TOO_MANY:
        return Check(name, Verdict.ADVICE, "Tavus asks to slow down (429)", "Set `replicas limits --requests-a-minute`, if that goes on.")
    return Check(name, Verdict.NOT_OK, f"Tavus answers {reply.status}: {reply.said}", "Look again in a while, and at Tavus' status page.")


def _resumed(first: str, account: str) -> str:
    return f"{first}, restart, and run `replicas accounts resume {account}` if it is stopped."
