"""Tavus' callbacks: kept before they are answered, and read by the next sweep. It may not look at what one says, nor tell a forger anything."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from scheduler import inbox
from scheduler.api.body import PATIENCE
from scheduler.api.described import answer, described
from scheduler.api.guard import Here
from scheduler.api.problems import ProblemError
from worker.tavus.callbacks import PATH

routes = APIRouter(tags=["callbacks"])
_MOST = 1024 * 1024  # bytes that are read of a body; the transcript of an hour has some hundred thousand


@routes.post(
    f"{PATH}/{{token}}",
    **described(
        "hearTavus",
        "Tavus says that a training ended, or tells of a conversation",
        answer(204, "Kept."),
        problems=("not-found", "ledger-away"),
        is_public=True,
    ),
)
async def called(
    parts: Here, request: Request, token: Annotated[str, Path(description="The token of one submission.", examples=["a-token"])]
) -> Response:
    """204 for a token of ours, once what was said is stored; 404 for any other, with nothing to tell the one from the other before."""
    about = parts.callbacks.about(token)  # first: nobody else's body is worth reading
    if about is None or not await run_in_threadpool(inbox.receive, parts, about, await _content(request)):
        raise ProblemError(404, "not-found", "Not Found")
    # Not rung for: the next sweep takes it, with all others that came meanwhile.
    return Response(status_code=204)


async def _content(request: Request) -> bytes:
    """The body; nothing of one that is too long, or does not come: a hint without words is a hint all the same."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for piece in request.stream():
                body += piece
                if len(body) > _MOST:
                    return b""
    except TimeoutError:
        return b""
    return bytes(body)
