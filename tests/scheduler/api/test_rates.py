"""A limit holds in a process to the one, and in all together nearly; without Redis each process keeps it by itself, and nobody ever waits."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import given
from hypothesis import strategies as st

from scheduler.api import rates as module
from scheduler.api.rates import Rates
from tests.broker import Broker
from tests.scheduler.made import NOWHERE

WHO, LIMIT = "token:one", 10
PATIENCE_SECONDS = 20.0
Clock = Callable[[], float]


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def counting(url: str, clock: Clock | None = None) -> Iterator[Rates]:
    rates = Rates(url, clock) if clock else Rates(url)
    try:
        yield rates
    finally:
        rates.close()


def let_through(rates: Rates, times: int, who: str = WHO, limit: int = LIMIT) -> int:
    """How many of so many there may be."""
    return sum(rates.take(who, limit) == 0 for _ in range(times))


async def until_heard(rates: Rates) -> None:
    """Until Redis has heard everything."""
    await until(lambda: not any(count.untold for count in rates._counts.values()))


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens in a thread, and tells nobody
            await asyncio.sleep(0.05)


def test_a_minute_has_no_more_than_its_limit_and_says_how_long_it_lasts() -> None:
    async def story() -> None:
        clock = Time()
        with counting(NOWHERE, clock) as rates:
            assert rates.wait(WHO) == 0
            assert let_through(rates, 5) == 5
            clock.seconds = 20.0
            assert let_through(rates, 50) == 5
            assert (rates.wait(WHO), rates.take(WHO, LIMIT), rates.wait("token:other")) == (40.0, 40.0, 0)
            clock.seconds = 60.0
            assert rates.wait(WHO) == 0
            assert let_through(rates, 50) == LIMIT

    asyncio.run(story())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.floats(0, 100)), max_size=20))
def test_no_window_of_anybody_has_more_than_the_limit(steps: list[tuple[str, int, float]]) -> None:
    async def story() -> None:
        clock, began, had = Time(), dict[str, float](), dict[str, int]()
        with counting("memory://", clock) as rates:
            for who, times, after in steps:
                clock.seconds += after
                if times and clock.seconds >= began.get(who, -100.0) + 60:
                    began[who], had[who] = clock.seconds, 0
                had[who] = had.get(who, 0) + let_through(rates, times, who)
                assert had[who] <= LIMIT
                assert (rates.wait(who) > 0) == (had[who] == LIMIT and clock.seconds < began[who] + 60)

    asyncio.run(story())


def test_what_one_process_let_through_another_hears_of(broker: Broker) -> None:
    async def story() -> None:
        with counting(broker.url) as one, counting(broker.url) as other:
            assert let_through(one, 7) == 7
            await until_heard(one)
            assert let_through(other, 1) == 1
            await until_heard(other)
            assert let_through(other, 50) == LIMIT - 8
            await until_heard(other)
            assert let_through(one, 50) <= LIMIT - 7  # it has not heard since, and hears with the first
            await until_heard(one)
            assert (let_through(one, 50), let_through(other, 50)) == (0, 0)
            assert 0 < one.wait(WHO) <= 60

    asyncio.run(story())


def test_without_redis_each_process_counts_for_itself_and_tells_when_it_is_back(broker: Broker) -> None:
    async def story() -> None:
        module_away, module._AWAY = module._AWAY, 0.2
        try:
            with counting(broker.url) as one:
                broker.halt()
                assert let_through(one, 4) == 4
                await until(lambda: one._away_until)
                assert let_through(one, 2) == 2
                broker.start()
                broker.client.flushall()
                await until_heard(one)
            with counting(broker.url) as other:
                assert let_through(other, 1) == 1
                await until_heard(other)
                assert let_through(other, 50) == LIMIT - 7
        finally:
            module._AWAY = module_away

    asyncio.run(story())


def test_memory_is_bounded_and_who_is_refused_stays_so() -> None:
    async def story() -> None:
        clock = Time()
        with counting("memory://", clock) as rates:
            for number in range(module._MOST - 1):
                rates.take(f"wrong:{number}", 1)
            clock.seconds = 61.0
            assert let_through(rates, 50) == LIMIT
            rates.take("wrong:new", 1)
            assert len(rates._counts) <= module._MOST
            rates.take("wrong:newer", 1)
            assert len(rates._counts) == 3  # those whose minute is over are forgotten
            assert rates.wait(WHO) > 0

    asyncio.run(story())
