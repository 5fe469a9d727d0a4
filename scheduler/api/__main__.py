"""Serves the API, from as many processes as the settings say: the Procfile's web process. It may not know a route."""

import asyncio
import sys
from contextlib import closing, suppress
from typing import Any

import uvicorn
from typing_extensions import override  # typing's own from Python 3.12 on
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from scheduler.api.listening import DEALS, take_port
from scheduler.stack.errors import StackError
from scheduler.tokens import require_tokens
from worker.app import make_app
from worker.assembly import assemble
from worker.settings import Settings, SettingsError, read_settings

_APP = "scheduler.api:create_app"
# Seconds for what is being answered when the process is told to stop; a caller who gets no answer sends again under the same key.
_GRACE = 5
_SIGN_OF_LIFE = 60  # seconds: until all is imported a process says nothing, and of uvicorn's five a busy host would never see one start
_TICK = 0.5  # seconds between two looks whether to stop: ten a second, as uvicorn has it, are most of what an idle process does


class Unhurried(uvicorn.Server):
    """uvicorn's server, that wakes seldom while nobody asks."""

    @override
    async def main_loop(self) -> None:
        """Until it is told to stop."""
        # 0: a tick at which the date in answers is set, which must not be older than a second.
        while not await self.on_tick(0):  # noqa: ASYNC110 - uvicorn sets a flag, and no event
            await asyncio.sleep(_TICK)


def main() -> None:
    """Serve until told to stop."""
    try:
        settings = read_settings()
    except SettingsError as wrong:
        sys.exit(f"replicas: {wrong}")
    if settings.web_processes == 1:
        _serve(settings)
        return
    _require_startable(settings)
    if DEALS:
        _serve_from_many(settings)
    else:
        uvicorn.run(_APP, workers=settings.web_processes, **_options(settings))


def _require_startable(settings: Settings) -> None:
    """Before any process is started: one that refuses to start would be started again and again."""
    try:
        parts = assemble(settings, make_app(settings))
        with closing(parts):
            require_tokens(parts)
    except SettingsError as wrong:
        sys.exit(f"replicas: {wrong}")


def _serve(settings: Settings) -> None:
    server = Unhurried(uvicorn.Config(_APP, **_options(settings)))
    with suppress(KeyboardInterrupt):  # told to stop by it, and has stopped
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def _serve_from_many(settings: Settings) -> None:
    try:
        port = take_port(settings.host, settings.port)
    except StackError as taken:
        sys.exit(f"replicas: {taken}")
    Multiprocess(uvicorn.Config(_APP, workers=settings.web_processes, **_options(settings)), [port]).run()


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "factory": True,
        "host": settings.host,
        "port": settings.port,
        "access_log": False,  # a line a request would cost as much as the request
        "server_header": False,
        "timeout_graceful_shutdown": _GRACE,
        "timeout_worker_healthcheck": _SIGN_OF_LIFE,
    }


if __name__ == "__main__":
    main()
