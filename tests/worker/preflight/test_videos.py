"""A video is held to the rules of a picture, and not downloaded."""

import time
from http.server import BaseHTTPRequestHandler

import pytest

from tests.worker.preflight.served import LOOPBACK, NOW, Put, answer, check, rejection
from worker.core.events import InputPassed
from worker.core.failures import Failure
from worker.core.request import Request
from worker.preflight import Limits, Preflight


@pytest.mark.parametrize("field", ["train_video_url", "consent_video_url"])
def test_a_video_is_asked_for_but_not_downloaded(serve: Put, field: str) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        time.sleep(5)

    begun = time.monotonic()
    assert check(serve(endless), field=field) == InputPassed()
    assert time.monotonic() - begun < 2


def test_each_video_is_held_to_the_same_rules_as_a_picture(serve: Put) -> None:
    good = serve(answer(b"video"))
    bad = {
        serve(answer(status=404)): Failure.IMAGE_NOT_FOUND,
        f"{good}?Expires=1&Signature=ab": Failure.URL_EXPIRES_TOO_SOON,
        "ftp://videos.example/a.mp4": Failure.URL_NOT_ALLOWED,
    }
    for url, failure in bad.items():
        for request in ({"train_video_url": url}, {"train_video_url": good, "consent_video_url": url}):
            assert rejection(Preflight(LOOPBACK).check(Request(replica=request), NOW)) is failure
    assert rejection(check(good, Limits(allow_http=True), "train_video_url")) is Failure.ADDRESS_NOT_ALLOWED
