"""Errors as problem documents (RFC 9457) with a stable `type`. It may not show a stack, a query or a key."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from scheduler.requests import RequestInvalidError
from worker.core.decision import IllegalTransition
from worker.core.deletion import DeletionRefused
from worker.store.database import UNREACHABLE
from worker.store.jobs import KeyReusedError, StaleJobError

_TYPE = "urn:replica-worker:problem:"


class ProblemError(Exception):
    """An answer that is a problem."""

    def __init__(self, status: int, kind: str, detail: str, **more: Any) -> None:  # noqa: ANN401 - RFC 9457's extension members
        """`kind` is the stable end of the type."""
        super().__init__(detail)
        self.status, self.kind, self.detail, self.more = status, kind, detail, more


def unknown_job(job_id: str) -> ProblemError:
    """There is no such job."""
    return ProblemError(404, "unknown-job", f"There is no job {job_id[:40]!r} here.")


def handle(api: FastAPI) -> None:
    """Have everything that may be raised answered as a problem."""
    api.add_exception_handler(ProblemError, _answering(lambda error: error))
    api.add_exception_handler(RequestInvalidError, _answering(_invalid))
    api.add_exception_handler(RequestValidationError, _answering(lambda error: ProblemError(422, "invalid-request", _parameters(error))))
    api.add_exception_handler(KeyReusedError, _answering(lambda error: ProblemError(422, "key-reused", f"{error}", job_id=error.job_id)))
    api.add_exception_handler(DeletionRefused, _answering(_kept))
    api.add_exception_handler(
        IllegalTransition, _answering(lambda error: ProblemError(409, "not-possible", f"The job is {error.job.state}. {error.reason}"))
    )
    api.add_exception_handler(
        StaleJobError, _answering(lambda _: ProblemError(503, "busy", "The job changes faster than this could; try again."))
    )
    api.add_exception_handler(HTTPException, _answering(_plain))
    for error in UNREACHABLE:
        api.add_exception_handler(error, _answering(lambda _: ProblemError(503, "ledger-away", "The database does not answer; try again.")))


def _answering(translate: Callable[[Any], ProblemError]) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(_request: Request, error: Exception) -> JSONResponse:
        problem = translate(error)
        title = HTTPStatus(problem.status).phrase
        body = {"type": f"{_TYPE}{problem.kind}", "title": title, "status": problem.status, "detail": problem.detail} | problem.more
        return JSONResponse(body, problem.status, media_type="application/problem+json")

    return answer


def _invalid(error: RequestInvalidError) -> ProblemError:
    problems = [{"field": problem.field, "problem": problem.problem} for problem in error.problems]
    return ProblemError(422, "invalid-request", f"{len(problems)} problem(s); nothing was stored.", problems=problems)


def _parameters(error: RequestValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def _kept(error: DeletionRefused) -> ProblemError:
    until: datetime | None = error.until
    return ProblemError(409, "not-deletable", error.reason, until=until.isoformat() if until else None)


def _plain(error: HTTPException) -> ProblemError:
    return ProblemError(error.status_code, HTTPStatus(error.status_code).name.lower().replace("_", "-"), str(error.detail))
