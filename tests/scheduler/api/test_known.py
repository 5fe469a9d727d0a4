"""What a process knows of a token is asked for anew after two seconds, so that a revocation holds; a busy caller costs hardly a question."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError
from typing_extensions import override

from scheduler.api.known import FRESH, KnownTokens
from tests.scheduler.made import opened, settings_in
from worker.settings import Settings
from worker.store.tokens import Scope, Token, Tokens

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Counted(Tokens):
    """The ledger's own, which counts how often it is asked and written, and may be away."""

    asked, noted, away = 0, 0, False

    @override
    def find(self, digest: str) -> Token | None:
        self.asked += 1
        if self.away:
            raise OperationalError("away", {}, Exception())
        return super().find(digest)

    @override
    def used(self, token_id: str, now: datetime) -> None:
        self.noted += 1
        super().used(token_id, now)


class World:
    """A ledger of tokens, what a process knows of them, and the time of both."""

    def __init__(self, tokens: Counted) -> None:
        self.tokens, self.seconds = tokens, 0.0
        self.known = KnownTokens(tokens, self.now, lambda: self.seconds)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def keep(self, digest: str, **changes: timedelta) -> None:
        ends = changes.get("lasts")
        self.tokens.keep(
            Token(f"id-{digest}", "shop", frozenset(Scope), self.now(), expires_at=None if ends is None else self.now() + ends), digest
        )

    async def holds(self, digest: str) -> bool:
        return await self.known.find(digest) is not None


@pytest.fixture
def living(settings: Settings) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    """Call it with what happens in a world."""

    def live(story: Callable[[World], Awaitable[None]]) -> None:
        with opened(settings_in(settings.home)) as parts:
            world = World(Counted(parts.ledger._database))

            async def lived() -> None:
                await story(world)

            asyncio.run(lived())
            world.known.close()

    return live


Living = Callable[[Callable[[World], Awaitable[None]]], None]


def test_a_busy_token_costs_one_question_in_two_seconds(living: Living) -> None:
    async def story(world: World) -> None:
        world.keep("d1")
        for _ in range(100):
            assert await world.holds("d1")
            world.seconds += FRESH / 50
        assert world.tokens.asked == 2

    living(story)


def test_all_who_come_at_one_moment_are_one_question(living: Living) -> None:
    async def story(world: World) -> None:
        world.keep("d1")
        assert all(await asyncio.gather(*(world.holds("d1") for _ in range(50))))
        assert world.tokens.asked == 1

    living(story)


def test_a_revocation_holds_after_two_seconds_at_most(living: Living) -> None:
    async def story(world: World) -> None:
        world.keep("d1")
        assert await world.holds("d1")
        world.tokens.revoke("shop", world.now())
        world.seconds = FRESH - 0.01
        assert await world.holds("d1")
        world.seconds = FRESH
        assert not await world.holds("d1")

    living(story)


def test_a_token_ends_at_its_moment_and_not_when_it_is_asked_for_again(living: Living) -> None:
    async def story(world: World) -> None:
        world.keep("d1", lasts=timedelta(seconds=1))
        assert await world.holds("d1")
        world.seconds = 0.99
        assert await world.holds("d1")
        world.seconds = 1.0
        assert not await world.holds("d1")

    living(story)


def test_a_new_token_holds_at_once_though_it_was_asked_for_before(living: Living) -> None:
    async def story(world: World) -> None:
        assert not await world.holds("d1")
        world.keep("d1")
        assert await world.holds("d1")

    living(story)


def test_what_cannot_be_asked_for_again_is_not_believed(living: Living) -> None:
    async def story(world: World) -> None:
        world.keep("d1")
        assert await world.holds("d1")
        world.tokens.away, world.seconds = True, FRESH
        with pytest.raises(OperationalError):
            await world.known.find("d1")
        world.tokens.away = False
        assert await world.holds("d1")

    living(story)


def test_the_last_use_is_written_once_in_minutes(living: Living) -> None:
    async def story(world: World) -> None:
        world.keep("d1")
        for second in (0, 10, 100, 299):
            world.seconds = float(second)
            assert await world.holds("d1")
        assert world.tokens.noted == 1
        world.seconds = 301.0
        assert await world.holds("d1")
        [token] = world.tokens.every()
        assert (world.tokens.noted, token.last_used_at) == (2, world.now())

    living(story)
