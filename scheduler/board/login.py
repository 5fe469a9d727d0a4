"""Logging in and out of the board. It may not repeat a token, nor say why one is not accepted."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from scheduler.api.problems import ProblemError
from scheduler.board.answering import Paged
from scheduler.board.entrance import entrance_of, require_readable
from scheduler.board.forms import read_form
from scheduler.board.pages import HEADERS, PREFIX, page, root_of
from scheduler.board.sessions import Session

routes = APIRouter(prefix=PREFIX, route_class=Paged, include_in_schema=False)
_Job = Annotated[str, Query(pattern=r"^[0-9a-z]{0,26}$")]


@routes.get("/login")
async def ask(request: Request, job: _Job = "", ended: str | None = None) -> Response:
    """The page that takes a token. `job`: whose page was asked for."""
    return _form(request, job, notice="Your session is over: the token no longer holds." if ended is not None else "")


@routes.post("/login")
async def log_in(request: Request) -> Response:
    """Begin a session with the token."""
    entrance = entrance_of(request)
    fields = await read_form(request, entrance.sessions, entrance.session_of(request), entrance.ours)
    job = fields.get("job", "") if fields.get("job", "").isalnum() else ""
    try:
        caller, digest = await entrance.admission.admit_token(fields.get("token", "").strip().encode(), request.scope)
        require_readable(caller)
    except ProblemError as problem:
        wrong = "This token is not, or no longer, accepted. Ask the owner for another." if problem.status == _UNKNOWN else problem.detail
        return _form(request, job, wrong=wrong, status=problem.status)
    answer = RedirectResponse(f"{root_of(request)}{f'/jobs/{job}' if job else ''}", 303, HEADERS)
    entrance.keep(request, answer, entrance.sessions.new(digest))
    return answer


@routes.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session in this browser."""
    entrance = entrance_of(request)
    await read_form(request, entrance.sessions, entrance.session_of(request), entrance.ours)
    answer = RedirectResponse(f"{root_of(request)}/login", 303, HEADERS)
    entrance.forget(request, answer)
    return answer


_UNKNOWN = 401


def _form(request: Request, job: str, *, notice: str = "", wrong: str = "", status: int = 200) -> Response:
    """The page, with a session of nobody's that its form is tied to."""
    entrance = entrance_of(request)
    known = entrance.session_of(request)
    session: Session = known if known is not None and known.digest is None else entrance.sessions.new()
    answer = page(request, "login.html", status, job=job, notice=notice, wrong=wrong, form_token=entrance.sessions.form_token(session))
    entrance.keep(request, answer, session)
    return answer
