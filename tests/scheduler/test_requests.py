"""The door lets in what can become a job, refuses the rest with every problem named, and gives the same fingerprint to what means the same."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.requests import Door, Order, RequestInvalidError
from tests.scheduler.bad import BAD, VIDEO
from tests.scheduler.made import PICTURE, SECRET, a_replica, a_request
from worker.core.request import AutoFix, Start
from worker.preflight import Limits, Preflight
from worker.store.rows import document_of, request_from

ACCOUNTS = frozenset({"default", "studio"})


def door(limits: Limits | None = None, voices: frozenset[str] = frozenset({"anna"}), accounts: frozenset[str] = ACCOUNTS) -> Door:
    return Door(accounts, lambda _: voices, Preflight(limits or Limits()), "phoenix-4")


def read(document: object, at: Door | None = None, key: str | None = None) -> Order:
    return (at or door()).read(document, datetime.now(UTC), key)


def refused(document: object, at: Door | None = None, key: str | None = None) -> dict[str, str]:
    with pytest.raises(RequestInvalidError) as error:
        read(document, at, key)
    assert all(f"{one.field} {one.problem}" in str(error.value) for one in error.value.problems)
    return {one.field: one.problem for one in error.value.problems}


@pytest.mark.parametrize(("document", "fields"), BAD.values(), ids=BAD)
def test_a_bad_request_is_refused_with_every_problem_and_its_field(document: object, fields: set[str]) -> None:
    assert set(refused(document)) == fields


@pytest.mark.parametrize(("document", "fields"), BAD.values(), ids=BAD)
def test_a_refusal_repeats_no_query_and_no_password(document: object, fields: set[str]) -> None:
    with pytest.raises(RequestInvalidError) as error:
        read(document)
    assert SECRET not in str(error.value)
    assert all(fields)


@pytest.mark.parametrize("document", [None, [], "text", 5, True])
def test_what_is_no_object_is_refused(document: object) -> None:
    assert refused(document) == {"request": "is not a JSON object"}


@pytest.mark.parametrize(
    "document",
    [
        a_request(),
        a_replica(voice_name="ANNA"),
        a_replica(voice_name=None, default_voice_id="v1"),
        a_replica(train_image_url=None, voice_name=None, train_video_url=VIDEO, consent_video_url=VIDEO),
        a_replica(properties={"gaze_correction": True}, model_name="phoenix-3", replica_name="Ann", auto_fix_training_image=False),
        a_request(conversation={"start": "none"}),
        a_request(conversation={"start": "on_demand", "properties": {"max_call_duration": 60}, "callback_url": "https://told.example"}),
        a_request(account="studio", priority=9, notify_url="https://told.example", idempotency_key="k" * 255, metadata={"a": [1, None]}),
        a_request(metadata={"note": "x" * 16_000, "\N{SNOWMAN}": "\N{SNOWMAN}"}),
    ],
)
def test_a_good_request_is_let_in(document: dict[str, Any]) -> None:
    assert read(document).fingerprint


def test_the_order_is_what_was_asked_for_with_the_model_pinned() -> None:
    order = read(a_request(conversation={"start": "on_demand", "persona_id": "p1"}, auto_fix="always", priority=3, metadata={"a": 1}))
    assert order.request.replica == {"train_image_url": PICTURE, "voice_name": "anna", "model_name": "phoenix-4"}
    assert order.request.conversation == {"persona_id": "p1"}
    assert (order.request.start, order.request.auto_fix, order.request.metadata) == (Start.ON_DEMAND, AutoFix.ALWAYS, {"a": 1})
    assert (order.account, order.priority, order.idempotency_key) == ("default", 3, None)


def test_a_voice_is_not_judged_while_the_voices_are_not_known() -> None:
    assert read(a_replica(voice_name="nobody"), door(voices=frozenset())).request.replica["voice_name"] == "nobody"


def test_an_account_is_not_judged_where_no_account_is_known() -> None:
    assert read(a_request(account="nobody"), door(accounts=frozenset())).account == "nobody"


def test_http_and_private_addresses_pass_where_the_settings_allow_them() -> None:
    address = "http://127.0.0.1:9000/ann.jpg"
    assert set(refused(a_replica(train_image_url=address), door(Limits(allow_http=True)))) == {"replica.train_image_url"}
    assert set(refused(a_replica(train_image_url=address), door(Limits(allow_private=True)))) == {"replica.train_image_url"}
    read(a_replica(train_image_url=address), door(Limits(allow_http=True, allow_private=True)))


def test_a_presigned_address_must_live_for_a_day() -> None:
    signed = f"{datetime.now(UTC) - timedelta(hours=1):%Y%m%dT%H%M%SZ}"
    query = f"X-Amz-Date={signed}&X-Amz-Signature={SECRET}&X-Amz-Expires"
    read(a_replica(train_image_url=f"https://b.example/a.jpg?{query}={26 * 3600}"))
    assert "expires at" in refused(a_replica(train_image_url=f"https://b.example/a.jpg?{query}={24 * 3600}"))["replica.train_image_url"]


def test_a_refusal_says_what_to_do() -> None:
    problems = refused(BAD["everything at once"][0])
    assert "send one of the two" in problems["replica"]
    assert "anna" in problems["replica.voice_name"]
    assert "phoenix-4" in problems["replica.model_name"]
    assert "notify_url to be told" in problems["replica.callback_url"]
    assert "https://" in problems["replica.train_image_url"]


def test_a_key_beside_the_request_counts_as_one_inside() -> None:
    assert read(a_request(), key="k1").idempotency_key == "k1"
    assert read(a_request(idempotency_key="k1"), key="k1").idempotency_key == "k1"
    assert read(a_request(idempotency_key=None), key="k1").idempotency_key == "k1"


@pytest.mark.parametrize("inside", ["k2", "", ["k1"], {}])
def test_two_different_keys_are_refused_among_the_other_problems(inside: object) -> None:
    assert set(refused(a_request(idempotency_key=inside, urgent=True), key="k1")) == {"idempotency_key", "urgent"}


@pytest.mark.parametrize("key", ["", "a key", "kéy", "k" * 256, "\x00"])
def test_a_key_beside_the_request_is_judged_as_one_inside(key: str) -> None:
    assert set(refused(a_request(), key=key)) == {"idempotency_key"}


SAME = [
    (a_request(), a_request(conversation={"start": "on_ready"}, priority=0, account="default", auto_fix="never", metadata={})),
    (a_request(), a_replica(model_name="phoenix-4")),
    (a_request(idempotency_key="k1"), a_request(idempotency_key="k2")),
    (a_request(metadata={"a": 1, "b": 2}), a_request(metadata={"b": 2, "a": 1})),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_means_the_same_has_one_fingerprint(one: object, other: object) -> None:
    assert read(one).fingerprint == read(other).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        a_replica(replica_name="Ann"), a_replica(train_image_url=f"{PICTURE}&again"), a_request(priority=1), a_request(account="studio"),
        a_request(metadata={"a": 1}), a_request(conversation={"start": "none"}), a_request(conversation={"persona_id": "p1"}),
        a_request(notify_url="https://told.example"), a_request(auto_fix="always"),
    ],
)  # fmt: skip
def test_what_means_another_thing_has_another_fingerprint(other: object) -> None:
    assert read(a_request()).fingerprint != read(other).fingerprint


@pytest.mark.parametrize("name", ["notify_conversation_url", "notify_conversation_events"])
def test_a_request_that_was_stored_before_this_could_be_asked_for_is_still_the_same(name: str) -> None:
    told: dict[str, Any] = {"notify_url": "https://told.example"}
    before, without, asking = (
        a_request(**told),
        a_request(**told, **{name: False}),
        a_request(**told, **{name: True}),
    )
    assert read(before).fingerprint == read(without).fingerprint != read(asking).fingerprint
    assert not {name, "source_url_provider", "consent"} & set(document_of(read(before).request))
    assert request_from(document_of(read(asking).request)) == read(asking).request


@pytest.mark.parametrize("text", ["x", "\x7f", "\N{SNOWMAN}", "\N{GRINNING FACE}", '"'])
def test_metadata_is_measured_as_ascii_with_spaces(text: str) -> None:
    def sized(size: int) -> dict[str, object]:
        each = len(json.dumps(text)) - 2
        room = size - len(json.dumps({"a": [1, 2], "text": ""}))
        return {"a": [1, 2], "text": text * (room // each) + "." * (room % each)}

    assert len(json.dumps(sized(16_384))) == 16_384
    read(a_request(metadata=sized(16_384)))
    assert set(refused(a_request(metadata=sized(16_385)))) == {"metadata"}


def test_requests_that_are_read_together_are_what_each_is_alone() -> None:
    at, now = door(), datetime.now(UTC)
    documents = [None, a_request(), *(document for document, _ in BAD.values()), a_request(priority=2)]
    asked = [(document, key) for document in documents for key in (None, "key")]
    assert [_told(one) for one in at.read_many(asked, now)] == [_alone(at, document, now, key) for document, key in asked]


def _alone(at: Door, document: object, now: datetime, key: str | None) -> object:
    try:
        return at.read(document, now, key)
    except RequestInvalidError as error:
        return _told(error)


def _told(read: Order | RequestInvalidError) -> object:
    return read.problems if isinstance(read, RequestInvalidError) else read
