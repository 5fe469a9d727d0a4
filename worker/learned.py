"""The rules with what was learned, which is read from the ledger now and then. It may not learn, nor fail for want of a lesson."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from worker.core.learned import Learned
from worker.core.learning import Lesson
from worker.core.rules import Rules
from worker.store.database import UNREACHABLE

TRAINING, CALLBACKS = "training:", "callbacks:"
"""What the names of lessons begin with: a kind of training, and an account, follow."""
log = structlog.get_logger("learned")


class LearnedRules:
    """Call it for the rules as they are now. One a process, used from any number of threads.

    `lessons`: reads them, by name; `every`: how long they are believed. `calls_back`: whether Tavus is given an address to call; without one nothing
    that was learned of callbacks counts.
    """

    def __init__(
        self,
        rules: Rules,
        lessons: Callable[[], Mapping[str, Any]],
        *,
        calls_back: bool,
        every: timedelta = timedelta(minutes=1),
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules, self._lessons, self._calls_back = rules, lessons, calls_back
        self._every, self._steady = every.total_seconds(), steady
        self._read_at: float | None = None
        self._documents: Mapping[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self) -> Rules:
        """The rules. What could not be read is as it was."""
        now = self._steady()
        if (self._read_at is None or now - self._read_at >= self._every) and self._lock.acquire(blocking=False):
            try:
                self._read_at = now  # of an outage too: it is asked about as seldom, and by one thread
                self._read()
            finally:
                self._lock.release()
        return self._rules

    def _read(self) -> None:
        try:
            documents = self._lessons()
        except UNREACHABLE:
            log.warning("what was learned cannot be read; the poll plan stays as it is")
            return
        if documents != self._documents:
            self._documents = documents
            self._rules = replace(self._rules, learned=self._learned(documents))

    def _learned(self, documents: Mapping[str, Any]) -> Learned:
        prior = self._rules.plan
        plans, missed = {}, {}
        for name, document in documents.items():
            try:
                if name.startswith(TRAINING):
                    plans[name.removeprefix(TRAINING)] = lesson_from(document).plan(prior)
                elif name.startswith(CALLBACKS) and self._calls_back:
                    missed[name.removeprefix(CALLBACKS)] = float(document["missed"])
            except (LookupError, TypeError, ValueError, ArithmeticError):
                log.exception("this lesson cannot be read; the prior holds for it", lesson=name)
        return Learned(plans, missed)


def lesson_from(document: Mapping[str, Any]) -> Lesson:
    """The lesson of a document of `document_of`. Raises what odd documents raise."""
    trained, failed = (tuple(int(one) for one in document[name]) for name in ("trained", "failed"))
    errors = document.get("errors")  # a lesson of before it was kept has none
    return Lesson(trained, failed, None if errors is None else float(errors))


def document_of(lesson: Lesson) -> dict[str, Any]:
    """The lesson as JSON."""
    return {"trained": list(lesson.trained), "failed": list(lesson.failed), "errors": lesson.errors}
