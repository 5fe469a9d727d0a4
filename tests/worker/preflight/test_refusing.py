"""What could not succeed is refused before it costs anything, and what may change teaches nothing."""

import gc
import time
import warnings
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from struct import pack
from zlib import crc32

import httpcore
import pytest

from tests.worker.preflight.served import (
    HTML,
    LOOPBACK,
    MOMENT,
    NOW,
    PUBLIC,
    Make,
    Put,
    answer,
    check,
    detail,
    ok,
    picture,
    png_header,
    rejection,
)
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.request import Request
from worker.preflight import Limits, Preflight


def test_there_must_be_something_to_look_at() -> None:
    assert rejection(Preflight(LOOPBACK).check(Request(replica={"voice_id": "v"}), NOW)) is Failure.URL_NOT_ALLOWED


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 410, 418, 451, 499])
def test_an_answer_that_will_not_change_is_not_found(serve: Put, status: int) -> None:
    verdict = check(serve(answer(picture(), status)))
    assert rejection(verdict) is Failure.IMAGE_NOT_FOUND
    assert f"answers {status}" in detail(verdict)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599, 999])
def test_an_answer_that_may_change_teaches_nothing(serve: Put, status: int) -> None:
    assert isinstance(check(serve(answer(picture(), status))), InputUnread)


FORMATS: dict[str, Make] = {
    "a GIF": lambda: picture("GIF", mode="P"),
    "a WebP": lambda: picture("WEBP"),
    "a HEIC": lambda: b"\0\0\0\x18ftypheic" + bytes(999),
    "an AVIF": lambda: b"\0\0\0\x18ftypavif" + bytes(999),
    "a video": lambda: b"\0\0\0\x18ftypisom" + bytes(999),
    "a web page": lambda: HTML,
    "a PDF": lambda: b"%PDF-1.7\n" + bytes(999),
    "gzip": lambda: b"\x1f\x8b\x08" + bytes(999),
    "empty": lambda: b"",
    "something else": lambda: picture("BMP"),
}


@pytest.mark.parametrize(("name", "make"), FORMATS.items(), ids=FORMATS)
def test_what_is_neither_jpg_nor_png_is_refused_by_name_whatever_it_is_called(serve: Put, name: str, make: Make) -> None:
    verdict = check(serve(answer(make(), Content_Type="image/jpeg")))
    assert rejection(verdict) is Failure.IMAGE_FORMAT
    assert name in detail(verdict)


