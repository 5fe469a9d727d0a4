"""Redirects are followed as far as their targets would be, and never out of TLS."""

import ssl
from collections.abc import Iterable

import httpcore
import pytest
from typing_extensions import override

from tests.worker.preflight.served import (
    LOOPBACK,
    NOW,
    PUBLIC,
    Put,
    Server,
    Verdict,
    answer,
    check,
    detail,
    ok,
    picture,
    redirect,
    rejection,
)
from worker.core.events import InputPassed
from worker.core.failures import Failure
from worker.core.request import Request
from worker.preflight import Limits, Preflight


def test_a_redirect_loop_ends(server: Server, serve: Put) -> None:
    path = f"/{len(server.serves)}/head.jpg"
    url = serve(redirect(path))
    server.asked.clear()
    assert rejection(check(url)) is Failure.IMAGE_NOT_FOUND
    assert len(server.asked) == 1 + LOOPBACK.max_redirects


def test_a_redirect_without_a_target_is_not_found(serve: Put) -> None:
    verdict = check(serve(answer(status=302)))
    assert rejection(verdict) is Failure.IMAGE_NOT_FOUND
    assert "answers 302" in detail(verdict)


@pytest.mark.parametrize(
    "target", ["ftp://a.example/x", "file:///etc/passwd", "javascript:alert(1)", "http://[::1", "http://ann:pw@a.example/"]
)
def test_a_redirect_to_what_is_no_plain_address_is_refused(serve: Put, target: str) -> None:
    assert rejection(check(serve(redirect(target)))) is Failure.URL_NOT_ALLOWED


class Secured(httpcore.MockBackend):
    """An internet that answers by a script and remembers what TLS it was asked for."""

    asked: list[tuple[str | None, bool, ssl.VerifyMode]]

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        asked = self.asked = []

        class Stream(httpcore.MockStream):
            @override
            def start_tls(
                self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
            ) -> httpcore.NetworkStream:
                asked.append((server_hostname, ssl_context.check_hostname, ssl_context.verify_mode))
                return self

        return Stream(list(self._buffer))


def over_tls(raw: bytes) -> tuple[Verdict, Secured]:
    network = Secured([raw])
    preflight = Preflight(Limits(), resolve=lambda *_: [PUBLIC], network=network)
    return preflight.check(Request(replica={"train_image_url": "https://pictures.example/a.jpg"}), NOW), network


def test_the_certificate_must_be_valid_and_for_the_name_in_the_address() -> None:
    verdict, network = over_tls(ok(picture()))
    assert verdict == InputPassed()
    assert network.asked == [("pictures.example", True, ssl.CERT_REQUIRED)]


def test_a_redirect_out_of_https_is_refused_and_not_followed(server: Server, serve: Put) -> None:
    target = serve(answer(picture()))
    server.asked.clear()
    verdict, _ = over_tls(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
    assert rejection(verdict) is Failure.URL_NOT_ALLOWED
    assert server.asked == []
