"""The sandbox's clock: virtual time runs `speed` times faster than real time. It is the only file that reads a real clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Virtual now = epoch + elapsed real time x speed, plus whatever it has been told to skip."""

    def __init__(self, speed: float = 1.0, epoch: datetime | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start at `epoch` (default: the real time of day, so that timestamps look at home in a log)."""
        if speed <= 0:
            message = f"speed must be above zero, not {speed}"
            raise ValueError(message)
        self.speed = speed
        self._monotonic = monotonic
        self._epoch = epoch if epoch is not None else datetime.now(UTC)
        self._started = monotonic()

    def now(self) -> datetime:
        """The virtual time."""
        return self._epoch + timedelta(seconds=(self._monotonic() - self._started) * self.speed)

    def advance(self, by: timedelta) -> None:
        """Skip ahead at once: a test that asks about tomorrow need not wait, not even a short while. Never back."""
        if by < timedelta(0):
            message = "the clock never goes back"
            raise ValueError(message)
        self._epoch += by

    def real_seconds_until(self, moment: datetime) -> float:
        """How long a real timer must wait for that virtual moment; zero when it is past."""
        return max(0.0, (moment - self.now()).total_seconds() / self.speed)
