"""The link that opens a conversation for whoever comes (`/c/{token}`). It may not let a program open one, nor tell a forger anything.

A person's visit opens the conversation and leads there. Programs that only look, and whom we cannot tell from one, get a page with a button instead:
to press it is a POST, which nobody's preview does. `REPLICAS_LINKS_OPEN=press` shows everybody the button.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from scheduler.api.guard import Here
from scheduler.api.page import HEADERS, STATUS, page_of, page_of_nothing, page_of_trouble
from scheduler.api.robots import only_looks
from scheduler.visits import How, Standing, Who, come, look
from worker.assembly import Parts
from worker.core.job import JobId
from worker.links import PATH
from worker.store.database import UNREACHABLE
from worker.store.jobs import StaleJobError

T = TypeVar("T")
# Seconds that a visitor waits for his conversation before he sees a page, and between two looks; an opening takes about one.
_WAIT, _PAUSE = 3.0, 0.1
_KNOWN = 10.0  # seconds for which a conversation that goes on is believed to do so: Tavus is asked no more often, however many come
_REMEMBERED = 10_000  # conversations of which that is remembered
_AT_ONCE = 8  # visits at work in a process: while Tavus is slow, those to other links wait, and callbacks do not
_WORDS = {"text/html": {"schema": {"type": "string"}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page, while there is nowhere to go yet", "content": _WORDS},
    303: {"description": "To the conversation, or to the page that waits for it"},
    404: {"description": "No link of ours", "content": _WORDS},
    410: {"description": "There will be no conversation", "content": _WORDS},
    429: {"description": "Opened too often within a day", "content": _WORDS},
    503: {"description": "The ledger does not answer; the page tries again", "content": _WORDS},
}
_ANYBODY: dict[str, Any] = {"security": []}
_Token = Annotated[str, Path(description="The link's token.", examples=["a-token"])]

routes = APIRouter(prefix=PATH, tags=["links"], responses=_ANSWERS)


class Visits:
    """One an API, used from its event loop: whoever comes to a link while another does shares his visit, with all that it asks and writes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._under_way: dict[tuple[JobId, Who], asyncio.Task[Standing | None]] = {}
        self._open: dict[JobId, float] = {}
        self._places: CapacityLimiter | None = None

    async def come(self, job_id: JobId, who: Who) -> Standing | None:
        """How things stand for whoever came, once that has set in motion what it does."""
        key = job_id, who
        visit = self._under_way.get(key)
        if visit is None:
            visit = self._under_way[key] = asyncio.create_task(self._visit(job_id, who))
            visit.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(visit)  # one who goes away takes nobody else's answer with him

    async def _visit(self, job_id: JobId, who: Who) -> Standing | None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._open.get(job_id, -_KNOWN) < _KNOWN:
            standing = await self._do(lambda: come(self._parts, job_id, Who.PROGRAM))
            if standing is not None and standing.how is How.OPEN:
                return standing
        standing = await self._do(lambda: come(self._parts, job_id, who))
        until = loop.time() + _WAIT
        while who is Who.PERSON and standing is not None and standing.how is How.OPENING and not standing.late and loop.time() < until:
            await asyncio.sleep(_PAUSE)
            standing = await self._do(lambda: look(self._parts, job_id))
        if who is not Who.PROGRAM and standing is not None and standing.how is How.OPEN:
            if len(self._open) >= _REMEMBERED:
                self._open.clear()
            self._open[job_id] = loop.time()
        return standing

    async def _do(self, act: Callable[[], T]) -> T:
        self._places = self._places or CapacityLimiter(_AT_ONCE)
        return await to_thread.run_sync(act, limiter=self._places)


@routes.get(
    "/{token}",
    operation_id="visitLink",
    summary="Go to the conversation, opening it if need be",
    openapi_extra=_ANYBODY,
    response_class=HTMLResponse,
)
async def visit(parts: Here, request: Request, token: _Token) -> Response:
    """303 to the conversation; a page as long as it cannot be had, or for a program that only looks."""
    if only_looks(request.headers):
        return await _answer(parts, request, token, Who.PROGRAM)
    waits = "waiting" in request.query_params or parts.settings.links_open == "press"
    return await _answer(parts, request, token, Who.WAITING if waits else Who.PERSON)


@routes.head("/{token}", operation_id="glanceAtLink", summary="Look where a link leads, opening nothing", openapi_extra=_ANYBODY)
async def glance(parts: Here, request: Request, token: _Token) -> Response:
    """What a GET by a program that only looks would be told."""
    return await _answer(parts, request, token, Who.PROGRAM)


@routes.post(
    "/{token}", operation_id="pressLink", summary="Open the conversation, and go there", openapi_extra=_ANYBODY, response_class=HTMLResponse
)
async def press(parts: Here, request: Request, token: _Token) -> Response:
    """The button of the page. 303 to the conversation, or to the page that waits for it."""
    return await _answer(parts, request, token, Who.PERSON)


async def _answer(parts: Parts, request: Request, token: str, who: Who) -> Response:
    job_id, visits = parts.links.job_of(token), request.app.state.visits
    try:
        standing: Standing | None = await visits.come(job_id, who) if job_id is not None else None
    except (*UNREACHABLE, StaleJobError):
        return HTMLResponse(page_of_trouble(), 503, HEADERS)
    if standing is None:
        return HTMLResponse(page_of_nothing(), 404, HEADERS)
    if who is not Who.PROGRAM and standing.how is How.OPEN and standing.url is not None:
        return RedirectResponse(standing.url, 303, HEADERS)
    status = STATUS.get(standing.how, 200)
    if request.method == "POST" and status == 200:  # noqa: PLR2004 - as HTTP has it: a page that is loaded anew must not be sent again
        return RedirectResponse(f"{PATH}/{token}?waiting", 303, HEADERS)
    return HTMLResponse(page_of(standing), status, HEADERS)
