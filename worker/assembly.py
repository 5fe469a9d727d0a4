"""Builds the worker's parts from settings, in one place. It may not work: it only wires, and the entry points call it."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from celery import Celery

from worker.bell import Bell
from worker.engine import Engine
from worker.learned import LearnedRules
from worker.pacing.kinds import Numbers
from worker.pacing.pace import Pace
from worker.pacing.pacer import UNPACED, Pacer
from worker.preflight import Limits, Preflight
from worker.settings import Settings
from worker.store.clock import LedgerClock
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.tavus.callbacks import Callbacks
from worker.tavus.client import Tavus
from worker.tavus.paced import PacedTavus
from worker.tavus.perform import Performer

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Parts:
    """What tasks, the API and the command line work with. One a process."""

    settings: Settings
    app: Celery
    ledger: Ledger
    tavus: Tavus
    callbacks: Callbacks
    engine: Engine
    bell: Bell
    pace: Pacer = UNPACED

    def close(self) -> None:
        """Give every connection back."""
        self.tavus.close()
        self.pace.close()
        self.ledger.close()


def assemble(settings: Settings, app: Celery) -> Parts:
    """The parts. Opens nothing yet but SQLite's folder: connections are made at first use."""
    _ = (
        app.producer_pool
    )  # made here, once: two threads that first ask for it at the same moment trip over each other in kombu 5.7 (`set_limit`)
    ledger = Ledger(open_database(settings.ledger_url, settings.threads))
    numbers = Numbers.scaled(settings.pace_window, settings.http_timeout)
    pace = Pace(settings.redis_url, lambda account: ledger.terms(account).requests_a_minute, numbers)
    tavus = PacedTavus(settings.tavus_url, settings.accounts, settings.http_timeout, settings.threads, pace)
    callbacks = Callbacks(settings.public_url, settings.secret)
    performer = Performer(tavus, callbacks, patience=settings.task_limit - settings.http_timeout)
    fresh = min(settings.learn_interval, timedelta(minutes=1))
    rules = LearnedRules(settings.rules(), ledger.lessons, calls_back=settings.public_url is not None, every=fresh)
    preflight, clock = Preflight(limits_of(settings)), LedgerClock(ledger.server_time)
    engine = Engine(ledger, performer, preflight, rules, settings.http_timeout, clock, pace)
    bell = Bell(app, ledger, settings.lease, settings.poll_batch, settings.threads, pace)
    return Parts(settings, app, ledger, tavus, callbacks, engine, bell, pace)


def limits_of(settings: Settings) -> Limits:
    """What an input may cost and must offer."""
    return Limits(
        timeout=settings.input_timeout,
        min_url_life=settings.url_life,
        allow_http=settings.allow_http,
        allow_private=settings.allow_private_addresses,
    )


class PerProcess(Generic[Made]):
    """Something that is made at first use, once in each process: a forked child makes its own, for it must not share its parent's sockets."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make, self._lock, self._made = make, threading.Lock(), dict[int, Made]()

    def __call__(self) -> Made:
        """The thing of this process."""
        with self._lock:
            pid = os.getpid()
            if pid not in self._made:
                self._made = {pid: self._make()}
            return self._made[pid]
