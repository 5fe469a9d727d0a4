"""Nothing is raised, whatever callers and servers say."""

from functools import partial
from socket import gaierror

import httpcore
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.preflight.served import LOOPBACK, NOW, PUBLIC, STRICT, Make, Verdict, ok, picture
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.request import Request
from worker.preflight import Preflight


def deaf(_host: str, _port: int) -> list[str]:
    raise gaierror


@given(st.text() | st.text().map("https://{}".format) | st.text().map("https://pictures.example/{}".format))
def test_any_text_for_an_address_gets_a_verdict(url: str) -> None:
    verdict = Preflight(LOOPBACK, resolve=deaf).check(Request(replica={"train_image_url": url}), NOW)
    assert isinstance(verdict, InputRejected | InputUnread)


def heard(raw: bytes) -> Verdict:
    network = httpcore.MockBackend([raw])
    return Preflight(STRICT, resolve=lambda *_: [PUBLIC], network=network).check(
        Request(replica={"train_image_url": "http://a.example/"}), NOW
    )


@given(st.binary(), st.binary(), st.sampled_from([200, 204, 206, 301, 302, 404, 500]))
def test_whatever_a_server_says_gets_a_verdict(noise: bytes, more: bytes, status: int) -> None:
    assert isinstance(heard(noise), InputRejected | InputUnread)
    line = b"HTTP/1.1 %d X\r\n" % status
    assert isinstance(heard(line + b"Location: " + noise + b"\r\n\r\n" + more), InputRejected | InputUnread)
    assert isinstance(heard(line + b"Content-Length: " + noise + b"\r\n\r\n" + more), InputRejected | InputUnread)


PICTURES: list[Make] = [
    picture,
    partial(picture, progressive=True),
    partial(picture, mode="CMYK"),
    partial(picture, "PNG"),
    partial(picture, "PNG", mode="P"),
    partial(picture, "MPO"),
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(PICTURES),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=8),
)
def test_a_picture_with_any_byte_changed_gets_a_verdict(
    make: Make, anywhere: list[tuple[float, int]], ahead: list[tuple[int, int]]
) -> None:
    changed = bytearray(make())
    for at, byte in [(int(part * len(changed)), byte) for part, byte in anywhere] + ahead:
        changed[at] = byte
    verdict = heard(ok(bytes(changed)))
    assert isinstance(verdict, InputPassed | InputRejected)
