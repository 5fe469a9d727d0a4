"""The client sends what Tavus documents, once, with one account's key, and calls each answer by its name."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.worker.tavus.made import ACCOUNT, KEY, PAGE_OF_HTML, SHORT, TIMEOUT, body, calling
from tests.worker.tavus.scripted import Said, Scripted
from worker.core.job import ConversationId, ReplicaId
from worker.tavus.client import Answer, NotSent, Reply, Tavus, _retry_after

R1, C1 = ReplicaId("r1"), ConversationId("c1")
Call = Callable[[Tavus], Reply]
PAGED = {"limit": "100", "page": "1"}
OPERATIONS: dict[str, tuple[Call, str, str, dict[str, str], object]] = {
    "create replica": (lambda it: it.create_replica(ACCOUNT, body()), "POST", "/v2/replicas", {}, body()),
    "get replica": (lambda it: it.get_replica(ACCOUNT, R1), "GET", "/v2/replicas/r1", {"verbose": "true"}, None),
    "list these": (
        lambda it: it.list_replicas(ACCOUNT, replica_ids=[R1, ReplicaId("r2")]),
        "GET",
        "/v2/replicas",
        {**PAGED, "verbose": "true", "replica_ids": "r1,r2"},
        None,
    ),
    "list our own": (
        lambda it: it.list_replicas(ACCOUNT, page=3, replica_type="user"),
        "GET",
        "/v2/replicas",
        {"limit": "100", "page": "3", "verbose": "true", "replica_type": "user"},
        None,
    ),
    "rename replica": (lambda it: it.rename_replica(ACCOUNT, R1, "A"), "PATCH", "/v2/replicas/r1/name", {}, {"replica_name": "A"}),
    "delete": (lambda it: it.delete_replica(ACCOUNT, R1, hard=False), "DELETE", "/v2/replicas/r1", {}, None),
    "delete hard": (lambda it: it.delete_replica(ACCOUNT, R1, hard=True), "DELETE", "/v2/replicas/r1", {"hard": "true"}, None),
    "voices": (lambda it: it.list_voices(ACCOUNT), "GET", "/v2/voices", PAGED, None),
    "create conversation": (lambda it: it.create_conversation(ACCOUNT, {"a": 1}), "POST", "/v2/conversations", {}, {"a": 1}),
    "get conversation": (lambda it: it.get_conversation(ACCOUNT, C1), "GET", "/v2/conversations/c1", {"verbose": "true"}, None),
    "conversations": (
        lambda it: it.list_conversations(ACCOUNT, status="active"),
        "GET",
        "/v2/conversations",
        {**PAGED, "status": "active"},
        None,
    ),
    "end conversation": (lambda it: it.end_conversation(ACCOUNT, C1), "POST", "/v2/conversations/c1/end", {}, None),
}


@pytest.mark.parametrize(("call", "method", "path", "query", "sent"), OPERATIONS.values(), ids=OPERATIONS)
def test_each_operation_is_one_request_as_documented(call: Call, method: str, path: str, query: dict[str, str], sent: object) -> None:
    with Scripted(Said(200, {"a": 1})) as server, calling(server.url) as tavus:
        reply = call(tavus)
    assert isinstance(reply, Answer)
    assert (reply.ok, reply.document) == (True, {"a": 1})
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == (method, path, query)
    assert asked.headers["x-api-key"] == KEY
    assert KEY not in asked.target
    if sent is None:
        assert asked.body == b""
    else:
        assert (asked.json, asked.headers["content-type"]) == (sent, "application/json")


@pytest.mark.parametrize("call", [operation[0] for operation in OPERATIONS.values()], ids=OPERATIONS)
@pytest.mark.parametrize("key", [None, "", "k3y\n", "cl\N{LATIN SMALL LETTER E WITH ACUTE}", "k3y k3y", "\ud800"])
def test_without_a_key_that_can_be_sent_nothing_is_sent(call: Call, key: str | None) -> None:
    with Scripted(Said(200, {"a": 1})) as server, calling(server.url, key=key) as tavus:
        reply = call(tavus)
    assert server.asked == []
    assert isinstance(reply, NotSent)
    assert reply.keyless
    assert "k3y" not in repr(reply)


def test_each_account_calls_with_its_own_key_and_never_with_anothers_cookie() -> None:
    with Scripted(Said(200, {}, {"Set-Cookie": "session=of-the-first; Path=/"})) as server:
        tavus = Tavus(server.url, {"first": SecretStr("key-1"), "second": SecretStr("key-2")}, TIMEOUT, threads=1)
        for account in ("first", "second", "third"):
            tavus.list_voices(account)
        tavus.close()
    assert [asked.headers["x-api-key"] for asked in server.asked] == ["key-1", "key-2"]
    assert not any("cookie" in asked.headers for asked in server.asked)


@pytest.mark.parametrize(
    ("said", "document", "words"),
    [
        (Said(200, {"message": "OK"}), {"message": "OK"}, "OK"),
        (Said(503, PAGE_OF_HTML, {"Content-Type": "text/html"}), None, PAGE_OF_HTML.decode()),
        (Said(404, b""), None, "(nothing)"),
        (Said(200, b"\xef\xbb\xbf{}"), {}, "{}"),
    ],
)
def test_an_answer_is_read_whatever_it_is(said: Said, document: object, words: str) -> None:
    with Scripted(said) as server, calling(server.url) as tavus:
        reply = tavus.get_replica(ACCOUNT, R1)
    assert isinstance(reply, Answer)
    assert (reply.status, reply.document, reply.said.lstrip("?\ufeff")) == (said.status, document, words)


def test_no_content_is_an_answer() -> None:
    with Scripted(Said(204)) as server, calling(server.url) as tavus:
        assert tavus.end_conversation(ACCOUNT, C1) == Answer(204, None)


def test_any_text_can_be_sent() -> None:
    odd = {"custom_greeting": "half a pair \ud800, a zero \x00, ж"}
    with Scripted(Said()) as server, calling(server.url) as tavus:
        tavus.create_conversation(ACCOUNT, odd)
    assert json.loads(server.asked[0].body) == odd


def test_an_id_of_odd_letters_is_no_more_than_a_part_of_the_first_line() -> None:
    with Scripted(Said(200, {})) as server, calling(server.url) as tavus:
        tavus.get_replica(ACCOUNT, ReplicaId("r 1?é\r\nX: y#"))
    assert [asked.target for asked in server.asked] == ["/v2/replicas/r%201%3F%C3%A9%0D%0AX%3A%20y%23?verbose=true"]


def test_a_gateway_that_wants_a_user_and_a_password_is_given_them() -> None:
    with Scripted(Said(200, {})) as server, calling(server.url.replace("http://", "http://ann:p%40ss@")) as tavus:
        tavus.get_replica(ACCOUNT, R1)
    asked = server.asked[0].headers
    assert asked["authorization"] == "Basic " + b64encode(b"ann:p@ss").decode()
    assert "ann" not in asked["host"]


def test_a_request_without_a_body_says_so_where_one_is_expected() -> None:
    with Scripted(Said(200, {})) as server, calling(server.url) as tavus:
        tavus.end_conversation(ACCOUNT, C1)
        tavus.get_replica(ACCOUNT, R1)
    assert [asked.headers.get("content-length") for asked in server.asked] == ["0", None]


def test_an_answer_does_not_show_what_it_repeats() -> None:
    sent = body("https://b.example/a.jpg?X-Amz-Signature=SECRET")
    with Scripted(lambda asked: Said(400, {"error": asked.json})) as server, calling(server.url) as tavus:
        reply = tavus.create_replica(ACCOUNT, sent)
    assert isinstance(reply, Answer)
    assert reply.document == {"error": sent}
    assert "SECRET" not in f"{reply!r} {reply}"
    assert KEY not in f"{reply!r} {tavus!r} {vars(tavus)}"


def test_what_cannot_be_connected_was_not_sent() -> None:
    with Scripted(Said()) as server:
        url = server.url
    with calling(url) as tavus:
        reply = tavus.create_replica(ACCOUNT, body())
    assert isinstance(reply, NotSent)
    assert not reply.keyless


def test_a_server_that_speaks_no_tls_was_not_sent_anything() -> None:
    with Scripted(Said()) as server, calling(server.url.replace("http:", "https:"), SHORT) as tavus:
        assert isinstance(tavus.create_replica(ACCOUNT, body()), NotSent)
    assert server.asked == []


def test_a_proxy_in_the_environment_is_not_asked_for_loopback_and_is_for_the_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Scripted(Said(200, {"by": "proxy"})) as proxy, Scripted(Said(200, {"by": "tavus"})) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("http_proxy", proxy.origin)
        by = []
        for url in (server.url, server.url.replace("127.0.0.1", "localhost"), "http://tavus.invalid/v2"):
            with calling(url) as tavus:
                reply = tavus.get_replica(ACCOUNT, R1)
                assert isinstance(reply, Answer), reply
                by.append(reply.document)
    assert by == [{"by": "tavus"}, {"by": "tavus"}, {"by": "proxy"}]
    assert [asked.target for asked in proxy.asked] == ["http://tavus.invalid/v2/replicas/r1?verbose=true"]


def test_a_proxy_that_refuses_its_tunnel_was_not_given_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Scripted(Said(407)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        monkeypatch.setenv("https_proxy", proxy.origin)
        with calling("https://tavus.invalid/v2") as tavus:
            assert isinstance(tavus.create_replica(ACCOUNT, body()), NotSent)
    assert [asked.method for asked in proxy.asked] == ["CONNECT"]


def retry_after(value: str) -> timedelta | None:
    return _retry_after(value.encode())


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("7") == timedelta(seconds=7)
    assert retry_after(" 0 ") == timedelta(0)
    soon = retry_after(format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True))
    assert soon is not None
    assert timedelta(minutes=9) < soon < timedelta(minutes=11)


@pytest.mark.parametrize("value", ["9" * 400, "86401", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_is_a_day_at_most(value: str) -> None:
    assert retry_after(value) == timedelta(days=1)


def test_a_date_that_is_over_means_now() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == timedelta(0)


@pytest.mark.parametrize(
    "value", ["", "soon", "-1", "1.5", "\N{SUPERSCRIPT TWO}", "Wed, 21 Oct 2015 07:28:00", f"Wed, 21 Oct 2015 07:28:00 +{'9' * 19}"]
)
def test_what_is_neither_is_not_said(value: str) -> None:
    assert retry_after(value) is None


@given(st.text() | st.from_regex(r"\A\w{3}, \d+ (Jan|Feb) \d+ \d+:\d+:\d+ [+-]?\w*\Z"))
def test_no_retry_after_makes_the_reader_raise(value: str) -> None:
    found = retry_after(value.encode("utf-8", "replace").decode())
    assert found is None or timedelta(0) <= found <= timedelta(days=1)
