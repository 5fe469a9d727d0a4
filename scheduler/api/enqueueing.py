"""The routes that create jobs: one, or up to a thousand. They may not judge a request: the door says the same of it alone and among others."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic_core import to_json
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.api.body import MOST, read_bytes, read_document, read_json
from scheduler.api.enqueueing_described import CREATE, CREATE_MANY
from scheduler.api.guard import parts_of, require_caller
from scheduler.api.intake import Intake
from scheduler.api.jobs import shown
from scheduler.api.problems import ProblemError, problem_document, too_large
from scheduler.fields import MOST_TOGETHER
from scheduler.keepable import keepable
from scheduler.producers import Asked, Outcome, enqueue_many
from scheduler.refusals import MOST as MOST_TOLD
from scheduler.refusals import refused
from scheduler.requests import Problem, RequestInvalidError
from worker.assembly import Parts
from worker.store.database import UNREACHABLE
from worker.store.jobs import Added

_MOST_OF_A_BATCH = 8 * 1024 * 1024  # bytes; a thousand requests whose addresses are signed are less than two million
_BODIES = 8  # of batches, in memory at once in a process; whoever comes then is read when one of them is answered
_BATCHES = 2  # at once in a process: while the database stores one, another is judged; more would only take turns, and keep single requests waiting

_KEY = "idempotency-key"
_ESCAPED = re.compile(r"""\\(["\\])""")


@dataclass(frozen=True, slots=True)
class Entrance:
    """What the requests of an API share on their way in.

    `singles`: the intake of those that come one by one. `bodies`, `batches`: how many may be in memory, and worked on, at once.
    """

    singles: Intake[Asked, Response]
    bodies: asyncio.Semaphore
    batches: asyncio.Semaphore


def entrance(parts: Parts) -> Entrance:
    """The way in to these parts."""
    return Entrance(Intake(lambda asked: _answers(parts, asked)), asyncio.Semaphore(_BODIES), asyncio.Semaphore(_BATCHES))


class _Direct(APIRoute):
    """A route whose endpoint takes the request as it is: solving dependencies takes FastAPI longer than all the rest of it together."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


routes = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=_Direct)


@routes.post("", **CREATE)
async def create(request: Request) -> Response:
    """Record a job. 201 for a new one; 200, with the same job, for a request that was sent before under the same key."""
    caller = require_caller(request, parts_of(request))
    way_in: Entrance = request.app.state.entrance
    document = await read_document(request)
    return await way_in.singles.take(Asked(document, beside=_key_of(request), caller=caller.name))


@routes.post(":batch", **CREATE_MANY)
async def create_many(request: Request) -> Response:
    """Record many jobs, as if their requests had come one after the other; one that is refused spoils no other.

    `results` has for each, in order, its `status` and its job's `id` (201: new, 200: there already), or what it would have been told by itself.
    """
    caller = require_caller(request, parts_of(request))
    if _KEY in request.headers:
        raise RequestInvalidError([Problem("idempotency_key", "stands beside a batch: write a key into each of its requests")])
    way_in: Entrance = request.app.state.entrance
    async with way_in.bodies:
        body = await read_bytes(request, _MOST_OF_A_BATCH)
        async with way_in.batches:
            return await run_in_threadpool(_batch, parts_of(request), body, caller.name)


def _key_of(request: Request) -> str | None:
    """The key: a string as structured fields write it (RFC 9651, 3.3.3), which is in quotes, or bare."""
    given = request.headers.get(_KEY)
    if given is None or len(given) < len('""') or not given.startswith('"') or not given.endswith('"'):
        return given
    return _ESCAPED.sub(r"\1", given[1:-1])


def _answers(parts: Parts, asked: Sequence[Asked]) -> list[Response | Exception]:
    try:
        outcomes = enqueue_many(parts, asked)
    except UNREACHABLE:
        raise
    except Exception as error:  # noqa: BLE001 - a request that nobody foresaw is to spoil no other: each by itself, and the one is told
        return [error] if len(asked) == 1 else [answer for one in asked for answer in _answers(parts, [one])]
    return [_created(parts, one) if isinstance(one, Added) else one for one in outcomes]


def _created(parts: Parts, added: Added) -> Response:
    return JSONResponse(shown(parts, added.job), _status(added), {"location": f"/v1/jobs/{added.job.id}"})


def _batch(parts: Parts, body: bytes, caller: str) -> Response:
    documents = _requests_in(read_json(body))
    # What fits into a request by itself is let in here too, and nothing else: but where all together would fit, each does.
    fits = [len(body) <= MOST or _fits(one) for one in documents]
    outcomes = iter(enqueue_many(parts, [Asked(one, caller=caller) for one, it_fits in zip(documents, fits, strict=True) if it_fits]))
    return JSONResponse({"results": [_result(next(outcomes) if it_fits else too_large(MOST)) for it_fits in fits]})


def _fits(document: object) -> bool:
    """Whether the shortest text that says it is no longer than a request may be."""
    with suppress(ValueError):  # half a surrogate pair
        if len(to_json(document)) <= MOST // 2:  # it writes some numbers shorter, and takes a tenth of the time
            return True
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")) <= MOST


def _requests_in(document: object) -> list[object]:
    if not isinstance(document, dict):
        raise RequestInvalidError([Problem("request", "is not a JSON object")])
    problems = [
        Problem(str(keepable(name[:60], [])), "is no field of a batch") for name in islice(document, MOST_TOLD + 1) if name != "jobs"
    ]
    jobs = document.get("jobs")
    if not isinstance(jobs, list):
        problems.append(Problem("jobs", "is missing: it is the list of requests" if jobs is None else "should be a list of requests"))
    elif len(jobs) > MOST_TOGETHER:
        problems.append(Problem("jobs", f"holds {len(jobs)} requests: send at most {MOST_TOGETHER} at once"))
    if problems or not isinstance(jobs, list):
        raise refused(problems)
    return jobs


def _result(outcome: Outcome | ProblemError) -> dict[str, Any]:
    return {"status": _status(outcome), "id": outcome.job.id} if isinstance(outcome, Added) else problem_document(outcome)


def _status(added: Added) -> int:
    return 201 if added.created else 200
