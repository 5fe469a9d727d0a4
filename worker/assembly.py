"""Builds the worker's parts from settings, in one place. It may not work: it only wires, and the entry points call it."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from celery import Celery

from worker.bell import Bell
from worker.core.deliveries import Patience
from worker.core.vision import Vision
from worker.counts import UNCOUNTED, Counts
from worker.courier import Courier
from worker.engine import Engine
from worker.guarded import Guard
from worker.learned import LearnedRules
from worker.links import Links
from worker.pacing.kinds import Numbers
from worker.pacing.pace import Pace
from worker.pacing.pacer import UNPACED, Pacer
from worker.posting import Poster
from worker.preflight import Limits, Preflight
from worker.provider import Provider
from worker.reporting import Reporter
from worker.settings import Settings, SettingsError
from worker.store.clock import LedgerClock
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.outbox import Outbox
from worker.store.sealing import Sealer
from worker.tavus.callbacks import Callbacks
from worker.tavus.client import Tavus
from worker.tavus.paced import PacedTavus
from worker.tavus.perform import Performer
from worker.traces import UNTRACED, Tracer, TracesMissingError, exporting
from worker.vision import Eyes, EyesMissingError

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
    courier: Courier = field(kw_only=True)
    links: Links = field(default_factory=lambda: Links(None, None))
    counts: Counts = UNCOUNTED
    reporter: Reporter | None = None
    tracer: Tracer = UNTRACED

    def close(self) -> None:
        """Give every connection back."""
        if self.reporter is not None:
            self.reporter.close()
        self.tracer.close()
        self.tavus.close()
        self.pace.close()
        self.ledger.close()


def assemble(settings: Settings, app: Celery) -> Parts:
    """The parts. Opens nothing yet but SQLite's folder: connections are made at first use."""
    # Made here, once: two threads that first ask for it at the same moment trip over each other in kombu 5.7 (`set_limit`).
    _ = app.producer_pool
    database, sealer = open_database(settings.ledger_url, settings.threads), Sealer(settings.encryption_keys)
    ledger, counts = Ledger(database, sealer), Counts()
    numbers = Numbers.scaled(settings.pace_window, settings.http_timeout)
    pace = Pace(settings.counters_url, lambda account: ledger.terms(account).requests_a_minute, numbers)
    tavus = PacedTavus(settings.tavus_url, settings.accounts, settings.http_timeout, settings.threads, pace, counts)
    callbacks = Callbacks(settings.public_url, settings.secret)
    links = Links(settings.public_address, settings.secret)
    performer = Performer(tavus, callbacks, patience=settings.task_limit - settings.http_timeout, links=links)
    fresh = min(settings.learn_interval, timedelta(minutes=1))
    rules = LearnedRules(settings.rules(), ledger.lessons, calls_back=settings.public_url is not None, every=fresh)
    preflight, clock = preflight_of(settings), LedgerClock(ledger.server_time)
    outbox, tracer = Outbox(database, sealer, Patience(whole=settings.notify_patience)), tracer_of(settings)
    engine = Engine(ledger, performer, preflight, rules, settings.http_timeout, clock, pace, provider_of(settings, outbox), counts, tracer)
    bell = Bell(app, ledger, settings.lease, settings.poll_batch, settings.threads, pace)
    within = min(settings.notify_timeout, settings.http_timeout)
    courier = Courier(
        outbox, ledger, Poster(guard_of(settings), within), settings.lease, settings.task_limit - within, clock, links, counts
    )
    return Parts(
        settings, app, ledger, tavus, callbacks, engine, bell, pace,
        courier=courier, links=links, counts=counts, reporter=Reporter(counts, ledger.add_tallies, clock), tracer=tracer,
    )  # fmt: skip


def reporting(settings: Settings, app: Celery) -> Parts:
    """The same for a process that lives long: what it counts is added to what all have counted, from now on."""
    parts = assemble(settings, app)
    if parts.reporter is not None:
        parts.reporter.start()
    return parts


def guard_of(settings: Settings) -> Guard:
    """Who calls what callers name."""
    return Guard(allow_http=settings.allow_http, allow_private=settings.allow_private_addresses)


def provider_of(settings: Settings, outbox: Outbox) -> Provider:
    """Who asks callers' providers for addresses, signed as what callers are told."""
    return Provider(guard_of(settings), settings.input_timeout, lambda caller, now: [one.text for one in outbox.secrets(caller, now)])


def tracer_of(settings: Settings) -> Tracer:
    """Who is told of jobs as traces. Raises SettingsError where the extra for it is missing."""
    try:
        return exporting() if settings.traces else UNTRACED
    except TracesMissingError as error:
        raise SettingsError(f"REPLICAS_TRACES: {error}") from None


def preflight_of(settings: Settings) -> Preflight:
    """Who looks at inputs. Raises SettingsError where it cannot look as the settings want."""
    try:
        eyes = Eyes() if settings.vision is not Vision.OFF else None
    except EyesMissingError as error:
        raise SettingsError(f"REPLICAS_VISION: {error}") from None
    return Preflight(limits_of(settings), eyes=eyes, is_gate=settings.vision is Vision.REQUIRE)


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
        os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        """A thread that held the lock as its process forked does not live in the child."""
        self._lock = threading.Lock()

    def __call__(self) -> Made:
        """The thing of this process."""
        with self._lock:
            pid = os.getpid()
            if pid not in self._made:
                self._made = {pid: self._make()}
            return self._made[pid]
