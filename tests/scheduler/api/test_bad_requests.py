"""Every enumerated bad request is answered 4xx with a problem document that names each problem and its field, and stores nothing."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.broker import Broker
from tests.scheduler.api.served import Api, problem
from tests.scheduler.bad import BAD
from tests.scheduler.made import PICTURE, SECRET, a_replica, a_request, rows
from worker.app import QUEUES
from worker.store.clock import utc_now


@pytest.fixture
def door(api: Api, broker: Broker) -> Iterator[Api]:
    """An API that knows the voice `anna`, and has nothing more in its ledger and its broker when the test is over than before."""
    for account in ("default", "studio"):
        api.parts.ledger.keep_voices(account, ["anna"], utc_now())
    before = rows(api.parts)
    yield api
    assert rows(api.parts) == before
    assert not any(broker.waiting(queue) for queue in QUEUES)


def fields_of(answer: httpx.Response) -> set[str]:
    """The fields that a refusal names; each with a sentence."""
    problems = problem(answer, 422, "invalid-request")["problems"]
    assert all(set(one) == {"field", "problem"} and one["problem"] for one in problems)
    assert SECRET not in answer.text
    return {one["field"] for one in problems}


@pytest.mark.parametrize(("document", "fields"), BAD.values(), ids=BAD)
def test_a_bad_request_is_refused_with_every_problem(door: Api, document: object, fields: set[str]) -> None:
    assert fields_of(door.send(json.dumps(document).encode())) == fields


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"5", b"true"])
def test_json_that_is_no_object_is_refused(door: Api, body: bytes) -> None:
    assert fields_of(door.send(body)) == {"request"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"replica=1", b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5000, f'{{"replica": "{PICTURE}"'.encode()]
)
def test_what_is_no_json_is_refused(door: Api, body: bytes) -> None:
    answer = door.send(body)
    problem(answer, 400, "not-json")
    assert SECRET not in answer.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_another_content_type_is_refused(door: Api, kind: str) -> None:
    problem(door.send(json.dumps(a_request()).encode(), content_type=kind), 415, "not-json")


def test_too_large_a_body_is_refused_before_it_is_read_to_its_end(door: Api) -> None:
    problem(door.send(json.dumps(a_request(metadata={"note": "x" * 300_000})).encode()), 413, "too-large")
    problem(
        door.client.post("/v1/jobs", content=(b"x" * 65536 for _ in range(5)), headers={"content-type": "application/json"}),
        413,
        "too-large",
    )


@pytest.mark.parametrize("inside", ["k2", "", ["k1"], {}, 5])
def test_two_different_keys_are_refused(door: Api, inside: object) -> None:
    assert fields_of(door.post("/v1/jobs", a_request(idempotency_key=inside), idempotency_key="k1")) == {"idempotency_key"}


@pytest.mark.parametrize("key", ["", "a key", "k" * 256, "k\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_key_of_bad_characters_is_refused_among_the_other_problems(door: Api, key: str) -> None:
    headers = {b"idempotency-key": key.encode("latin-1"), b"content-type": b"application/json"}
    answer = door.client.post("/v1/jobs", content=json.dumps(a_request(urgent=True)), headers=headers)
    assert fields_of(answer) == {"idempotency_key", "urgent"}


@pytest.mark.parametrize(("query", "field"), [("limit=0", "query.limit"), ("limit=x", "query.limit"), ("state=lost", "query.state")])
def test_a_bad_question_is_refused_with_its_field(door: Api, query: str, field: str) -> None:
    assert fields_of(door.get(f"/v1/jobs?{query}")) == {field}


def test_an_unknown_voice_is_taken_while_the_voices_are_not_known(api: Api) -> None:
    for account in ("default", "studio"):
        api.parts.ledger.keep_voices(account, [], utc_now())
    assert api.post("/v1/jobs", a_replica(voice_name="nobody")).status_code == 201
