"""Serves the API, from as many processes as the settings say: the Procfile's web process. It may not know a route."""

import sys
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from scheduler.api.listening import DEALS, take_port
from scheduler.stack.errors import StackError
from worker.settings import Settings, SettingsError, read_settings

_APP = "scheduler.api:create_app"
_GRACE = (
    5  # seconds for what is being answered when the process is told to stop; a caller who gets no answer sends again under the same key
)


def main() -> None:
    """Serve until told to stop."""
    try:
        settings = read_settings()
    except SettingsError as wrong:
        sys.exit(f"replicas: {wrong}")
    if settings.web_processes == 1 or not DEALS:
        uvicorn.run(_APP, workers=settings.web_processes, **_options(settings))
        return
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
    }


if __name__ == "__main__":
    main()
