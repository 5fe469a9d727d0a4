"""What the board answers where a page cannot be had: a page that says why, or the way to the login. It may not show what the log is for."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.api.problems import ProblemError
from scheduler.board.entrance import LoginNeededError
from scheduler.board.pages import HEADERS, page, root_of, told
from worker.core.decision import IllegalTransition
from worker.redaction import redacted
from worker.store.database import UNREACHABLE
from worker.store.jobs import StaleJobError

_TITLES = {
    401: "That did not work",
    403: "Not here",
    404: "There is nothing here",
    429: "Too often",
    503: "One moment",
}
_CAME = "came"


class Paged(APIRoute):
    """A route that answers people: whatever is raised becomes a page."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except LoginNeededError as needed:
                return _to_login(request, needed)
            except ProblemError as problem:
                return _problem(request, problem)
            except (RequestValidationError, IllegalTransition, StaleJobError, *UNREACHABLE) as error:
                return told(request, *_words(error))

        return answer


def _words(error: Exception) -> tuple[int, str, str]:
    match error:
        case RequestValidationError():
            return 404, _TITLES[404], "The address is not one of the board's."
        case IllegalTransition():
            return 409, "That cannot be done", f"The job is {error.job.state}. {redacted(error.reason)}"
        case StaleJobError():
            return 503, _TITLES[503], "The job changes faster than this could. Nothing was done: try again."
        case _:
            return 503, _TITLES[503], "The database does not answer. Jobs are safe there; try again in a moment."


def _problem(request: Request, problem: ProblemError) -> Response:
    answer = told(request, problem.status, _TITLES.get(problem.status, "That cannot be done"), redacted(problem.detail))
    answer.headers.update({name: text for name, text in (problem.headers or {}).items() if name == "Retry-After"})
    return answer


def _to_login(request: Request, needed: LoginNeededError) -> Response:
    came_from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site" and _CAME not in request.query_params
    if came_from_elsewhere and request.method == "GET" and not needed.has_ended:
        # Browsers keep our cookie back when a link on another site leads here: from a page of our own they send it along.
        return page(request, "came.html", again=f"?{_again(request)}")
    words = ["ended"] if needed.has_ended else []
    job = request.path_params.get("job_id", "")
    words += [f"job={job}"] if job.isalnum() and job.isascii() else []
    return RedirectResponse(f"{root_of(request)}/login{'?' if words else ''}{'&'.join(words)}", 303, HEADERS)


def _again(request: Request) -> str:
    return f"{request.url.query}&{_CAME}" if request.url.query else _CAME
