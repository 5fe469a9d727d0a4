"""Reads a request's body: JSON, and no more of it than a request can need. It may not look at what it says."""

import json
from typing import Annotated

from fastapi import Depends, Request

from scheduler.api.problems import ProblemError

_MOST = 256 * 1024  # bytes; a request with the longest context and metadata that the door lets through is half of it


async def read_document(request: Request) -> object:
    """The JSON in the body. Raises ProblemError: 413, 415 or 400."""
    # A page in a browser may send anything but this type to another site without asking first.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, "not-json", "Send the request as JSON, with the header 'Content-Type: application/json'.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST:
            raise ProblemError(413, "too-large", f"The request is longer than {_MOST} bytes.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ProblemError(400, "not-json", "The body is not JSON.") from None


Body = Annotated[object, Depends(read_document)]
