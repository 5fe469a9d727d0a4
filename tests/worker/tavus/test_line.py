"""However a server drags, a call ends in time; however it breaks, a request is sent once."""

import gzip
import socket
import struct
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpcore
import pytest
from typing_extensions import override

from tests.worker.tavus.made import ACCOUNT, SECOND, SHORT, body, calling
from tests.worker.tavus.scripted import Line, Said, Scripted, in_turn
from worker.core.job import ConversationId, ReplicaId
from worker.tavus.client import Answer, Cut, Reply, Tavus
from worker.tavus.line import Deadline, _Network

POSTS: dict[str, Callable[[Tavus], Reply]] = {
    "create replica": lambda tavus: tavus.create_replica(ACCOUNT, body()),
    "create conversation": lambda tavus: tavus.create_conversation(ACCOUNT, {"replica_id": "r1"}),
    "end conversation": lambda tavus: tavus.end_conversation(ACCOUNT, ConversationId("c1")),
    "rename": lambda tavus: tavus.rename_replica(ACCOUNT, ReplicaId("r1"), "Ann"),
    "delete": lambda tavus: tavus.delete_replica(ACCOUNT, ReplicaId("r1"), hard=True),
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_DRIPS = 200  # at a twentieth of a second each: longer than any test waits


def drip(before: bytes, drop: bytes) -> Line:
    """Write `before`, then `drop` again and again: each in time, all of them never."""

    def line(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(before)
        for _ in range(_DRIPS):
            handler.wfile.write(drop)
            time.sleep(0.05)

    return line


def wait(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.settimeout(10)
    handler.rfile.read(1)  # until the caller hangs up


def cut(_: BaseHTTPRequestHandler) -> None:
    """Close without a byte."""


def reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def half(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(HEAD + b'Content-Length: 40\r\n\r\n{"replica_id": "r1"')


SLOW = {
    "body": drip(HEAD + b"Content-Length: 9999\r\n\r\n", b" "),
    "chunks": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "packed body of nothing": drip(
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\na\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff\r\n",
        b"5\r\n\0\0\0\xff\xff\r\n",
    ),
    "head": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "heads": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing": wait,
}


@pytest.mark.parametrize("line", SLOW.values(), ids=SLOW)
def test_the_time_of_a_call_is_bounded_against_a_server_that_drips(line: Line) -> None:
    with Scripted(Said(line=line)) as server, calling(server.url, SHORT) as tavus:
        started = time.monotonic()
        reply = tavus.create_replica(ACCOUNT, body())
        assert time.monotonic() - started < 3
    assert isinstance(reply, Cut)
    assert len(server.asked) == 1


class FarAway(httpcore.SyncBackend):
    """A network on which it takes a while to arrive, because of names that resolve slowly, or of addresses that do not answer."""

    @override
    def connect_tcp(self, *where: Any, **how: Any) -> httpcore.NetworkStream:
        stream = super().connect_tcp(*where, **how)
        time.sleep(2 * SHORT.total_seconds())
        return stream


def test_nothing_is_sent_on_a_line_that_was_laid_too_late() -> None:
    deadline = Deadline()
    with Scripted(Said()) as server, httpcore.ConnectionPool(network_backend=_Network(FarAway(), deadline)) as pool:
        deadline.begin(SHORT.total_seconds())
        with pytest.raises(httpcore.ConnectTimeout):
            pool.request("POST", server.url)
        assert server.asked == []


def test_a_call_after_a_slow_one_has_all_its_time_again() -> None:
    with Scripted(in_turn(Said(line=wait), Said(200, {"replica_id": "r1"}))) as server, calling(server.url, SECOND) as tavus:
        assert isinstance(tavus.get_replica(ACCOUNT, ReplicaId("r1")), Cut)
        assert isinstance(tavus.get_replica(ACCOUNT, ReplicaId("r1")), Answer)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_body_without_end_is_not_read(pack: Callable[[bytes], bytes]) -> None:
    content = pack(b" " * (8 * 1024 * 1024 + 1))
    headers = {"Content-Encoding": "gzip"} if pack is gzip.compress else {}
    with Scripted(Said(200, content, headers)) as server, calling(server.url) as tavus:
        reply = tavus.create_replica(ACCOUNT, body())
    assert isinstance(reply, Cut)
    assert "200" in reply.detail


def test_a_large_page_is_read() -> None:
    rows = [{"replica_id": f"r{number}", "replica_name": "x" * 20_000} for number in range(100)]
    with Scripted(Said(200, {"data": rows, "total_count": 100})) as server, calling(server.url) as tavus:
        reply = tavus.list_replicas(ACCOUNT)
    assert isinstance(reply, Answer)
    assert reply.document == {"data": rows, "total_count": 100}


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
        ("Identity", bytes),
        ("utf-8", bytes),
        ("", bytes),
    ],
)
def test_a_packed_answer_is_unpacked(coding: str, pack: Callable[[bytes], bytes]) -> None:
    with Scripted(Said(200, pack(b'{"replica_id": "r1"}'), {"Content-Encoding": coding})) as server, calling(server.url) as tavus:
        reply = tavus.create_replica(ACCOUNT, body())
    assert isinstance(reply, Answer)
    assert reply.document == {"replica_id": "r1"}


@pytest.mark.parametrize(
    "packed",
    [b'{"replica_id": "r1"}', gzip.compress(b'{"replica_id": "r1"}')[:-9], gzip.compress(b"{}")[:9]],
    ids=["not at all", "not to its end", "not beyond its head"],
)
def test_what_says_that_it_is_packed_and_is_not_is_no_answer(packed: bytes) -> None:
    with Scripted(Said(200, packed, {"Content-Encoding": "gzip"})) as server, calling(server.url) as tavus:
        assert isinstance(tavus.create_replica(ACCOUNT, body()), Cut)


def test_no_body_is_none_however_it_is_packed() -> None:
    with Scripted(Said(204, b"", {"Content-Encoding": "gzip"})) as server, calling(server.url) as tavus:
        assert tavus.end_conversation(ACCOUNT, ConversationId("c1")) == Answer(204, None)


@pytest.mark.parametrize("call", POSTS.values(), ids=POSTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401, 408, 425, 429, 500, 502, 503, 504])
def test_no_status_makes_a_request_go_out_again(call: Callable[[Tavus], Reply], status: int) -> None:
    again = {"Location": "/v2/elsewhere", "Retry-After": "0", "WWW-Authenticate": 'Digest realm="a", nonce="b"'}
    with Scripted(Said(status, {"message": "again"}, again)) as server, calling(server.url) as tavus:
        reply = call(tavus)
    assert isinstance(reply, Answer)
    assert (reply.status, len(server.asked)) == (status, 1)


@pytest.mark.parametrize("call", POSTS.values(), ids=POSTS)
@pytest.mark.parametrize("line", [cut, reset, half])
def test_no_broken_line_makes_a_request_go_out_again(call: Callable[[Tavus], Reply], line: Line) -> None:
    with Scripted(in_turn(Said(200, {}), Said(line=line), Said(200, {"replica_id": "r2"}))) as server, calling(server.url) as tavus:
        assert isinstance(tavus.list_voices(ACCOUNT), Answer)  # so that the next one goes out on a line that was kept alive
        assert isinstance(call(tavus), Cut)
        assert len(server.asked) == 2


def test_a_line_that_was_closed_while_it_was_idle_is_not_used() -> None:
    def answer_and_close(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(HEAD + b"Content-Length: 2\r\n\r\n{}")  # and says nothing of closing

    with Scripted(in_turn(Said(line=answer_and_close), Said(200, {"replica_id": "r1"}))) as server, calling(server.url) as tavus:
        assert isinstance(tavus.list_voices(ACCOUNT), Answer)
        time.sleep(0.5)  # the server's thread has closed it by then
        assert isinstance(tavus.create_replica(ACCOUNT, body()), Answer)
        assert len(server.asked) == 2
