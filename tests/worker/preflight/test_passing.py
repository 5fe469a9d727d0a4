"""A picture or its address that Tavus could train from passes, however it is served."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.worker.preflight.served import LOOPBACK, NOW, STRICT, Internet, Make, Put, Server, answer, check, picture, redirect
from worker.core.events import InputPassed, InputUnread
from worker.core.failures import Failure
from worker.core.request import Request
from worker.preflight import Preflight


@pytest.mark.parametrize(
    "make",
    [
        picture,
        lambda: picture(mode="L"),
        lambda: picture(mode="CMYK"),
        lambda: picture(progressive=True),
        lambda: picture(mode="CMYK", progressive=True),
        lambda: picture("MPO"),
        lambda: picture("PNG"),
        lambda: picture("PNG", mode="P"),
        lambda: picture("PNG", mode="RGBA"),
        lambda: picture("PNG", mode="I;16"),
        lambda: picture(size=(512, 512)),
        lambda: picture() + b"\xff\xda\0\2" * 50_000,
    ],
    ids=[
        "jpeg",
        "grey",
        "cmyk",
        "progressive",
        "cmyk progressive",
        "two pictures",
        "png",
        "palette",
        "alpha",
        "16 bit",
        "smallest",
        "tail",
    ],
)
def test_a_jpg_or_png_of_any_make_passes(serve: Put, make: Make) -> None:
    assert check(serve(answer(make(), Content_Type="application/octet-stream"))) == InputPassed()


def test_it_is_the_bytes_that_count_and_not_what_the_server_calls_them(serve: Put) -> None:
    assert check(serve(answer(picture("PNG"), Content_Type="image/webp"))) == InputPassed()


def test_a_body_without_a_length_passes(serve: Put) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (picture()[:1000], picture()[1000:])) + b"0\r\n\r\n"
    assert check(serve(answer(chunks, Content_Length="", Transfer_Encoding="chunked"))) == InputPassed()
    assert check(serve(answer(picture(), Content_Length=""))) == InputPassed()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(serve: Put, status: int) -> None:
    url = serve(answer(picture()))
    for _ in range(3):
        url = serve(redirect(url, status))
    assert check(url) == InputPassed()


def test_a_relative_redirect_is_followed(serve: Put) -> None:
    path = serve(answer(picture())).partition("/")[2].partition("/")[2].partition("/")[2]
    assert check(serve(redirect(f"/{path}?size=large"))) == InputPassed()


def test_the_picture_is_fetched_once_by_a_plain_get_that_says_who_asks(server: Server, serve: Put) -> None:
    url = serve(answer(picture()))
    server.asked.clear()
    assert check(f"{url}?a=%2F+b~%20&b#fragment") == InputPassed()
    ((path, headers),) = server.asked
    assert server.url + path == f"{url}?a=%2F+b~%20&b"
    assert set(headers) == {"Host", "Accept", "Accept-Encoding", "User-Agent"}
    assert headers["Host"] == server.url.removeprefix("http://")
    assert headers["Accept-Encoding"] == "identity"
    assert "webp" not in headers["Accept"]
    assert "replica-worker" in headers["User-Agent"]


def test_an_ipv6_address_is_named_in_brackets(server: Server, serve: Put) -> None:
    path = serve(answer(picture())).removeprefix(server.url)
    server.asked.clear()
    preflight = Preflight(STRICT, network=Internet(server.server_port))
    assert preflight.check(Request(replica={"train_image_url": f"http://[2606:4700::1111]:81{path}"}), NOW) == InputPassed()
    assert server.asked[0][1]["Host"] == "[2606:4700::1111]:81"


def test_no_proxy_of_the_environment_is_used(serve: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert check(serve(answer(picture()))) == InputPassed()


def test_one_preflight_serves_many_threads(serve: Put) -> None:
    good, gone, small = serve(answer(picture())), serve(answer(status=404)), serve(answer(picture(size=(100, 100))))
    expected = {good: None, gone: Failure.IMAGE_NOT_FOUND, small: Failure.IMAGE_TOO_SMALL}
    preflight = Preflight(LOOPBACK)

    def look(url: str) -> bool:
        verdict = preflight.check(Request(replica={"train_image_url": url}), NOW)
        return getattr(verdict, "failure", None) == expected[url] and not isinstance(verdict, InputUnread)

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(look, [good, gone, small] * 20))
    preflight.close()


def test_a_closed_preflight_holds_nothing_and_can_be_closed_again() -> None:
    preflight = Preflight(LOOPBACK)
    preflight.close()
    preflight.close()
