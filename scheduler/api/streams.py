"""The story of a job as a stream of server-sent events. It may not hold a connection to the ledger while it waits, nor stay when the job rests."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.api import examples
from scheduler.api.described import answer, described
from scheduler.api.guard import Caller, Here, Whose
from scheduler.api.jobs import One, found
from scheduler.api.places import Places
from scheduler.api.watching import Watch
from scheduler.views import line_document
from worker.assembly import Parts
from worker.core.job import Job, JobId
from worker.core.states import FINAL
from worker.store.database import UNREACHABLE
from worker.store.stories import Line

MOST = 100
"""Streams at once in a process."""
FULL = "So many jobs are followed already, by you or by all: try again later, or ask for the story."
HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent: proxies hang up on a connection that says nothing for long."""
_MOST_LINES = 500  # read at once
_ENDLESS = {"cache-control": "no-store", "x-accel-buffering": "no"}  # nginx keeps an answer until it is whole, unless it is told not to

routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_Last = Annotated[
    int, Header(alias="Last-Event-ID", ge=0, le=2**31, description="The last line that arrived: the stream goes on after it.", examples=[0])
]


@routes.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    **described(
        "followJob",
        "Follow a job",
        answer(200, "The stream.", None, examples.STREAM, media="text/event-stream"),
        answer(204, "The job rests, and there is nothing after that line: an EventSource stops asking."),
        problems=("unknown-job", "invalid-request", "too-many-streams"),
    ),
)
async def follow(request: Request, parts: Here, caller: Whose, job_id: One, last_event_id: _Last = 0) -> Response:
    """The story as server-sent events: each step as it happens, with its number in the story as `id` and the line of `story` as JSON in `data`.

    It ends with an event `end` when the job rests for good: it is over, and all that it cost is known. A connection that is lost is taken up again
    with `Last-Event-ID`, as browsers do by themselves. A comment now and then keeps it open.
    """
    watch: Watch = request.app.state.watch
    job = await run_in_threadpool(found, parts, caller, job_id)
    if rests(job) and not await run_in_threadpool(parts.ledger.story_from, job.id, last_event_id, 1):
        return Response(status_code=204)
    return _Stream(_Following(parts, watch, job.id, last_event_id), request.app.state.places, caller)


def rests(job: Job) -> bool:
    """Whether nothing will happen to the job by itself any more, and no person can ask much of it."""
    wishes = job.conversation is not None and job.conversation.end_due_at is not None
    return job.state in FINAL and job.due_at is None and not wishes and not any(one.deletion for one in job.attempts)


@dataclass
class _Following:
    """Where one stream is."""

    parts: Parts
    watch: Watch
    job_id: JobId
    number: int

    async def pieces(self) -> AsyncIterator[bytes]:
        with self.watch.news_of(self.job_id) as news:
            while True:
                news.clear()
                try:
                    lines, is_over = await run_in_threadpool(self._read)
                except UNREACHABLE:
                    return  # without its end: whoever follows comes again, and goes on where he was
                for line in lines:
                    self.number += 1
                    yield format_sse_event(data_str=to_json(line_document(line)).decode(), event="line", id=str(self.number))
                if is_over:
                    yield format_sse_event(data_str="{}", event="end")
                    return
                if len(lines) == _MOST_LINES:
                    continue
                while not await _comes(news):
                    yield b": still here\n\n"

    def _read(self) -> tuple[list[Line], bool]:
        """What is new, and whether that is all there will be. The job first: what is written after it is looked at has lines that were not read."""
        job = self.parts.ledger.get(self.job_id)
        lines = self.parts.ledger.story_from(self.job_id, self.number, _MOST_LINES)
        return lines, rests(job) and len(lines) < _MOST_LINES


class _Stream(StreamingResponse):
    """Takes a place, and gives it back however it ends, though it may never have begun."""

    media_type = "text/event-stream"

    def __init__(self, following: _Following, places: Places, caller: Caller) -> None:
        places.take(caller)
        super().__init__(following.pieces(), headers=_ENDLESS)
        self._places, self._caller = places, caller

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.give(self._caller)


async def _comes(news: asyncio.Event) -> bool:
    """Whether there was news before it was time for a comment."""
    try:
        await asyncio.wait_for(news.wait(), HEARTBEAT)
    except TimeoutError:
        return False
    return True
