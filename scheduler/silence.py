"""What a worker does while its broker, or beat, is silent: it is its own beat and its own broker. It may not know what a task does.

The same schedule, the same sweep and the same tasks: only a ring does not travel, but is answered here (`worker.hands`). Any number of workers may do
so at once, for whoever takes a job has a lease, and the last word of every look belongs to the ledger. As soon as the broker is heard again rings are
messages again, and what was begun here is done to its end; nobody has to do anything. What lay in the broker meanwhile finds its work done.

The broker may answer and nothing come of it all the same: beat is dead, or the broker is full and takes nothing. That shows by the canary, which only
beat sends, and which is in the ledger once a worker took it.

At all times each worker also leaves signs of life in the ledger: whether it hears. So one that is deaf among others that are not is found.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import Celery
from celery.beat import ScheduleEntry
from celery.bootsteps import StartStopStep
from celery.worker.state import reserved_requests

from scheduler.beat import Punctual
from scheduler.canary import last_canary, patience
from worker.app import CANARY, READ_VOICES, SWEEP
from worker.assembly import Parts
from worker.ears import EAR
from worker.hands import Hands
from worker.settings import Settings
from worker.store.database import UNREACHABLE
from worker.store.signs import Sign

_LOOK, _SELDOM = 1.0, 5.0  # seconds between two looks at the ear: while there is something to do here, and while its line is heard
_SIGNS = 3  # in the time between two canaries: whoever stands still or is deaf shows as soon as a canary that is missing
_SECOND = timedelta(seconds=1)

log = structlog.get_logger("silence")


class Indoors(Punctual):
    """Beat's own schedule, rung for in this process; but for the canary, which is to go through the broker."""

    producer = None

    def __init__(self, app: Celery, hands: Hands) -> None:
        self._hands = hands
        super().__init__(app)

    def setup_schedule(self) -> None:
        """See `celery.beat.Scheduler`."""
        self.merge_inplace({name: row for name, row in self.app.conf.beat_schedule.items() if row["task"] != CANARY})

    def apply_entry(self, entry: ScheduleEntry, producer: None = None) -> None:
        """See `celery.beat.Scheduler`. What still waits for a thread is not rung for again."""
        del producer
        self._hands.take(entry.task, entry.args or (), entry.kwargs, once=True)


