"""Parts of a worker that dies: each counts the boundaries it crosses, and at one of them the process is gone. Nothing is faked but the end."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import override

from tests.worker.engine.house import CALL, KEYS, House, a_preflight
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.job import Job, JobId
from worker.core.request import Request
from worker.engine import Engine
from worker.preflight import Limits, Preflight
from worker.store.jobs import Applied, Ledger
from worker.tavus.client import Reply, Tavus


class DiedError(BaseException):
    """The process is gone: like a kill, it is no Exception that anybody could handle."""


class Fate:
    """When a worker dies: at the boundary with the number `at`, counted from 0; None: never."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.crossed = at, list[str]()

    def cross(self, boundary: str) -> None:
        """Come to a boundary, and die there if it is the one."""
        self.crossed.append(boundary)
        if self.at == len(self.crossed) - 1:
            raise DiedError(boundary)


class DyingLedger(Ledger):
    """Boundaries before and after each commit."""

    def __init__(self, ledger: Ledger, fate: Fate) -> None:
        super().__init__(ledger._database)
        self._fate = fate

    @override
    def take(self, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Job]:
        self._fate.cross("before taking")
        taken = super().take(job_ids, now, lease)
        self._fate.cross("after taking")
        return taken

    @override
    def apply_batch(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        names = ", ".join(type(change.event).__name__ for change in changes)
        self._fate.cross(f"before committing {names}")
        applied = super().apply_batch(changes, now)
        self._fate.cross(f"after committing {names}")
        return applied


class DyingTavus(Tavus):
    """Boundaries before and after each call."""

    def __init__(self, url: str, fate: Fate) -> None:
        super().__init__(url, KEYS, CALL, threads=1)
        self._fate = fate

    @override
    def _call(
        self, account: str, method: str, path: str, body: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> Reply:
        self._fate.cross(f"before {method} {path}")
        reply = super()._call(account, method, path, body, params)
        self._fate.cross(f"after {method} {path}")
        return reply


class DyingPreflight(Preflight):
    """Boundaries before and after each look at an input."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.fate = Fate()

    @override
    def check(self, request: Request, now: datetime) -> InputPassed | InputRejected | InputUnread:
        self.fate.cross("before the look at the input")
        seen = super().check(request, now)
        self.fate.cross("after the look at the input")
        return seen


def dying(house: House, fate: Fate) -> Engine:
    """A worker's engine with this fate."""
    tavus = DyingTavus(house.sandbox.url, fate)
    preflight = a_preflight(DyingPreflight)
    assert isinstance(preflight, DyingPreflight)
    preflight.fate = fate
    return house.another(ledger=DyingLedger(house.ledger, fate), tavus=tavus, preflight=preflight)
