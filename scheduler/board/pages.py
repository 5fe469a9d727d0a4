"""Makes the board's pages from their templates, and says what a browser may do with them. It may not fill in a word that is not escaped."""

import hashlib
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scheduler.board.words import ago, moment, span, word

HERE = Path(__file__).parent
STATIC = HERE / "static"
PREFIX = "/board"
HEADERS = {
    # All of it from here, and no script or style that stands in a page: whatever got into one would not run.
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",  # `no-referrer` would also take the Origin from our own forms, by which they are known
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
}


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(span=span, moment=moment, ago=ago, word=word)
    made.globals["static"] = _version
    return made


@cache
def _version(name: str) -> str:
    """A file's name with what tells its content from any other, so that a browser never shows yesterday's."""
    return f"{name}?{hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def root_of(request: Request) -> str:
    """The board's address as seen from this page, so that it works under any path that a proxy gives it."""
    return "../" * (request.url.path.count("/") - 1) + PREFIX.strip("/")


def page(request: Request, template: str, status: int = HTTPStatus.OK, **words: Any) -> HTMLResponse:  # noqa: ANN401 - what templates show
    """The page."""
    known: Mapping[str, Any] = {"root": root_of(request), "visitor": getattr(request.state, "visitor", None), "live": None} | words
    return HTMLResponse(_templates().get_template(template).render(known), status, HEADERS)


def told(request: Request, status: int, title: str, detail: str) -> HTMLResponse:
    """A page that says why there is no other."""
    return page(request, "told.html", status, title=title, detail=detail)
