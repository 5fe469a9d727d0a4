"""Judges a picture by its bytes: a JPG or PNG, large enough, and whole to its end. It may not fetch anything, nor keep a decoder busy for long."""

import re
import time
from datetime import timedelta
from io import BytesIO

from PIL import Image, UnidentifiedImageError
from typing_extensions import override  # typing's own from Python 3.12 on

from worker.core.failures import Failure

_MOST_SCANS = 64  # passes over a progressive JPEG: encoders write about ten, and each costs 50 ms of a core at 50 megapixels
_MOST_SEGMENTS = 10_000  # a camera writes some dozens, and each is a step in Python
# Those with a length after them: not stuffing, TEM, RST, SOI. One \xff, though any number may stand before it: to look for more takes a time that
# grows with the square of a run of them.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_END_OF_IMAGE, _START_OF_SCAN = b"\xd9", b"\xda"
_PLAIN = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_KINDS = (  # what is sent instead of a JPG or PNG, by its first bytes
    (re.compile(rb"GIF8"), "a GIF"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "a WebP"),
    (re.compile(rb"....ftyp(hei|mif|msf)", re.DOTALL), "a HEIC, as phones make them"),
    (re.compile(rb"....ftypavi", re.DOTALL), "an AVIF"),
    (re.compile(rb"....ftyp", re.DOTALL), "a video"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<"), "a web page or XML"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb"\x1f\x8b"), "packed with gzip"),
    (re.compile(rb"\Z"), "empty"),
)


class UnfitPictureError(Exception):
    """Tavus would not take the picture: what is wrong with it, and what to do."""

    def __init__(self, failure: Failure, problem: str, todo: str) -> None:
        super().__init__(f"{problem}. {todo}")
        self.failure, self.problem, self.todo = failure, problem, todo


def judge(body: bytes, *, min_side: int, max_pixels: int, within: timedelta) -> None:
    """Raises UnfitPictureError; MemoryError or TimeoutError (after `within`) when nothing was learned of the picture."""
    try:
        _decode(body, min_side, max_pixels, within)
    except (UnfitPictureError, MemoryError, TimeoutError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        problem = "declares a size that no camera makes"
        raise UnfitPictureError(Failure.IMAGE_TOO_LARGE, problem, f"Send at most {max_pixels} pixels.") from None
    except Exception as error:
        # A decoder that meets hostile bytes raises anything, and all of it means one of these.
        if isinstance(error, UnidentifiedImageError) and not body.startswith(_PLAIN):
            kind = next((kind for start, kind in _KINDS if start.match(body)), "something else")
            raise UnfitPictureError(Failure.IMAGE_FORMAT, f"is {kind}, whatever its name says", "Send a JPG or PNG.") from error
        problem = "does not decode to its end"
        raise UnfitPictureError(Failure.IMAGE_DAMAGED, problem, "Send a picture that opens without errors.") from error


def _decode(body: bytes, min_side: int, max_pixels: int, within: timedelta) -> None:
    """Header first: what is too small, too large or made to wear a decoder out is refused before a pixel is decoded."""
    with Image.open(_TimedFile(body, within), formats=("JPEG", "PNG")) as picture:
        size = f"is {picture.width}x{picture.height} pixels"
        if min(picture.size) < min_side:
            todo = f"Send at least {min_side}x{min_side}, taken so: enlarging adds nothing."
            raise UnfitPictureError(Failure.IMAGE_TOO_SMALL, size, todo)
        if picture.width * picture.height > max_pixels:
            raise UnfitPictureError(Failure.IMAGE_TOO_LARGE, size, f"Send at most {max_pixels} pixels.")
        if picture.format != "PNG" and _wears_out(body):
            problem = f"is a JPEG of more than {_MOST_SCANS} scans, or {_MOST_SEGMENTS} segments"
            raise UnfitPictureError(Failure.IMAGE_DAMAGED, problem, "Save the picture anew.")
        picture.draft(None, (picture.width // 8, picture.height // 8))  # a JPEG is still read to its end, at 1/64 of the memory
        picture.load()


class _TimedFile(BytesIO):
    """Bytes that can be read for a while only: Pillow reads headers one by one in Python, and 25 MB can hold a minute's work of them."""

    def __init__(self, body: bytes, within: timedelta) -> None:
        super().__init__(body)
        self._deadline = time.monotonic() + within.total_seconds()

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self._deadline:
            raise TimeoutError
        return super().read(size)


def _wears_out(body: bytes) -> bool:
    """Walks a JPEG's markers: a small file of a million empty scans keeps a decoder busy for hours between two reads."""
    scans, segments, at = 0, 0, 2
    while (marker := _MARKER.search(body, at)) and marker[1] != _END_OF_IMAGE and scans <= _MOST_SCANS and segments <= _MOST_SEGMENTS:
        scans, segments = scans + (marker[1] == _START_OF_SCAN), segments + 1
        at = marker.end() + int.from_bytes(body[marker.end() : marker.end() + 2])
    return scans > _MOST_SCANS or segments > _MOST_SEGMENTS
