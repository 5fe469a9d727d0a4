"""Looks without news: claimed, read, decided and written as workers do it, by one process or several. It calls no Tavus: answers take no time."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from typing import Any, cast

from tests.benchmarks.ledger_rows import ACCOUNT, NOW
from worker.core.effects import PollReplica
from worker.core.events import TrainingContinued
from worker.core.rules import Rules
from worker.core.states import State
from worker.engine import Engine
from worker.store.database import open_database
from worker.store.jobs import Ledger

RULES = Rules()
_BATCH = 100
_MOST = 1000  # that one process claims at once: of ten thousand each gets its part
_CALL = timedelta(seconds=10)
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Looks:
    """How many were made from `began` to `ended`, on a clock that all processes share, and the processor's time that our process took for them."""

    made: int
    began: float
    ended: float
    processor: float


class _NoNews:
    """Answers every question that the training goes on."""

    def ask(self, questions: Sequence[PollReplica]) -> list[TrainingContinued]:
        return [TrainingContinued(one.replica_id, "40/100") for one in questions]


def look(ledger: Ledger) -> Looks:
    """Look at everything that is due."""
    engine = Engine(ledger, cast("Any", _NoNews()), cast("Any", None), RULES, _CALL, lambda: NOW)
    began, spent, made = time.monotonic(), time.process_time(), 0
    while claims := ledger.claim_due([State.TRAINING], ACCOUNT, NOW, RULES.lease, _MOST):
        for start in range(0, len(claims), _BATCH):
            made += len(engine.advance_many([claim.job_id for claim in claims[start : start + _BATCH]]))
    return Looks(made, began, time.monotonic(), time.process_time() - spent)


def look_together(url: str, processes: int) -> Looks:
    """The same by so many processes at once; the processor's time of all of them."""
    context = get_context("spawn")
    together = context.Barrier(processes)
    with ProcessPoolExecutor(processes, context, _meet, (together,)) as pool:
        looks = [one.result() for one in [pool.submit(_look_with_the_others, url) for _ in range(processes)]]
    return Looks(
        sum(one.made for one in looks),
        min(one.began for one in looks),
        max(one.ended for one in looks),
        sum(one.processor for one in looks),
    )


_others: list[Any] = []
"""Where the processes wait for each other; each has its own list."""


def _meet(together: Any) -> None:  # noqa: ANN401 - a barrier, which a process gets when it is made and no later
    _others.append(together)


def _look_with_the_others(url: str) -> Looks:
    ledger = Ledger(open_database(url, 1))
    ledger.stops()  # connected
    _others[0].wait(_PATIENCE_SECONDS)
    looks = look(ledger)
    ledger.close()
    return looks
