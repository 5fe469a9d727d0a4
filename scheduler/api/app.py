"""Builds the API from settings: the factory that the Procfile's web process starts. It may not hold a route of its own but the health check."""

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from fastapi import Depends, FastAPI

from scheduler.api import accounts, documents, enqueueing, health, hooks, jobs, links, notifications, problems, schema, streams
from scheduler.api.admission import Admission, Guard
from scheduler.api.described import answer, described
from scheduler.api.guard import only_callers
from scheduler.api.places import Places
from scheduler.api.watching import Watch
from scheduler.board.opening import add_board
from scheduler.metrics import Metrics
from scheduler.readiness import Readiness
from scheduler.tokens import require_tokens
from worker import logs
from worker.app import make_app
from worker.assembly import Parts, reporting
from worker.posts import Unhurried
from worker.settings import Settings, SettingsError, read_settings

# New objects between two looks for rubbish that names itself; there is hardly any, and a batch makes some fifty thousand objects that are none.
_BETWEEN_LOOKS = 50_000
_ABOUT = "Hand over a headshot, get a conversation with the trained replica. Errors are problem documents (RFC 9457) with a stable `type`."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API; `settings` are read from the environment when they are not given."""
    if settings is not None:
        return _made(settings)
    logs.configure()
    try:
        api = _made(read_settings())
    except SettingsError as wrong:
        sys.exit(f"replicas: {wrong}")
    # This process is the API's own: with Python's usual numbers, a fifth of a batch's time would go into looks that find nothing.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BETWEEN_LOOKS)
    return api


def _made(settings: Settings) -> FastAPI:
    parts = reporting(settings, make_app(settings))
    parts.bell.post.to(Unhurried(parts.bell.post.usual))  # people wait for what is answered here, and not for a broker that hangs
    try:
        require_tokens(parts)
    except SettingsError:
        parts.close()
        raise
    way_in, admission = enqueueing.entrance(parts), Admission(parts)
    api = FastAPI(title="Replica worker", version="1", description=_ABOUT, lifespan=_closing(parts, way_in, admission))
    api.state.parts, api.state.entrance, api.state.watch = parts, way_in, Watch(parts.ledger.versions)
    api.state.places = Places(streams.MOST, streams.FULL)
    api.state.visits, api.state.readiness = links.Visits(parts), Readiness(parts)
    api.state.metrics = Metrics(parts, api.state.readiness)
    api.openapi = partial(schema.document, api)  # type: ignore[method-assign]  # FastAPI's own way to change it
    problems.handle(api)
    api.add_middleware(Guard, admission=admission)
    api.include_router(enqueueing.routes, dependencies=[Depends(only_callers)])  # shown alone: they ask for the caller themselves
    api.include_router(jobs.routes, dependencies=[Depends(only_callers)])
    api.include_router(streams.routes, dependencies=[Depends(only_callers)])
    api.include_router(accounts.routes, dependencies=[Depends(only_callers)])
    api.include_router(notifications.routes, dependencies=[Depends(only_callers)])
    api.include_router(hooks.routes)
    api.include_router(links.routes)  # whoever has the link
    api.include_router(health.routes)
    add_board(api, parts, admission)
    api.add_api_route("/livez", _livez, tags=["health"], **_LIVEZ)
    return api


_LIVEZ = described("isAlive", "Does this process answer", answer(200, "It does.", documents.Health, {"status": "ok"}), is_public=True)


async def _livez() -> dict[str, str]:
    """It asks nobody else: neither the database nor the broker."""
    return {"status": "ok"}


def _closing(parts: Parts, way_in: enqueueing.Entrance, admission: Admission) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_api: FastAPI) -> AsyncIterator[None]:
        yield
        way_in.singles.close()
        admission.close()
        parts.close()

    return lifespan
