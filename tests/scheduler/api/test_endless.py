"""An answer that goes on and on ends when the token that it was asked for with holds no more: nothing is told after that."""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from scheduler.api.admission import Admission, Guard
from scheduler.api.known import FRESH
from scheduler.tokens import make_token
from tests.scheduler.made import opened, settings_in
from worker.assembly import Parts
from worker.settings import Settings
from worker.store import tokens
from worker.store.clock import utc_now

PIECES = 6
Told = list[MutableMapping[str, Any]]


def told(parts: Parts, token: str, between: Callable[[int, Admission], None]) -> Told:
    """All that a route which sends pieces lets out, to whoever has that token; `between` happens before each."""
    admission, sent = Admission(parts), Told()

    async def route(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(PIECES):
            between(number, admission)
            await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def sending(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receiving() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def ask() -> None:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "http", "method": "GET", "path": "/v1/endless", "headers": headers, "client": ("127.0.0.1", 1)}
        await Guard(route, admission)(scope, receiving, sending)
        admission.close()

    asyncio.run(ask())
    return sent


def bodies(sent: Told) -> list[tuple[bytes, bool]]:
    return [(message["body"], message["more_body"]) for message in sent if message["type"] == "http.response.body"]


WHOLE = [(b"piece", True)] * PIECES + [(b"", False)]


def test_who_may_still_ask_hears_it_to_its_end(settings: Settings) -> None:
    def time_passes(_number: int, admission: Admission) -> None:
        before = admission._known._steady
        admission._known._steady = lambda: before() + FRESH

    with opened(settings_in(settings.home, api_token=SecretStr("the-owners"))) as parts:
        _, token = make_token(parts, "shop", list(tokens.Scope))
        assert bodies(told(parts, token, time_passes)) == WHOLE
        assert bodies(told(parts, "the-owners", time_passes)) == WHOLE


def test_it_ends_where_the_token_holds_no_more(settings: Settings) -> None:
    with opened(settings_in(settings.home)) as parts:
        made, token = make_token(parts, "shop", list(tokens.Scope))

        def revoked_in_the_middle(number: int, admission: Admission) -> None:
            if number == PIECES // 2:
                parts.ledger.tokens.revoke(made.id, utc_now())
                before = admission._known._steady
                admission._known._steady = lambda: before() + FRESH

        assert bodies(told(parts, token, revoked_in_the_middle)) == [(b"piece", True)] * (PIECES // 2) + [(b"", False)]
