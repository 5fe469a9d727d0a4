"""No server costs more than the timeout, whatever it does."""

import time
from http.server import BaseHTTPRequestHandler
from socket import gaierror

import pytest

from tests.worker.preflight.served import MOMENT, NOW, STRICT, Put, Serve, answer, check, picture, redirect
from worker.core.events import InputPassed, InputUnread
from worker.core.request import Request
from worker.preflight import Limits, Preflight


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")
    for byte in picture():
        handler.wfile.write(bytes([byte]))
        time.sleep(0.02)


def hang(_handler: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


@pytest.mark.parametrize("what", [drip, hang])
def test_a_server_that_drips_or_hangs_teaches_nothing_and_costs_no_more_than_the_timeout(serve: Put, what: Serve) -> None:
    begun = time.monotonic()
    verdict = check(serve(what), Limits(timeout=MOMENT, allow_http=True, allow_private=True))
    assert isinstance(verdict, InputUnread)
    assert "in time" in verdict.detail
    assert 0.2 < time.monotonic() - begun < 2


def test_the_timeout_is_for_all_redirects_together(serve: Put) -> None:
    def slowly(then: Serve) -> Serve:
        def wait(handler: BaseHTTPRequestHandler) -> None:
            time.sleep(0.1)
            then(handler)

        return wait

    url = serve(slowly(redirect(serve(slowly(redirect(serve(slowly(answer(picture())))))))))
    assert isinstance(check(url, Limits(timeout=MOMENT, allow_http=True, allow_private=True)), InputUnread)
    assert check(url) == InputPassed()


def test_a_server_that_is_not_there_or_talks_nonsense_teaches_nothing(serve: Put) -> None:
    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"220 smtp.example ESMTP\r\n")

    def silence(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    assert isinstance(check("http://127.0.0.1:1/head.jpg"), InputUnread)
    assert isinstance(check(serve(nonsense)), InputUnread)
    assert isinstance(check(serve(silence)), InputUnread)
    assert isinstance(check(serve(answer(picture(), Content_Length="many"))), InputUnread)


def test_a_server_without_tls_behind_an_https_address_teaches_nothing(serve: Put) -> None:
    assert isinstance(check(serve(answer(picture())).replace("http:", "https:")), InputUnread)


def test_a_name_that_does_not_resolve_teaches_nothing() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise gaierror

    verdict = Preflight(STRICT, resolve=unknown).check(Request(replica={"train_image_url": "https://nobody.example/a.jpg"}), NOW)
    assert isinstance(verdict, InputUnread)
