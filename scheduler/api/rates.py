"""How often somebody did something in this minute, in all processes together. It may not keep anybody waiting: it answers from memory.

What a process let through it tells Redis twice a second, and hears what all of them let through: so a request costs a look into a dictionary and no
journey, and whoever goes beyond a limit through several processes does so for half a second. While Redis is away each process counts for itself.
There `limits` keeps the counts, in windows that begin with the first request and end by Redis' own clock.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from limits.storage import RedisStorage
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from worker.brokers import redis_at

_WINDOW = 60
_EVERY = 0.5  # seconds between two tellings: at a thousand requests a second each costs a five-hundredth of a journey
_AWAY = 3.0  # seconds that Redis is left alone once it did not answer
_PATIENCE = 0.3  # seconds to connect, and for an answer: far more than it takes
_MOST = 10_000  # counts in memory, some megabytes: whoever asks from ever new addresses must not fill it

log = structlog.get_logger("rates")


@dataclass(slots=True)
class _Count:
    """`left` of `limit` until `until`; `untold`: those that Redis has not heard of."""

    limit: int
    left: int
    until: float
    untold: int = 0


class Rates:
    """One an API, used from its event loop."""

    def __init__(self, url: str, steady: Callable[[], float] = time.monotonic) -> None:
        """Opens no connection yet. `url`: the broker's, as Celery takes it. `steady`: a clock in seconds that never goes back."""
        self._steady = steady
        self._counts: dict[str, _Count] = {}
        self._telling: asyncio.Task[None] | None = None
        self._away_until = 0.0
        self._thread = ThreadPoolExecutor(1, "rates")
        self._redis = _redis(url)
        self._shared = None if self._redis is None else RedisStorage("redis://", self._redis.connection_pool, key_prefix="replicas.rate")

    def close(self) -> None:
        """End what goes on, and give the connection back."""
        if self._telling is not None:
            self._telling.cancel()
        self._thread.shutdown()
        if self._redis is not None:
            self._redis.close()

    def wait(self, who: str) -> float:
        """How many seconds pass until there may be one more of `who`; 0: none."""
        count = self._counts.get(who)
        return 0.0 if count is None or count.left > 0 else max(count.until - self._steady(), 0.0)

    def take(self, who: str, limit: int) -> float:
        """Count one more of `who`, of which a minute may have `limit`; 0. Where it has them already nothing is counted, and it is as `wait` says."""
        count, now = self._counts.get(who), self._steady()
        if count is None or now >= count.until or limit != count.limit:
            count = self._begin(who, limit, now)
        if count.left <= 0:
            return count.until - now
        count.left -= 1
        count.untold += 1
        if self._telling is None and self._shared is not None:
            self._telling = asyncio.get_running_loop().create_task(self._tell(self._shared))
        return 0.0

    def _begin(self, who: str, limit: int, now: float) -> _Count:
        if len(self._counts) >= _MOST:
            self._counts = {one: count for one, count in self._counts.items() if now < count.until}
        if len(self._counts) >= _MOST:
            del self._counts[next(iter(self._counts))]
        self._counts[who] = count = _Count(limit, limit, now + _WINDOW)
        return count

    async def _tell(self, shared: RedisStorage) -> None:
        """Tell Redis what it has not heard, until there is nothing more."""
        try:
            while True:
                await asyncio.sleep(_EVERY)
                now = self._steady()
                news = [(who, count, count.untold) for who, count in self._counts.items() if count.untold and now < count.until]
                if not news:
                    return
                if now >= self._away_until:
                    numbers = [(who, number) for who, _, number in news]
                    heard = await asyncio.get_running_loop().run_in_executor(self._thread, self._exchange, shared, numbers)
                    for (_, count, number), (of_all, lasts) in zip(news, heard, strict=False):  # those that it could be told
                        count.untold -= number
                        count.left, count.until = count.limit - of_all - count.untold, self._steady() + lasts
        finally:
            self._telling = None

    def _exchange(self, shared: RedisStorage, numbers: Sequence[tuple[str, int]]) -> list[tuple[int, float]]:
        """For each how many all processes had in this window, and how many seconds are left of it; ends early when Redis goes away."""
        heard: list[tuple[int, float]] = []
        try:
            for who, number in numbers:
                of_all = shared.incr(who, _WINDOW, number)
                heard.append((of_all, shared.get_expiry(who) - time.time()))
        except (RedisError, OSError) as error:
            log.warning("Redis is away: each process counts requests for itself", error=f"{type(error).__name__}: {error}")
            self._away_until = self._steady() + _AWAY
        return heard


def _redis(url: str) -> Redis | None:
    again = Retry(NoBackoff(), 1)  # a line that was cut while nobody looked is tried once more
    try:
        return redis_at(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE, retry=again)
    except (ValueError, RedisError) as error:
        log.warning("this broker cannot count requests: each process counts its own", error=str(error))
        return None
