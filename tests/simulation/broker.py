"""The broker and Celery in one process: messages that are late, doubled, lost and reordered. It knows tasks by their names and no more."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from kombu.exceptions import OperationalError

from tests.simulation.hub import Actor, Hub
from tests.simulation.weather import HOUR, MINUTE, SECOND, Weather

_VISIBILITY = timedelta(seconds=120)  # after which Redis hands out a message again that nobody acknowledged
Task = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Message:
    """A task and its arguments, as JSON."""

    task: str
    args: str


class SimulatedApp:
    """As much of a Celery app as the product uses, and the workers. `failed` judges what a task raised; `lost` hears of each lost message."""

    driver_type = "redis"

    def __init__(self, hub: Hub, weather: Weather, workers: int, failed: Callable[[Exception], None], lost: Callable[[], None]) -> None:
        self._hub, self._weather, self._workers, self._failed, self._lost = hub, weather, workers, failed, lost
        self._tasks: dict[str, Task] = {}
        self._waiting: Counter[str] = Counter()
        self._history: list[Message] = []
        self.pool = self
        self.delivered = 0

    def task(self, *, name: str, **_options: object) -> Callable[[Task], Task]:
        """Register a task, as Celery's decorator does."""

        def register(body: Task) -> Task:
            self._tasks[name] = body
            return body

        return register

    def producer_or_acquire(self) -> "SimulatedApp":
        """A producer; raises as kombu does while the broker is away."""
        if self._weather.meets("broker away", self._weather.climate.broker):
            raise OperationalError("the broker is away")
        return self

    def acquire(self, *, block: bool) -> "SimulatedApp":
        """A connection, which is its own channel here."""
        del block
        return self

    def __enter__(self) -> Self:
        """Nothing is opened."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is closed."""

    @property
    def transport(self) -> "SimulatedApp":
        """See `acquire`."""
        return self

    @property
    def default_channel(self) -> "SimulatedApp":
        """See `acquire`."""
        return self

    def _size(self, queue: str) -> int:
        return self._waiting[queue]

    def send_task(self, name: str, args: Sequence[Any] = (), producer: object = None) -> None:
        """Take a message; what becomes of it is the weather's."""
        del producer
        message, bad = Message(name, json.dumps(list(args))), self._weather.climate
        self._hub.cross(f"before ringing {name}")
        if self._weather.meets("message lost", bad.lost):
            self._lost()
            return
        self._send(message)
        if self._weather.meets("message doubled", bad.doubled):
            self._send(message)
        self._history.append(message)
        if self._weather.meets("message from long ago", bad.doubled / 2):
            self._send(self._weather.chance.choice(self._history))
        self._hub.cross(f"after ringing {name}")

    def run(self, name: str, *args: object) -> None:
        """Let a worker begin with a task now, without a message: as Beat's own."""
        self._begin(Message(name, json.dumps(list(args))))

    def _send(self, message: Message) -> None:
        self._waiting[message.task] += 1
        late = timedelta(0)
        if self._weather.meets("message late", self._weather.climate.late):
            late = self._weather.while_(self._weather.chance.choice((SECOND, MINUTE, MINUTE, HOUR, 12 * HOUR)))
        self._hub.at(self._hub.now + late, lambda: self._deliver(message))

    def _deliver(self, message: Message) -> None:
        self._waiting[message.task] -= 1
        self._begin(message)

    def _begin(self, message: Message) -> None:
        self.delivered += 1
        acknowledged = False

        def act() -> None:
            nonlocal acknowledged
            self._tasks[message.task](*json.loads(message.args))
            acknowledged = True

        def again() -> None:
            if not acknowledged and not self._weather.calm:
                self._begin(message)

        process = self._weather.chance.randrange(self._workers) if self._workers > 1 else 0
        self._hub.spawn(Actor(f"{message.task}@{process}", process, act, failed=self._failed))
        if not self._weather.calm and self._weather.happens(self._weather.climate.doubled):
            self._hub.at(self._hub.now + _VISIBILITY, again)
