"""Errors as problem documents (RFC 9457) with a stable `type`. It may not show a stack, a query or a key."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kombu.exceptions import OperationalError as BrokerError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from scheduler.accounts import UnknownAccountError
from scheduler.requests import Problem, RequestInvalidError
from worker.core.decision import IllegalTransition
from worker.core.deletion import DeletionRefused
from worker.redaction import redacted
from worker.store.database import UNREACHABLE
from worker.store.jobs import KeyReusedError, StaleJobError

TYPE = "urn:replica-worker:problem:"


class ProblemError(Exception):
    """An answer that is a problem."""

    def __init__(self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:  # noqa: ANN401 - RFC 9457's extension members
        """`kind` is the stable end of the type. `headers`: what HTTP wants beside it, such as how to be let in (401)."""
        super().__init__(detail)
        self.status, self.kind, self.detail, self.more, self.headers = status, kind, detail, more, headers


def unknown_job(job_id: str) -> ProblemError:
    """There is no such job."""
    return ProblemError(404, "unknown-job", f"There is no job {job_id[:40]!r} here.")


def unknown_notification(notification_id: str) -> ProblemError:
    """There is no such notification."""
    return ProblemError(404, "unknown-notification", f"There is no notification {notification_id[:60]!r} here.")


def too_large(most: int) -> ProblemError:
    """The request is longer than any that the door could let in."""
    return ProblemError(413, "too-large", f"The request is longer than {most} bytes.")


def problem_document(error: ProblemError | RequestInvalidError | KeyReusedError) -> dict[str, Any]:
    """The problem as JSON."""
    problem = _invalid(error) if isinstance(error, RequestInvalidError) else _reused(error) if isinstance(error, KeyReusedError) else error
    title, detail = HTTPStatus(problem.status).phrase, redacted(problem.detail)
    return {"type": f"{TYPE}{problem.kind}", "title": title, "status": problem.status, "detail": detail} | problem.more


def handle(api: FastAPI) -> None:
    """Have everything that may be raised answered as a problem."""
    api.add_exception_handler(ProblemError, _answering(lambda error: error))
    api.add_exception_handler(RequestInvalidError, _answering(_invalid))
    api.add_exception_handler(RequestValidationError, _answering(_parameters))
    api.add_exception_handler(KeyReusedError, _answering(_reused))
    api.add_exception_handler(DeletionRefused, _answering(_kept))
    api.add_exception_handler(
        IllegalTransition, _answering(lambda error: ProblemError(409, "not-possible", f"The job is {error.job.state}. {error.reason}"))
    )
    api.add_exception_handler(
        StaleJobError, _answering(lambda _: ProblemError(503, "busy", "The job changes faster than this could; try again."))
    )
    api.add_exception_handler(UnknownAccountError, _answering(lambda error: ProblemError(404, "unknown-account", str(error))))
    api.add_exception_handler(HTTPException, _answering(_plain))
    api.add_exception_handler(BrokerError, _answering(lambda _: ProblemError(503, "broker-away", "The broker does not answer; try again.")))
    # Starlette logs it after the answer.
    api.add_exception_handler(Exception, _answering(lambda _: ProblemError(500, "internal", "This should not happen; the log says more.")))
    for error in UNREACHABLE:
        api.add_exception_handler(error, _answering(lambda _: _LEDGER_AWAY))


_LEDGER_AWAY = ProblemError(503, "ledger-away", "The database does not answer; try again.")


def answer_to(error: Exception) -> JSONResponse:
    """The answer to what keeps a request from its route: a problem, or a ledger that does not answer."""
    return _response(error if isinstance(error, ProblemError) else _LEDGER_AWAY, error)


def _answering(translate: Callable[[Any], ProblemError]) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        problem = translate(error)
        if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
            # Starlette knows the methods of the first route alone that has this path.
            problem.headers = {"Allow": ", ".join(_methods_of(request.app, request.url.path))}
        return _response(problem, error)

    return answer


def _methods_of(api: FastAPI, path: str) -> list[str]:
    """What may be done with this path, whichever router it stands in."""
    paths = api.openapi()["paths"].items()
    return sorted({method.upper() for template, operations in paths if compile_path(template)[0].match(path) for method in operations})


def _response(problem: ProblemError, error: Exception) -> JSONResponse:
    return JSONResponse(problem_document(problem), problem.status, _headers(problem, error), media_type="application/problem+json")


def _headers(problem: ProblemError, error: Exception) -> Mapping[str, str] | None:
    """What HTTP wants beside some answers: the problem's own, that uvicorn hangs up after a bug (500), which methods there are (405)."""
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return {"Connection": "close"}
    return problem.headers or (error.headers if isinstance(error, HTTPException) else None)


def _invalid(error: RequestInvalidError) -> ProblemError:
    problems = [{"field": problem.field, "problem": problem.problem} for problem in error.problems]
    return ProblemError(422, "invalid-request", f"{len(problems)} problem(s); nothing was stored.", problems=problems)


def _reused(error: KeyReusedError) -> ProblemError:
    return ProblemError(422, "key-reused", f"{error}", job_id=error.job_id)


def _parameters(error: RequestValidationError) -> ProblemError:
    return _invalid(RequestInvalidError([Problem(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]))


def _kept(error: DeletionRefused) -> ProblemError:
    until: datetime | None = error.until
    return ProblemError(409, "not-deletable", error.reason, until=until.isoformat() if until else None)


def _plain(error: HTTPException) -> ProblemError:
    return ProblemError(error.status_code, HTTPStatus(error.status_code).name.lower().replace("_", "-"), str(error.detail))
