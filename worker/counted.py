"""The names of what processes count, with what they mean and which words their labels take. It may not count."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import product

from worker.core.failures import Failure
from worker.core.job import Outcome
from worker.core.states import State
from worker.pacing.kinds import Kind, Verdict

REQUESTS, SECONDS = "replicas_tavus_requests_total", "replicas_tavus_request_seconds"
JOBS, MOVES, FAILURES = "replicas_jobs_accepted_total", "replicas_jobs_moved_total", "replicas_failures_total"
TRAININGS, DETECTION = "replicas_trainings_total", "replicas_training_detection_seconds"
ETA_ERROR = "replicas_training_eta_error_ratio"
NOTIFICATIONS, CALLBACKS = "replicas_notifications_total", "replicas_callbacks_total"
SWEEPS, SWEPT, TASKS = "replicas_sweeps_total", "replicas_sweep_seconds_total", "replicas_tasks_total"
CANARIES = "replicas_canaries_total"
"""This one is written at once and by itself: when it last grew says whether a worker takes messages."""

UNSENT, REFUSED = "unsent", "refused"
"""What became of a request beside the pace's verdicts: it never left, and it was answered with another 4xx."""

BOUNDS: Mapping[str, tuple[float, ...]] = {
    SECONDS: (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    DETECTION: (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
    ETA_ERROR: (-0.5, -0.25, -0.1, -0.05, 0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0),
}
"""The buckets of histograms. Never another set under the same name: what was counted in the old ones stays."""


class Told(StrEnum):
    """What became of a notification when it was sent."""

    DELIVERED = "delivered"
    GONE = "gone"  # the caller wants no more of it
    DEAD = "dead"  # given up
    AGAIN = "again"  # it is tried again


class About(StrEnum):
    """What a callback is about."""

    TRAINING = "training"
    CONVERSATION = "conversation"


@dataclass(frozen=True, slots=True)
class Family:
    """What is counted under a name. `labels`: each with the words that it takes; None: the accounts that have a key here, or a queue's name."""

    about: str
    labels: Mapping[str, tuple[str, ...] | None]

    def known(self, name: str, accounts: tuple[str, ...]) -> Iterator[str]:
        """The series that stand at nought from the start: one that is first seen with a number in it has never grown, to Prometheus."""
        words = [accounts if label == _ACCOUNT else words for label, words in self.labels.items()]
        if None in words:
            return iter(())
        every = product(*(one for one in words if one is not None))
        return (one for labels in every for one in (_histogram(name, labels) if name in BOUNDS else (series(name, *labels),)))


_ACCOUNT = "account"
_REQUESTS = "Requests to Tavus, by account, by what they are for and by what became of them; `limited` is a 429"
_DETECTION = "Seconds from a training's end to our knowing, at most: since the callback about it, or the look before that saw it run"
_ERROR = "By how much trainings took longer than their ETA (p50) at the start, as a part of that; negative: shorter"


def _words(of: type[StrEnum]) -> tuple[str, ...]:
    return tuple(one.value for one in of)


FAMILIES: Mapping[str, Family] = {
    REQUESTS: Family(_REQUESTS, {_ACCOUNT: None, "kind": _words(Kind), "outcome": (*_words(Verdict), REFUSED, UNSENT)}),
    SECONDS: Family("How long Tavus took", {"kind": _words(Kind)}),
    JOBS: Family("Jobs that were enqueued over HTTP or the broker", {}),
    MOVES: Family("Jobs that came into a state", {"state": _words(State)}),
    FAILURES: Family("What went wrong with jobs, by kind; `paced` is a mere wait", {"failure": _words(Failure)}),
    TRAININGS: Family("Trainings that ended", {_ACCOUNT: None, "outcome": (Outcome.TRAINED.value, Outcome.FAILED.value)}),
    DETECTION: Family(_DETECTION, {}),
    ETA_ERROR: Family(_ERROR, {}),
    NOTIFICATIONS: Family("Attempts to tell callers, by what became of the notification", {"outcome": _words(Told)}),
    CALLBACKS: Family("Callbacks of Tavus about jobs of ours", {"about": _words(About)}),
    SWEEPS: Family("Sweeps that ended", {}),
    SWEPT: Family("Seconds that sweeps took, all together", {}),
    TASKS: Family("Tasks that workers ended, by queue", {"queue": None}),
    CANARIES: Family("Canaries of beat that went all the way through a worker", {}),
}


@lru_cache(10_000)
def series(name: str, *labels: str) -> str:
    """A series as Prometheus writes it; `labels` in the order of its family."""
    family, suffix = family_of(name)
    names = [*FAMILIES[family].labels, *(("le",) if suffix == "_bucket" else ())]
    if not names:
        return name
    pairs = (f'{label}="{_escaped(word)}"' for label, word in zip(names, labels, strict=True))
    return f"{name}{{{','.join(pairs)}}}"


def family_of(name: str) -> tuple[str, str]:
    """The family that a series' name belongs to, and what of a histogram it is. Raises KeyError for one that this version does not know."""
    for suffix in ("", "_bucket", "_count", "_sum"):
        family = name.removesuffix(suffix)
        if name.endswith(suffix) and family in FAMILIES and (not suffix or family in BOUNDS):
            return family, suffix
    raise KeyError(name)


def _histogram(name: str, labels: tuple[str, ...]) -> Iterator[str]:
    for bound in (*map(str, BOUNDS[name]), "+Inf"):
        yield series(f"{name}_bucket", *labels, bound)
    yield series(f"{name}_count", *labels)
    if BOUNDS[name][0] >= 0:
        yield series(f"{name}_sum", *labels)


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
