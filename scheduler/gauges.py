"""What stands in the ledger, the pace and the broker, as Prometheus' gauges. It may not count by itself, nor say more than how much there is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from scheduler import auditing, beat
from scheduler.findings import CHECKS
from worker.app import QUEUES
from worker.assembly import Parts
from worker.core.credits import Entry
from worker.core.failures import Failure
from worker.core.states import State
from worker.counted import CANARIES, SWEEPS
from worker.learned import CALLBACKS
from worker.pacing.kinds import Kind, Reason
from worker.pacing.pacer import Standing
from worker.store.accounts import Stop
from worker.store.gauges import MOST, Account
from worker.store.tallies import Tally
from worker.transport import waiting

_AT_WORK = 0.4
"""The part of its budget that an account spends at least whose line waits for nothing but its pace: looks alone may take half of it."""
_LIMITS = (
    ("running", "trainings at once", "max_in_flight"),
    ("paid", "trainings paid this month", "max_trainings_a_month"),
)  # fmt: skip
Row = tuple[Sequence[str], float]


def _family(name: str, about: str, labels: Sequence[str], rows: Iterable[Row]) -> GaugeMetricFamily:
    made = GaugeMetricFamily(f"replicas_{name}", about, labels=labels)
    for words, value in rows:
        made.add_metric(words, value)
    return made


def aged(parts: Parts, tallies: Mapping[str, Tally], standings: Mapping[str, Standing]) -> Iterator[Metric]:
    """How long ago things were due, or last happened. Raises one of UNREACHABLE."""
    now = parts.engine.clock()
    ages = {line: max((now - due).total_seconds(), 0.0) for line, due in parts.ledger.gauges.oldest(now).items()}
    stops = {stop.account: stop for stop in parts.ledger.stops()}
    free = [age for (line, account), age in ages.items() if not _is_held_back(line, stops.get(account), standings.get(account))]
    about = (
        "Age of the oldest due row that nothing holds back: neither a stopped account nor its pace. The one number that says that all lives"
    )
    yield _family("oldest_due_seconds", about, (), [((), max(free, default=0.0))])
    about = "Age of the oldest due row of each line, whatever holds it back. Accounts without a key here are `other`"
    of_lines: dict[tuple[str, str], float] = {}
    for (line, account), age in ages.items():
        shown = account if account in parts.settings.accounts or not account else "other"
        of_lines[line, shown] = max(age, of_lines.get((line, shown), 0.0))
    yield _family("line_oldest_due_seconds", about, ("line", "account"), of_lines.items())
    for name, series, what in (("sweep_lag", SWEEPS, "a sweep ended"), ("canary_age", CANARIES, "a worker took a canary of beat")):
        happened = tallies.get(series)
        rows: list[Row] = [] if happened is None else [((), _seconds(now, happened.at))]
        yield _family(f"{name}_seconds", f"Seconds since {what}, to within ten; nothing before the first", (), rows)
    yield _family(
        "account_stopped", "1 where an account's line is stopped", ("account",), [((one,), float(one in stops)) for one in _keys(parts)]
    )
    yield from _told(parts, now)
    yield from _by_the_calendar(parts, now)


def _told(parts: Parts, now: datetime) -> Iterator[Metric]:
    backlog = parts.ledger.gauges.backlog()
    yield _family("notifications_waiting", "Notifications that callers are still to be told, 10000 at most", (), [((), backlog.waiting)])
    oldest = 0.0 if backlog.oldest is None else _seconds(now, backlog.oldest)
    yield _family("notifications_oldest_seconds", "Age of the oldest of them", (), [((), oldest)])
    yield _family("notifications_dead", "Those that were given up, of the newest 10000", (), [((), backlog.dead)])


def _by_the_calendar(parts: Parts, now: datetime) -> Iterator[Metric]:
    """Daily work, and jobs that recur."""
    rounds, daily = parts.ledger.rounds.every(), beat.rounds(parts.settings)
    ages = [((name,), _seconds(now, one.ended_at)) for name in daily if (one := rounds.get(name)) is not None and one.ended_at is not None]
    yield _family("round_age_seconds", "Seconds since daily work was last done to its end; nothing before the first", ("round",), ages)
    audit = rounds.get(auditing.NAME)
    found = audit.outcome if audit is not None else None
    rows: list[Row] = [] if found is None else [((check,), float(found.get(check, 0))) for check in CHECKS]
    yield _family("audit_findings", "What the last daily audit found, by check; nothing before the first", ("check",), rows)
    refused = float(parts.ledger.recurrences.refused())
    yield _family("recurring_refused", "Jobs that recur whose last occurrence was refused", (), [((), refused)])


def _seconds(now: datetime, then: datetime) -> float:
    return max((now - then).total_seconds(), 0.0)


def _keys(parts: Parts) -> list[str]:
    return sorted(parts.settings.accounts)


def _is_held_back(line: str, stop: Stop | None, standing: Standing | None) -> bool:
    """Whether nobody is to work on this line: its account is stopped, works as fast as it may, or may not call for this just now."""
    if line not in set(State):
        return False  # errands do not wait for Tavus alone
    kind = {State.QUEUED: Kind.SUBMIT, State.OPENING: Kind.CONVERSE}.get(State(line), Kind.LOOK)
    if stop is not None and (stop.deaf or kind.pays):
        return True
    if standing is None:
        return False
    is_at_work = standing.allowed is not None and standing.sent >= max(standing.allowed * _AT_WORK, 1.0)
    return bool(standing.pause) or kind in standing.breaks or is_at_work


def counted(parts: Parts) -> Iterator[Metric]:
    """What rows are counted for. Raises one of UNREACHABLE."""
    ledger, rules, now = parts.ledger, parts.engine.rules, parts.engine.clock()
    jobs = ledger.gauges.jobs()
    yield _family("jobs", f"Jobs by state, {MOST} of each at most", ("state",), [((state.value,), jobs[state]) for state in State])
    held = ledger.gauges.held()
    yield _family("jobs_held", "Held jobs by reason", ("failure",), [((one.value,), held.get(one, 0)) for one in Failure])
    of_accounts = ledger.gauges.accounts(_keys(parts), now, rules)
    yield from _money(parts, of_accounts)
    late = [((name,), float(one.late)) for name, one in of_accounts.items()]
    yield _family("trainings_late", "Trainings that run for longer than nearly all do", ("account",), late)
    missed: list[Row] = []
    if parts.settings.public_url is not None:
        lessons = ledger.lessons()
        missed = [((one,), float(found["missed"])) for one in _keys(parts) if (found := lessons.get(f"{CALLBACKS}{one}"))]
    about = "The part of the trainings that ended lately whose callback did not come"
    yield _family("callbacks_missed_ratio", about, ("account",), missed)


def _money(parts: Parts, of_accounts: Mapping[str, Account]) -> Iterator[Metric]:
    terms = {name: parts.ledger.terms(name) for name in of_accounts}
    entries = chain.from_iterable([((name, entry.value), n) for entry, n in one.entries.items()] for name, one in of_accounts.items())
    yield _family("credits", "Submissions of the last 31 days by what they are in the credit book", ("account", "entry"), entries)
    at_risk = {name: one.entries[Entry.AT_RISK] + one.strays for name, one in of_accounts.items()}
    about = "Trainings of the last 31 days whose money may be lost: gone before their refund was safe, or paid beside a job's own"
    yield _family("trainings_at_risk", about, ("account",), [((name,), number) for name, number in at_risk.items()])
    priced = [((name,), float(price) * at_risk[name]) for name in of_accounts if (price := terms[name].price) is not None]
    yield _family("money_at_risk", "The same in money, where the price of a training is known", ("account",), priced)
    for name, what, limit in _LIMITS:
        used = [
            (one, number, of)
            for one, found in of_accounts.items()
            if (number := getattr(found, name)) is not None and (of := getattr(terms[one], limit))
        ]
        yield _family(
            f"budget_{name}",
            f"{what.capitalize()}, where they are limited",
            ("account",),
            [((one,), float(number)) for one, number, _ in used],
        )
        yield _family(f"budget_{name}_limit", f"The limit of {what}", ("account",), [((one,), float(of)) for one, _, of in used])


def paced(standings: Mapping[str, Standing]) -> Iterator[Metric]:
    """How fast each account is asked."""
    sent = [((name,), float(one.sent)) for name, one in standings.items()]
    yield _family("pace_sent", "Requests to Tavus in the last minute, where they are counted", ("account",), sent)
    allowed = [((name,), float(one.allowed)) for name, one in standings.items() if one.allowed is not None]
    yield _family("pace_allowed", "Requests that a minute may have now", ("account",), allowed)
    pauses = [((name,), one.pause.total_seconds()) for name, one in standings.items()]
    yield _family("pace_paused_seconds", "How long Tavus wants no request of the account", ("account",), pauses)
    breakers = [((name, kind.value), float(_is_open(one, kind))) for name, one in standings.items() for kind in Kind]
    yield _family(
        "breaker_open", "1 while requests of a kind are held back because they failed one after another", ("account", "kind"), breakers
    )


def _is_open(standing: Standing, kind: Kind) -> bool:
    """A full house is none: it is as full as it may be, and nothing is broken."""
    return kind in standing.breaks and standing.breaks[kind][0] is Reason.BREAKER


def queued(parts: Parts) -> Iterator[Metric]:
    """Messages that wait in the broker. Raises what a broker raises that does not answer."""
    with parts.app.pool.acquire(block=True) as connection:
        rows = [((queue,), float(waiting(connection, queue))) for queue in QUEUES]
    yield _family("queue_messages", "Messages that wait in a queue", ("queue",), rows)
