"""Who may call: whoever has the token, or on loopback whoever is on this host. It may not let a web page on somebody's screen be one of them."""

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from scheduler.api.problems import ProblemError
from worker.assembly import Parts

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def parts_of(request: Request) -> Parts:
    """The parts that this process works with."""
    parts: Parts = request.app.state.parts
    return parts


async def _parts_of(request: Request) -> Parts:
    return parts_of(request)


# A coroutine, here and below: FastAPI sends any other dependency through another thread.
Here = Annotated[Parts, Depends(_parts_of)]


async def only_callers(request: Request, parts: Here) -> None:
    """See `require_caller`."""
    require_caller(request, parts)


def require_caller(request: Request, parts: Parts) -> None:
    """Raises ProblemError (401 or 403) for anybody else."""
    token = parts.settings.api_token
    if token is not None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        # Starlette reads headers as latin-1; their bytes are what was sent.
        if not hmac.compare_digest(given.encode("latin-1"), token.get_secret_value().encode()):
            raise ProblemError(401, "unauthorized", "Send the header 'Authorization: Bearer TOKEN' with the value of REPLICAS_API_TOKEN.")
        return
    # Without a token every process on this host is trusted, but a page in its browser is not: it can reach loopback too, under a name of its own
    # (DNS rebinding, seen in Host) or from a site of its own (seen in Origin).
    if not {request.url.hostname, _host_of(request.headers.get("origin") or "//localhost")} <= _LOOPBACK:
        raise ProblemError(403, "forbidden", "Without REPLICAS_API_TOKEN only this host may call, by a loopback address: set a token.")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:  # such as `http://[::1`: no browser says so, and nobody else need be let in with it
        return None
