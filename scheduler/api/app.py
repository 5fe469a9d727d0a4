"""Builds the API from settings: the factory that the Procfile's web process starts. It may not hold a route of its own but the health check."""

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import Depends, FastAPI

from scheduler.api import accounts, enqueueing, hooks, jobs, problems
from scheduler.api.guard import only_callers
from worker import logs
from worker.app import make_app
from worker.assembly import Parts, assemble
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
        settings = read_settings()
    except SettingsError as wrong:
        sys.exit(f"replicas: {wrong}")
    api = _made(settings)
    # This process is the API's own: with Python's usual numbers, a fifth of a batch's time would go into looks that find nothing.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BETWEEN_LOOKS)
    return api


def _made(settings: Settings) -> FastAPI:
    parts = assemble(settings, make_app(settings))
    way_in = enqueueing.entrance(parts)
    api = FastAPI(title="Replica worker", version="1", description=_ABOUT, lifespan=_closing(parts, way_in))
    api.state.parts, api.state.entrance = parts, way_in
    problems.handle(api)
    api.include_router(enqueueing.routes)  # they ask for the caller themselves
    api.include_router(jobs.routes, dependencies=[Depends(only_callers)])
    api.include_router(accounts.routes, dependencies=[Depends(only_callers)])
    api.include_router(hooks.routes)
    api.add_api_route("/livez", _livez, tags=["health"], summary="Does this process answer")
    return api


async def _livez() -> dict[str, str]:
    return {"status": "ok"}


def _closing(parts: Parts, way_in: enqueueing.Entrance) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_api: FastAPI) -> AsyncIterator[None]:
        yield
        way_in.singles.close()
        parts.close()

    return lifespan