@pytest.mark.parametrize("size", [(511, 512), (512, 511), (1, 1), (900, 511), (100, 100)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_under_512_pixels_on_either_side_is_too_small(serve: Put, kind: str, size: tuple[int, int]) -> None:
    verdict = check(serve(answer(picture(kind, size))))
    assert rejection(verdict) is Failure.IMAGE_TOO_SMALL
    assert f"{size[0]}x{size[1]}" in detail(verdict)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(60_000, 60_000), (12_000, 12_000), (8161, 6372), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_of_a_huge_picture_is_refused_before_a_pixel_is_decoded(serve: Put, size: tuple[int, int]) -> None:
    assert rejection(check(serve(answer(png_header(*size))))) is Failure.IMAGE_TOO_LARGE


def test_a_bomb_is_refused_where_warnings_are_errors_too_and_nothing_is_left_open(serve: Put) -> None:
    gc.collect()  # what other tests left open is none of this one's
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("error")
        warnings.simplefilter("always", ResourceWarning)
        assert rejection(check(serve(answer(png_header(12_000, 12_000))))) is Failure.IMAGE_TOO_LARGE
        gc.collect()
    assert not left_open


def test_the_largest_picture_of_a_phone_is_not_a_bomb(serve: Put) -> None:
    assert rejection(check(serve(answer(png_header(8160, 6144))))) is Failure.IMAGE_DAMAGED  # it has no pixels: its size was accepted


def test_a_jpeg_that_would_wear_the_decoder_out_is_refused_at_once(serve: Put) -> None:
    body = picture(size=(900, 900), mode="L", progressive=True)
    scan = body[body.rfind(b"\xff\xda") : -2]
    hidden = b"\xff\x01\xff\x00\xff\xd0" + scan[:12] + b"\0"  # behind markers that have no length
    for bomb in (body[:-2] + scan[:64] * 5000 + b"\xff\xd9", body[:-2] + hidden * 5000 + b"\xff\xd9"):
        begun = time.monotonic()
        verdict = check(serve(answer(bomb)))
        assert rejection(verdict) is Failure.IMAGE_DAMAGED
        assert "scans" in detail(verdict)
        assert time.monotonic() - begun < 1


@pytest.mark.parametrize("behind", [b"\xff\xe0\0\2" * 5_000_000, b"\xff" * 4_000_000 + b"\0"], ids=["segments", "fill bytes"])
def test_what_stands_behind_a_scan_keeps_nobody_busy(serve: Put, behind: bytes) -> None:
    body = picture(size=(600, 600))
    begun = time.monotonic()
    verdict = check(serve(answer(body[:-2] + behind + body[-2:])))
    assert time.monotonic() - begun < 2
    assert isinstance(verdict, InputRejected) == behind.endswith(b"\2")


JPEG, PNG = picture, partial(picture, "PNG")
PADDED: dict[str, Make] = {
    "jpeg of comments": lambda: JPEG()[:2] + b"\xff\xfe\0\2" * 2_000_000 + JPEG()[2:],
    "jpeg of fill bytes": lambda: JPEG()[:2] + b"\xff" * 8_000_000 + JPEG()[2:],
    "png of chunks": lambda: PNG()[:33] + (b"\0\0\0\0prIv" + pack(">I", crc32(b"prIv"))) * 1_000_000 + PNG()[33:],
}


@pytest.mark.parametrize("make", PADDED.values(), ids=PADDED)
def test_a_picture_that_is_nothing_but_headers_is_left_in_time(make: Make) -> None:
    network = httpcore.MockBackend([ok(make())])
    preflight = Preflight(Limits(timeout=MOMENT, allow_http=True), resolve=lambda *_: [PUBLIC], network=network)
    begun = time.monotonic()
    verdict = preflight.check(Request(replica={"train_image_url": "http://a.example/"}), NOW)
    assert isinstance(verdict, InputUnread)
    assert "to decode" in verdict.detail
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("part", [0.01, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("make", [JPEG, partial(picture, progressive=True), PNG], ids=["jpeg", "progressive", "png"])
def test_a_truncated_picture_is_damaged(serve: Put, make: Make, part: float) -> None:
    body = make()
    assert rejection(check(serve(answer(body[: int(len(body) * part)])))) is Failure.IMAGE_DAMAGED


@pytest.mark.parametrize("make", [JPEG, PNG], ids=["jpeg", "png"])
def test_a_picture_cut_in_its_header_is_damaged_and_not_of_another_format(serve: Put, make: Make) -> None:
    assert rejection(check(serve(answer(make()[:20])))) is Failure.IMAGE_DAMAGED


def test_a_length_that_promises_less_than_the_picture_leaves_it_damaged(serve: Put) -> None:
    assert rejection(check(serve(answer(picture(), Content_Length="9999")))) is Failure.IMAGE_DAMAGED


def test_a_transfer_that_is_cut_teaches_nothing(serve: Put) -> None:
    assert isinstance(check(serve(answer(picture(), Content_Length=str(len(picture()) + 1)))), InputUnread)


def test_a_file_is_as_large_as_it_may_be(serve: Put) -> None:
    small = Limits(timeout=timedelta(seconds=5), max_bytes=len(picture()), allow_http=True, allow_private=True)
    assert check(serve(answer(picture())), small) == InputPassed()
    for body in (answer(picture() + b"\0"), answer(picture() + b"\0", Content_Length="")):
        assert rejection(check(serve(body), small)) is Failure.IMAGE_TOO_LARGE


@pytest.mark.parametrize("length", ["26214401", "9" * 18, "9" * 20])
def test_a_file_that_says_it_is_too_large_is_not_downloaded(serve: Put, length: str) -> None:
    assert rejection(check(serve(answer(b"only the beginning", Content_Length=length)))) is Failure.IMAGE_TOO_LARGE


def test_a_file_that_never_ends_is_left(serve: Put) -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + picture())
        while True:
            handler.wfile.write(bytes(65536))

    assert rejection(check(serve(pour))) is Failure.IMAGE_TOO_LARGE
