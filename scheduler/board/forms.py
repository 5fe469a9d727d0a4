"""Reads the forms of the board, and tells ours from those that a page of another site has sent. It may not act on either."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request

from scheduler.api.body import read_all
from scheduler.api.problems import ProblemError
from scheduler.board.sessions import Session, Sessions

FIELD = "form"
"""The field with the token of the session."""
_MOST_BYTES, _MOST_FIELDS = 8192, 20
_TYPE = "application/x-www-form-urlencoded"


async def read_form(request: Request, sessions: Sessions, session: Session | None, ours: str | None) -> Mapping[str, str]:
    """The fields of one of our forms. Raises ProblemError: 403 for another's, 408, 413, 415.

    `ours`: the address by which others reach us, where a proxy stands before us.
    """
    _require_our_page(request, ours)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise ProblemError(415, "not-a-form", "This takes the forms of the board and nothing else.")
    body = await read_all(request, _MOST_BYTES)
    try:
        fields = dict(parse_qsl(body.decode("ascii"), max_num_fields=_MOST_FIELDS, keep_blank_values=True))
    except ValueError:
        raise ProblemError(400, "not-a-form", "This is not what the board's forms send.") from None
    if session is None or not sessions.is_form_of(session, fields.get(FIELD, "")):
        raise _foreign("The form was not made for this session, or the session has ended since.")
    return fields


def _require_our_page(request: Request, ours: str | None) -> None:
    """What browsers say of where a request comes from. The form's own token is asked for besides: not every browser says it."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise _foreign("A page of another site has sent it.")
    known = {request.headers.get("host", ""), *([urlsplit(ours).netloc] if ours else [])} - {""}
    origin = request.headers.get("origin")
    if origin is not None and _place(origin) not in known:
        raise _foreign("A page of another site has sent it.")


def _place(origin: str) -> str:
    """Host and port; empty for an origin that is kept secret (`null`), which ours never is, or is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # such as `http://[::1`: no browser says so
        return ""


def _foreign(why: str) -> ProblemError:
    return ProblemError(403, "foreign-form", f"Nothing was done. {why} Go back to the board, and press the button there again.")
