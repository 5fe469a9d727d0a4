"""The figures of a soak, each with its aim where there is one. It may not look at anything that was not handed to it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.figures import Figure
from tests.soak.samples import Sample, growth, percentile

BENCH = "soak"
_LONG_SECONDS = 3600.0  # a shorter one says nothing of growth: it is shown, and held to nothing
_MOST_MEGABYTES, _MOST_HANDLES, _MOST_KEYS = 5.0, 2.0, 10.0  # an hour
_MOST_SWEEPS = 3.0
_NEARLY = 0.99
_OTHERS = frozenset({"sandbox"})  # it remembers everything, as it is meant to


@dataclass(frozen=True, slots=True)
class End:
    """How things stood when all was quiet. `wanted`, `sent`: jobs. `unanswered`: looks at /metrics. `books`: the sandbox's.

    `processor`: seconds of the system's own processes.
    """

    wanted: int
    sent: int
    failed: Counter[str]
    unanswered: Counter[str]
    looked: Counter[str]
    told: Counter[int]
    quiet: bool
    states: Mapping[str, int]
    books: Mapping[str, Any]
    findings: Sequence[Mapping[str, str]]
    processor: float


@dataclass(frozen=True, slots=True)
class Soaked:
    """All that was seen. `ages`: of the oldest due row, in seconds. `sweep`, `warm_up`, `lasted`: seconds."""

    samples: Sequence[Sample]
    ages: Sequence[float]
    sweep: float
    warm_up: float
    lasted: float
    end: End


def figures(seen: Soaked) -> list[Figure]:
    """All of them."""
    return [*_work(seen), *_money(seen.end), *_ages(seen), *_growths(seen)]


def _work(seen: Soaked) -> Iterator[Figure]:
    end = seen.end
    yield Figure(BENCH, "hours", seen.lasted / 3600, "h")
    yield Figure(BENCH, "jobs asked for", end.sent, "jobs", least=_NEARLY * end.wanted)
    yield Figure(BENCH, "requests for a job that failed", end.failed.total(), "requests", most=0)
    yield Figure(BENCH, "looks at /metrics that failed", end.unanswered.total(), "looks", most=0)
    yield Figure(BENCH, "jobs in the ledger", sum(end.states.values()), "jobs", least=end.sent, most=end.sent)
    yield Figure(BENCH, "all at rest in the end", float(end.quiet), "yes", least=1)
    yield from (Figure(BENCH, f"jobs in the end, {state}", count, "jobs") for state, count in sorted(end.states.items()))
    yield Figure(BENCH, "requests to Tavus", end.books["requests"]["total"], "requests")
    yield Figure(BENCH, "answers that Tavus spoilt", end.books["faults"]["total"], "answers")
    yield from (Figure(BENCH, f"notifications, answered {status}", count, "notifications") for status, count in sorted(end.told.items()))
    yield from (Figure(BENCH, f"looked at, {how}", count, "times") for how, count in sorted(end.looked.items()))
    yield Figure(BENCH, "processor a job", 1000 * end.processor / max(end.sent, 1), "ms")


def _money(end: End) -> Iterator[Figure]:
    yield Figure(BENCH, "trainings paid", end.books["trainings"]["charged"], "trainings")
    yield Figure(BENCH, "trainings refunded", end.books["trainings"]["refunded"], "trainings")
    for name in ("paid_twice", "conversations_twice", "refunds_lost", "deleted_while_training"):
        yield Figure(BENCH, name.replace("_", " "), len(end.books[name]), "replicas", most=0)
    yield Figure(BENCH, "findings of the audit", len(end.findings), "findings", most=0)


def _ages(seen: Soaked) -> Iterator[Figure]:
    yield Figure(BENCH, "a sweep", seen.sweep, "s")
    sweeps = [age / seen.sweep for age in seen.ages]
    yield Figure(BENCH, "oldest due row, p50", percentile(sweeps, 0.5), "sweeps")
    yield Figure(BENCH, "oldest due row, p95", percentile(sweeps, 0.95), "sweeps", most=_MOST_SWEEPS)
    yield Figure(BENCH, "oldest due row, oldest", max(sweeps), "sweeps", most=_MOST_SWEEPS)
    yield Figure(BENCH, "a thread that slept woke late, at most", max(one.late for one in seen.samples), "s", "host")
    yield Figure(BENCH, "a page took to the disk, at most", max(one.kept for one in seen.samples), "s", "host")


def _growths(seen: Soaked) -> Iterator[Figure]:
    warm = [one for one in seen.samples if one.at >= seen.warm_up]
    is_long = seen.lasted >= _LONG_SECONDS
    for name in warm[0].processes:
        aim = is_long and name not in _OTHERS
        memory = growth([(one.at, one.processes[name].own) for one in warm])
        handles = growth([(one.at, float(one.processes[name].handles)) for one in warm])
        yield Figure(BENCH, "memory after the warm-up", memory.first, "MB", name)
        yield Figure(BENCH, "memory in the end", memory.last, "MB", name)
        yield Figure(BENCH, "memory, resident, in the end", warm[-1].processes[name].resident, "MB", name)
        yield Figure(BENCH, "memory grows by", memory.an_hour, "MB/h", name, most=_MOST_MEGABYTES if aim else None)
        yield Figure(BENCH, "file handles in the end", handles.last, "handles", name)
        yield Figure(BENCH, "file handles grow by", handles.an_hour, "handles/h", name, most=_MOST_HANDLES if aim else None)
        yield Figure(BENCH, "threads in the end", warm[-1].processes[name].threads, "threads", name)
    keys = growth([(one.at, float(one.broker_keys)) for one in warm])
    yield Figure(BENCH, "keys in the broker in the end", keys.last, "keys", "Valkey")
    yield Figure(BENCH, "keys in the broker grow by", keys.an_hour, "keys/h", "Valkey", most=_MOST_KEYS if is_long else None)
