"""Who comes alone is served at once; who comes meanwhile is served together; and each is told of his own what became of it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from scheduler.api.intake import Intake


class Store:
    """Remembers what it was given together, and may be held up."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.opened = threading.Event()
        self.opened.set()

    def __call__(self, given: Sequence[int]) -> Sequence[str | Exception]:
        self.opened.wait(30)
        self.groups.append(list(given))
        if 99 in given:
            raise OSError("the database is away")
        return [ValueError(f"{one} is odd") if one % 2 else f"{one} is stored" for one in given]


def living(run: Callable[[Intake[int, str], Store], Coroutine[Any, Any, None]]) -> Store:
    """Live it with a new intake, and give its store back."""
    store = Store()

    async def lived() -> None:
        intake = Intake(store)
        await run(intake, store)
        intake.close()

    asyncio.run(asyncio.wait_for(lived(), 60))
    return store


async def meanwhile(intake: Intake[int, str], store: Store, *given: int) -> list[Any]:
    """Zero is being stored when these come."""
    store.opened.clear()
    asked = [asyncio.create_task(intake.take(one)) for one in (0, *given)]
    await asyncio.sleep(0.1)
    store.opened.set()
    return await asyncio.gather(*asked, return_exceptions=True)


def test_who_comes_alone_is_served_alone() -> None:
    async def run(intake: Intake[int, str], _store: Store) -> None:
        assert [await intake.take(0), await intake.take(2)] == ["0 is stored", "2 is stored"]

    assert living(run).groups == [[0], [2]]


def test_who_comes_while_others_are_stored_is_stored_with_the_next_in_the_order_of_coming() -> None:
    async def run(intake: Intake[int, str], store: Store) -> None:
        outcomes = await meanwhile(intake, store, 2, 4, 6)
        assert outcomes == [f"{one} is stored" for one in (0, 2, 4, 6)]

    groups = living(run).groups
    assert [one for group in groups for one in group] == [0, 2, 4, 6]
    assert len(groups) <= 2


def test_one_that_is_refused_spoils_no_other() -> None:
    async def run(intake: Intake[int, str], store: Store) -> None:
        _, good, bad, last = await meanwhile(intake, store, 2, 3, 4)
        assert (good, str(bad), last) == ("2 is stored", "3 is odd", "4 is stored")

    living(run)


def test_what_goes_wrong_for_all_is_told_to_all_and_the_next_are_served() -> None:
    async def run(intake: Intake[int, str], store: Store) -> None:
        outcomes = await meanwhile(intake, store, 2, 99)
        assert any(isinstance(one, OSError) for one in outcomes)
        assert await intake.take(4) == "4 is stored"

    living(run)


def test_who_goes_before_he_is_told_is_stored_and_keeps_nobody_waiting() -> None:
    async def run(intake: Intake[int, str], store: Store) -> None:
        store.opened.clear()
        gone, stays = (asyncio.create_task(intake.take(one)) for one in (2, 4))
        await asyncio.sleep(0.1)
        gone.cancel()
        store.opened.set()
        assert await stays == "4 is stored"
        with pytest.raises(asyncio.CancelledError):
            await gone

    assert sorted(one for group in living(run).groups for one in group) == [2, 4]


def test_a_crowd_is_stored_in_groups_that_have_an_end() -> None:
    async def run(intake: Intake[int, str], store: Store) -> None:
        crowd = [2 * one for one in range(1, 1000)]
        assert len(await meanwhile(intake, store, *crowd)) == 1000

    assert max(map(len, living(run).groups)) <= 200