class Silence:
    """One a worker, in a thread of its own: it runs before a worker has ever heard its broker, and while Celery waits for it."""

    def __init__(self, app: Celery, parts: Callable[[], Parts], worker: Any) -> None:  # noqa: ANN401 - Celery's
        self._app, self._parts, self._worker = app, parts, worker
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="silence", daemon=True)
        self._beat: Indoors | None = None
        self._hands: Hands | None = None
        self._frames, self._sign_in = 0, 0.0
        self._since: datetime | None = None
        self._uncalled = timedelta(0)
        """For how long nothing has come of beat, as the ledger has it."""

    def start(self) -> None:
        """Listen from now on."""
        EAR.hear()
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing any more. What is under way may have been paid for: it has as long as a call lasts, and the commit after it."""
        self._over.set()
        self._thread.join(_SECOND.total_seconds())
        if self._hands is not None:
            self._hands.close(self._parts().settings.http_timeout + _SECOND)
        with suppress(*UNREACHABLE):
            self._parts().ledger.signs.withdraw(self._worker.hostname)

    def _run(self) -> None:
        wait = 0.0
        while not self._over.wait(wait):
            try:
                self._listen()
                wait = self._look()
                self._leave_a_sign(wait)
            except Exception:  # without this thread nobody would notice the silence, nor miss the thread
                log.exception("this worker could not look whether it hears its broker")
                wait = _LOOK

    def _listen(self) -> None:
        """What an ear does not hear by itself."""
        if len(reserved_requests) >= self._worker.concurrency:
            EAR.hear()  # with every thread at work nobody asks the broker for more
        # RabbitMQ sends a heartbeat when it has nothing else to say (py-amqp 5.4, `bytes_recv`); a connection that is lost has none.
        line = getattr(getattr(self._worker.consumer, "connection", None), "_connection", None)
        frames = getattr(line, "bytes_recv", 0)
        if frames > self._frames:
            EAR.hear()
        self._frames = frames  # less on a line that is new

    def _look(self) -> float:
        """Whether to work without the broker; the seconds until the next look."""
        settings = self._parts().settings
        if settings.brokerless or EAR.silence >= settings.brokerless_after or self._misses_beat():
            if self._beat is None:
                self._beat = self._go_indoors()
            return min(float(self._beat.tick()), _LOOK)
        if self._beat is not None:
            self._beat = None
            self._parts().bell.post.to(self._parts().bell.post.usual)
            log.info("the broker is heard again: rings are messages again")
        # Not sooner than it may have been silent for too long; who wakes for nothing keeps a processor awake.
        left = (settings.brokerless_after - EAR.silence).total_seconds()
        return min(max(left, _LOOK), _SELDOM)

    def _misses_beat(self) -> bool:
        """A canary may wait behind long tasks: twice as long as it takes to say that one is missing."""
        return self._uncalled >= max(2 * patience(self._parts()), self._parts().settings.brokerless_after)

    def _go_indoors(self) -> Indoors:
        parts = self._parts()
        if self._hands is None:
            self._hands = Hands(self._app, parts.settings.threads)
        if parts.settings.brokerless:
            log.info("REPLICAS_BROKERLESS: this worker finds its work in the ledger by itself")
            self._hands.take(READ_VOICES, once=True)
        elif self._misses_beat():
            log.warning("nothing has come of beat: this worker finds its work in the ledger by itself", seconds=_rounded(self._uncalled))
        else:
            log.warning(
                "nothing was heard of the broker: this worker finds its work in the ledger by itself", seconds=_rounded(EAR.silence)
            )
        parts.bell.post.to(self._hands)
        self._hands.take(SWEEP, once=True)
        return Indoors(self._app, self._hands)

    def _leave_a_sign(self, passed: float) -> None:
        self._sign_in -= passed
        if self._sign_in > 0:
            return
        parts = self._parts()
        self._sign_in = parts.settings.canary_interval.total_seconds() / _SIGNS
        silence = timedelta(0) if parts.settings.brokerless else EAR.silence  # nobody expects it to hear anything
        try:
            parts.ledger.signs.leave(Sign(self._worker.hostname, now := parts.engine.clock(), silence))
            self._since = self._since or now
            self._uncalled = now - max(last_canary(parts) or self._since, self._since)
            if self._beat is not None:
                # Without Redis each keeps to half of its part of an account's budget; who they are stands in the ledger.
                parts.pace.among(len(parts.ledger.signs.read(now)))
        except UNREACHABLE:
            self._since = None  # while the ledger is away no canary can be seen: they are waited for anew when it is back


def _rounded(silence: timedelta) -> int:
    return round(silence.total_seconds())


def add_silence(app: Celery, parts: Callable[[], Parts], settings: Settings) -> None:
    """Have each worker of the app listen; `parts` gives those of its process."""

    class Listening(StartStopStep):  # type: ignore[misc] # Celery has no types
        """Once there is a pool, and before the consumer, which waits for the broker."""

        name = "scheduler.silence"
        requires = ("celery.worker.components:Pool",)

        def include_if(self, worker: Any) -> bool:  # noqa: ANN401 - Celery's
            """Not in a process that forks and would have a file of SQLite open: its children would take its locks for theirs."""
            if "prefork" in worker.pool_cls.__module__ and settings.ledger_url.startswith("sqlite"):
                log.warning("a worker of processes over SQLite does nothing while its broker is silent: use threads, or PostgreSQL")
                return False
            return True

        def create(self, worker: Any) -> Silence:  # noqa: ANN401 - Celery's
            return Silence(app, parts, worker)

    app.steps["worker"].add(Listening)
