"""Builds the API from settings: the factory that the Procfile's web process starts. It may not hold a route of its own but the health check."""

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

_ABOUT = "Hand over a headshot, get a conversation with the trained replica. Errors are problem documents (RFC 9457) with a stable `type`."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API; `settings` are read from the environment when they are not given."""
    if settings is None:
        logs.configure()
        try:
            settings = read_settings()
        except SettingsError as wrong:
            sys.exit(f"replicas: {wrong}")
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
