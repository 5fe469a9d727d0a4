"""Who calls, and whether an operation is for them. It may not find out who somebody is: `admission` has done so before any route is asked."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from scheduler.api.problems import ProblemError
from scheduler.api.scopes import NEEDS
from scheduler.producers import CALLER
from worker.assembly import Parts
from worker.core.job import Job
from worker.store.tokens import Scope

__all__ = ["ADMITTED", "OWNER", "SCRAPER", "Caller", "Here", "Scope", "Whose", "caller_of", "only_callers", "parts_of", "require_caller"]

ADMITTED = "replicas.caller"
"""Where a request's scope (ASGI's word, not ours) has its caller."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever calls. Their jobs carry the name."""

    name: str
    scopes: frozenset[Scope]

    @property
    def sees(self) -> str | None:
        """The caller whose jobs these may see; None: everybody's."""
        return None if self.name == CALLER else self.name

    def may_see(self, job: Job) -> bool:
        """Whether the job is theirs, or they see everybody's."""
        return self.sees in {None, job.caller}


OWNER = Caller(CALLER, frozenset(Scope))
"""Whoever has REPLICAS_API_TOKEN, and whoever is trusted because he is on this host: the same as he who uses the command line there."""

SCRAPER = Caller("metrics", frozenset())
"""Whoever has REPLICAS_METRICS_TOKEN: the numbers, and nothing else."""


def parts_of(request: Request) -> Parts:
    """The parts that this process works with."""
    parts: Parts = request.app.state.parts
    return parts


async def _parts_of(request: Request) -> Parts:
    return parts_of(request)


def caller_of(request: Request) -> Caller:
    """Who calls. Raises ProblemError (401) where nobody was admitted: this way in was never meant to know its callers."""
    caller: Caller | None = request.scope.get(ADMITTED)
    if caller is None:
        raise unauthorized()
    return caller


def require_caller(request: Request, parts: Parts) -> Caller:
    """Who calls, once it is sure that their token is for this operation. Raises ProblemError (403, or 401 where nobody was admitted)."""
    del parts
    caller = caller_of(request)
    needed = NEEDS.get((request.method, request.scope["route"].path))
    if caller.sees is None or needed in caller.scopes:
        return caller
    if needed is None:
        raise ProblemError(403, "forbidden", "This is for the owner alone, who has REPLICAS_API_TOKEN.", headers=_CHALLENGE)
    raise ProblemError(
        403,
        "insufficient-scope",
        f"This token is for {', '.join(sorted(caller.scopes))}; this operation needs {needed}. Ask the owner for a token that has it.",
        headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'},
    )


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def unauthorized(detail: str | None = None, error: str = "") -> ProblemError:
    """The answer to whom nobody knows. `error`: RFC 6750's word for what was wrong with a token that was sent."""
    challenge = f'Bearer error="{error}"' if error else "Bearer"
    detail = detail or "Send the header 'Authorization: Bearer TOKEN', with a token of `replicas tokens make`."
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


async def only_callers(
    request: Request, parts: Annotated[Parts, Depends(_parts_of)], _shown: Annotated[object, Depends(HTTPBearer(auto_error=False))]
) -> None:
    """See `require_caller`. The documentation shows that a token may be sent."""
    require_caller(request, parts)


async def _caller_of(request: Request) -> Caller:
    return caller_of(request)


# Coroutines, here and above: FastAPI sends any other dependency through another thread.
Here = Annotated[Parts, Depends(_parts_of)]
Whose = Annotated[Caller, Depends(_caller_of)]
