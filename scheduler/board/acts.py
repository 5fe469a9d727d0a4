"""What the buttons of the board do: to a job, and to a stopped account. Nobody may press one whose token is not for it, nor from another's page."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from scheduler import accounts
from scheduler.accounts import UnknownAccountError
from scheduler.api.guard import Here
from scheduler.api.jobs import found
from scheduler.api.problems import ProblemError
from scheduler.board.answering import Paged
from scheduler.board.buttons import BUTTONS, press
from scheduler.board.entrance import Seen, Visitor, entrance_of
from scheduler.board.forms import read_form
from scheduler.board.pages import HEADERS, PREFIX, root_of
from scheduler.requests import RequestInvalidError

routes = APIRouter(prefix=PREFIX, route_class=Paged, include_in_schema=False)


async def _form(request: Request) -> Mapping[str, str]:
    entrance = entrance_of(request)
    return await read_form(request, entrance.sessions, entrance.session_of(request), entrance.ours)


_Form = Annotated[Mapping[str, str], Depends(_form)]


@routes.post("/jobs/{job_id}/{act}")
def on_job(request: Request, parts: Here, visitor: Seen, form: _Form, job_id: str, act: str) -> Response:
    """Press the button; then back to the page that it was on."""
    button = BUTTONS.get(act)
    if button is None:
        raise ProblemError(404, "not-found", f"There is no button {act[:20]!r}.")
    if button.scope not in visitor.caller.scopes:
        raise ProblemError(403, "insufficient-scope", f"{button.label} needs a token for {button.scope}. Ask the owner for one.")
    job = found(parts, visitor.caller, job_id)
    try:
        press(parts, button, job)
    except RequestInvalidError as invalid:
        wrong = "; ".join(f"{one.field} {one.problem}" for one in invalid.problems)
        raise ProblemError(422, "invalid-request", f"The job cannot be tried again as it is: {wrong}. Retry it with new input.") from None
    if form.get("back") == "job":
        return _back(request, f"/jobs/{job.id}?did={button.name}")
    return _back(request, f"?did={button.name}&job={job.id}")


@routes.post("/accounts/{account}/resume")
def on_account(request: Request, parts: Here, visitor: Seen, form: _Form, account: str) -> Response:
    """What stopped the account is mended: it goes on, and what was held because of it."""
    del form  # looked at, and empty
    _require_owner(visitor)
    try:
        accounts.resume(parts, account)
    except UnknownAccountError as unknown:
        raise ProblemError(404, "unknown-account", str(unknown)) from None
    return _back(request, "?did=resume")


def _require_owner(visitor: Visitor) -> None:
    if not visitor.is_owner:
        raise ProblemError(403, "forbidden", "Accounts are for the owner alone, who has REPLICAS_API_TOKEN.")


def _back(request: Request, where: str) -> Response:
    return RedirectResponse(f"{root_of(request)}{where}", 303, HEADERS)
