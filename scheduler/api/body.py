"""Reads a request's body: JSON, and no more of it than a request can need. It may not look at what it says."""

import asyncio
import json
from typing import Annotated

from fastapi import Depends, Request

from scheduler.api.problems import ProblemError, too_large

MOST = 256 * 1024
"""Bytes; a request with the longest context and metadata that the door lets through is half of it."""

PATIENCE = 30.0
"""Seconds for all of a body: who trickles one in may not keep a place that others wait for."""


async def read_document(request: Request) -> object:
    """The JSON in the body of one request. Raises ProblemError: 408, 413, 415 or 400."""
    return read_json(await read_bytes(request, MOST))


async def read_bytes(request: Request, most: int) -> bytes:
    """The body, which says that it is JSON. Raises ProblemError: 408, 413 or 415."""
    # A page in a browser may send anything but this type to another site without asking first.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, "not-json", "Send the request as JSON, with the header 'Content-Type: application/json'.")
    return await read_all(request, most)


async def read_all(request: Request, most: int) -> bytes:
    """The body, whatever it is. Raises ProblemError: 408 or 413."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _all_of(request, most)
    except TimeoutError:
        raise ProblemError(
            408, "too-slow", f"The body was not here after {PATIENCE:.0f} seconds; nothing is stored: send it again."
        ) from None


async def _all_of(request: Request, most: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise too_large(most)
    return bytes(body)


def read_json(body: bytes) -> object:
    """The document. Raises ProblemError: 400."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ProblemError(400, "not-json", "The body is not JSON.") from None


Body = Annotated[object, Depends(read_document)]
