"""For whoever runs it: whether the system works, and its numbers. It may not tell anybody unknown more than which part does not work."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from scheduler.api import documents
from scheduler.api.described import answer, described
from scheduler.api.guard import SCRAPER, caller_of
from scheduler.api.problems import ProblemError
from scheduler.metrics import Metrics
from scheduler.readiness import Part, Readiness, Trouble

routes = APIRouter(tags=["health"])
_Left = Annotated[list[Part], Query(description="Parts that do not matter to whoever asks.", examples=[["canary"]])]


@routes.get(
    "/readyz",
    **described(
        "isReady",
        "Does the system work",
        answer(200, "It does.", documents.Health, {"status": "ok"}),
        problems=("invalid-request", "not-ready"),
        is_public=True,
    ),
)
async def ready(request: Request, exclude: _Left = []) -> dict[str, str]:  # noqa: B006 - FastAPI's way to say that none is asked for
    """The database answers and is migrated, the broker answers, a worker took a canary lately, and each hears. Each has a second, once a second.

    With `exclude=canary&exclude=broker&exclude=workers`, for who sends requests here: without these jobs are still taken in.
    """
    readiness: Readiness = request.app.state.readiness
    found = await run_in_threadpool(readiness.look)
    told = {part.value: _told(trouble) for part, trouble in found.items() if trouble is not None and part not in exclude}
    if told:
        raise ProblemError(503, "not-ready", " ".join(f"{part}: {words}" for part, words in told.items()), parts=told)
    return {"status": "ok"}


def _told(trouble: Trouble) -> str:
    return f"{trouble.why}. {trouble.do}"


@routes.get("/metrics", include_in_schema=False)  # Prometheus says what it is like; programs that read the document have no use for it
async def numbers(request: Request) -> Response:
    """Everybody's numbers, so not for every caller: for the owner, and whoever has REPLICAS_METRICS_TOKEN."""
    caller = caller_of(request)
    if caller is not SCRAPER and caller.sees is not None:
        detail = "These are the numbers of everybody's jobs: they are for the owner, and for REPLICAS_METRICS_TOKEN."
        raise ProblemError(403, "forbidden", detail, headers={"WWW-Authenticate": "Bearer"})
    metrics: Metrics = request.app.state.metrics
    # Shared by all who ask meanwhile, so that a slow database costs one thread and not all of them.
    if (asked := getattr(request.app.state, "scrape", None)) is None or asked.done():
        asked = request.app.state.scrape = asyncio.ensure_future(run_in_threadpool(metrics.text))
    return Response(await asyncio.shield(asked), media_type=CONTENT_TYPE_PLAIN_0_0_4)
