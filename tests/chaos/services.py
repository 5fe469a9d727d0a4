"""Services that ask for jobs while everything fails. Each sends a job again, under the same key, until it sees it; it knows no other remedy."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from itertools import cycle

import httpx
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from scheduler.producers import enqueue
from tests.acceptance.cases import Case
from tests.chaos.ground import Ground
from worker.app import make_app
from worker.assembly import Parts, assemble
from worker.settings import read_settings
from worker.store.database import UNREACHABLE

_AGAIN_SECONDS = 3.0  # a service that does not see its job by then sends it again
_TWICE = 10  # every so many-th job is sent twice at once
_LOOK_SECONDS = 0.25
_HTTP_SECONDS = 5.0


class Services(threading.Thread):
    """Sends every job over `seconds`, by Celery, over HTTP and into the ledger in turn, each time by the next way. Joined when all are seen."""

    def __init__(self, ground: Ground, cases: Sequence[Case], seconds: float) -> None:
        super().__init__(name="services", daemon=True)
        self.sent: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.refused: list[str] = []
        self._ground, self._cases, self._seconds = ground, cases, seconds
        self._ways = cycle((("message", self._by_message), ("HTTP", self._over_http), ("ledger", self._into_the_ledger)))
        self._last: dict[str, float] = {}
        with _environment(ground.environment):
            settings = read_settings()
        self._parts: Parts = assemble(settings, make_app(settings))

    def run(self) -> None:
        """Send what is due and not seen, until everything is seen."""
        began = time.monotonic()
        while True:
            due = int(len(self._cases) * (time.monotonic() - began) / self._seconds) + 1
            unseen = self._unseen(self._cases[:due])
            for number, case in enumerate(unseen):
                if time.monotonic() - self._last.get(case.key, -_AGAIN_SECONDS) >= _AGAIN_SECONDS:
                    is_first = case.key not in self._last
                    self._send(case)
                    if is_first and number % _TWICE == 0:
                        self._send(case)
            if due > len(self._cases) and not unseen:
                break
            time.sleep(_LOOK_SECONDS)
        self._parts.close()

    def _unseen(self, cases: Sequence[Case]) -> list[Case]:
        jobs = self._ground.jobs()
        return [case for case in cases if case.key not in jobs]

    def _send(self, case: Case) -> None:
        name, send = next(self._ways)
        self._last[case.key] = time.monotonic()
        self.sent[name] += 1
        try:
            send(case)
        # RuntimeError: kombu's pools, which all apps of a process share, when two threads first ask for them at the same moment.
        except (OperationalError, RedisError, OSError, RuntimeError, httpx.HTTPError, *UNREACHABLE) as error:
            self.failed[f"{name}: {type(error).__name__}"] += 1

    def _by_message(self, case: Case) -> None:
        self._ground.send([case.document(self._ground.origin)])

    def _over_http(self, case: Case) -> None:
        document = case.document(self._ground.origin)
        answer = httpx.post(f"{self._ground.api}/v1/jobs", json=document, timeout=_HTTP_SECONDS, trust_env=False)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.failed[f"HTTP: {answer.status_code}"] += 1
        elif answer.status_code >= HTTPStatus.BAD_REQUEST:
            self.refused.append(f"{case.key}: {answer.text}")

    def _into_the_ledger(self, case: Case) -> None:
        enqueue(self._parts, case.document(self._ground.origin))


@contextmanager
def _environment(names: Mapping[str, str]) -> Iterator[None]:
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(names)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
