"""Tells an open page of the board when there is something new to see, as server-sent events. It may not say what: the page asks for itself anew.

So a page is drawn in one place alone, with JavaScript and without. Every two seconds one small question is asked for each open page; it hears of a
change within that, and is told to look every now and then all the same, for what moves by itself: ETAs, pace, credits.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.api.guard import Here
from scheduler.api.jobs import found
from scheduler.api.places import Places
from scheduler.board.answering import Paged
from scheduler.board.entrance import Entrance, Seen, Visitor, entrance_of
from scheduler.board.pages import HEADERS, PREFIX
from scheduler.board.shelf import Choice, Chosen
from worker.store.database import UNREACHABLE

MOST = 50
"""Open pages of a process that are told: each asks the ledger every two seconds."""
PACE = 2.0
"""Seconds between two questions."""
STALE = 15.0
"""Seconds after which a page looks again without any news."""

FULL = "Too many pages are open: this one does not follow by itself. Load it again to see more."

routes = APIRouter(prefix=PREFIX, route_class=Paged, include_in_schema=False)


@routes.get("/live")
async def follow(request: Request, parts: Here, visitor: Seen, chosen: Chosen, job_id: Annotated[str, Query(alias="job")] = "") -> Response:
    """News for the overview, as it is filtered, or for one job."""
    if job_id:
        job = await run_in_threadpool(found, parts, visitor.caller, job_id)
        return _Stream(request, visitor, lambda: parts.ledger.versions([job.id]))
    return _Stream(request, visitor, lambda: _seen(parts.ledger.page_versions, chosen, visitor))


def _seen(versions: Callable[..., object], chosen: Choice, visitor: Visitor) -> object:
    """What the overview hangs on: the page's jobs, and those that are held."""
    return [versions(wanted, after, limit) for wanted, after, limit in chosen.questions(visitor.caller)]


class _Stream(StreamingResponse):
    """Gives its place back however it ends."""

    media_type = "text/event-stream"

    def __init__(self, request: Request, visitor: Visitor, look: Callable[[], object]) -> None:
        self._places: Places = request.app.state.board_places
        self._caller = visitor.caller
        self._places.take(self._caller)
        # nginx keeps an answer until it is whole, unless it is told not to
        super().__init__(_pieces(entrance_of(request), visitor, look), headers=HEADERS | {"x-accel-buffering": "no"})

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.give(self._caller)


async def _pieces(entrance: Entrance, visitor: Visitor, look: Callable[[], object]) -> AsyncIterator[bytes]:
    """`look` whenever there is news or it is time; `end` when the visitor may not see it any more."""
    seen, told_at = None, time.monotonic()
    yield b"retry: 3000\n\n"
    while visitor.session.digest is None or await entrance.admission.session_holds(visitor.session.digest):
        try:
            now = await run_in_threadpool(look)
        except UNREACHABLE:
            return  # the browser comes again by itself
        is_news, seen = seen is not None and now != seen, now
        if is_news or time.monotonic() - told_at >= STALE:
            told_at = time.monotonic()
            yield format_sse_event(data_str="{}", event="look")
        await asyncio.sleep(PACE)
    yield format_sse_event(data_str="{}", event="end")
