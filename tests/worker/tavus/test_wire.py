"""Tavus' JSON is read leniently, and nothing that it could be makes the reader raise."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.tavus.verdicts import failure_in, failure_of_training
from worker.tavus.wire import Training, conversation_of, page_of, parsed, replica_of, said, shown, texts_in

trying = settings(max_examples=150, deadline=None)

_IDS = ["replica_id", "face_id", "replica_name", "face_name", "conversation_id", "conversation_name", "conversation_url"]
_NEWS = ["status", "training_progress", "model_name", "finetune_status", "message", "error", "error_message", "detail"]
_KEYS = st.sampled_from(["data", "total_count", *_IDS, *_NEWS])
_WORDS = st.text() | st.sampled_from(
    ["completed", "ready", "error", "phoenix-4.5", "training", "r0123", "HeadphonesError", "\ud800", "\x00"]
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=3), inner, max_size=6),
    max_leaves=20,
)


def training(model: str = "phoenix-4", **fields: object) -> Training:
    replica = replica_of({"replica_id": "r1", **fields})
    assert replica is not None
    return replica.training(model)


@pytest.mark.parametrize("noun", ["replica", "face"])
def test_a_replica_is_read_in_the_old_words_and_in_the_new(noun: str) -> None:
    replica = replica_of({f"{noun}_id": "r1", f"{noun}_name": "Ann", "status": "started", "training_progress": "14/100"})
    assert replica is not None
    assert (replica.id, replica.name, replica.progress) == ("r1", "Ann", "14/100")


@pytest.mark.parametrize("status", ["completed", "ready", "Completed"])
def test_success_has_two_words(status: str) -> None:
    assert training(status=status) is Training.TRAINED


@pytest.mark.parametrize(
    "fields", [{"status": "started"}, {"status": "training"}, {"status": "cancelled"}, {"status": None}, {"status": 7}, {}]
)
def test_a_word_that_nobody_documented_means_that_it_goes_on(fields: dict[str, object]) -> None:
    assert training("phoenix-4", **fields) is Training.GOES_ON


@pytest.mark.parametrize(
    ("finetune", "stands"),
    [
        ("completed", Training.TRAINED),
        ("errored", Training.FAILED),
        ("training", Training.GOES_ON),
        ("polishing", Training.GOES_ON),
        (None, Training.GOES_ON),
    ],
)
@pytest.mark.parametrize("said_by", ["answer", "request"])
def test_a_two_stage_model_is_trained_only_when_its_tuning_is(finetune: str | None, stands: Training, said_by: str) -> None:
    model = {"model_name": "phoenix-4.5"} if said_by == "answer" else {}
    asked_for = "phoenix-4.5" if said_by == "request" else ""
    assert training(asked_for, status="completed", finetune_status=finetune, **model) is stands
    assert training(asked_for, status="error", finetune_status=finetune, **model) is Training.FAILED


def test_a_tuning_that_goes_on_counts_where_nobody_says_the_model() -> None:
    assert training("", status="completed", finetune_status="training") is Training.GOES_ON
    assert training("", status="completed", finetune_status=None) is Training.TRAINED
    assert training("phoenix-4", status="completed", finetune_status="training") is Training.TRAINED


@pytest.mark.parametrize("value", [None, ""])
def test_a_name_that_is_shown_to_be_none_is_not_one_that_is_not_shown(value: object) -> None:
    shown_to_be_none, not_shown = replica_of({"replica_id": "r1", "replica_name": value}), replica_of({"replica_id": "r1"})
    unreadable = replica_of({"replica_id": "r1", "replica_name": ["Ann"]})
    assert shown_to_be_none is not None
    assert shown_to_be_none.name == ""
    assert not_shown is not None
    assert not_shown.name is None
    assert unreadable is not None
    assert unreadable.name is None


@pytest.mark.parametrize("value", [None, "", 7, ["r1"], "r1/../r2", "r1?hard=true", "r1,r2", "r1\n", "\ud800", "r" * 65])
def test_what_could_not_stand_in_a_path_is_no_id(value: object) -> None:
    assert replica_of({"replica_id": value, "status": "started"}) is None
    assert conversation_of({"conversation_id": value}) is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "page",
        {},
        {"data": []},
        {"total_count": 0},
        {"data": {}, "total_count": 0},
        {"data": ["r1"], "total_count": 1},
        *({"data": [], "total_count": count} for count in (None, "0", 0.0, True)),
    ],
)
def test_what_does_not_look_like_a_page_is_none(document: object) -> None:
    assert page_of(document) is None


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe\x00", b"[" * 100_000, b'{"a": ' + b"9" * 5000, b"\x80abc"])
def test_what_is_no_json_is_none(content: bytes) -> None:
    assert parsed(content) is None


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"message": "m", "error": "e"}, "m"),
        ({"message": "", "error": "e"}, "e"),
        ({"error": {"code": "c", "why": "w"}}, "code: c, why: w"),
        ({"detail": [{"loc": ["body", "voice_name"], "msg": "is missing"}]}, "msg: is missing, loc: body, loc: voice_name"),
        ({}, "{}"),
        (None, "{}"),
    ],
)
def test_an_error_is_said_in_one_line(document: object, words: str) -> None:
    assert said(document, b"{}") == words


def test_what_is_said_is_short_plain_and_can_be_stored() -> None:
    text = said({"message": "a\x00b\ud800c\n\td\u202e " + "x" * 5000}, b"")
    assert text.startswith("a?b?c d? x")
    assert len(text) == 300
    text.encode()
    assert said(None, b"") == "(nothing)"


def test_an_answer_in_another_encoding_keeps_its_secrets_too() -> None:
    content = json.dumps([{"sent": "https://b.example/a?X-Amz-Signature=SECRET"}]).encode("utf-16")
    assert said(parsed(content), content) == "sent: https://b.example/a"


def test_texts_are_found_in_any_depth_with_their_keys() -> None:
    document = {"a": "1", "b": [{"c": "2"}, "3", 4, None], "d": {"e": {"f": "5"}}}
    assert sorted(texts_in(document)) == [("a", "1"), ("b", "3"), ("c", "2"), ("f", "5")]


def test_nothing_that_was_read_shows_all_that_was_said() -> None:
    document = {"replica_id": "r1", "train_image_url": "https://b.example/a.jpg?X-Amz-Signature=SECRET"}
    assert "SECRET" not in f"{replica_of(document)!r} {page_of({'data': [document], 'total_count': 1})!r}"


def test_progress_is_for_people_and_short() -> None:
    replica = replica_of({"replica_id": "r1", "training_progress": "62/100" + "\x00" * 5000})
    assert replica is not None
    assert replica.progress == "62/100" + "?" * 14


@trying
@given(_JSON)
def test_no_json_makes_the_reader_raise(document: object) -> None:
    replica, conversation, _ = replica_of(document), conversation_of(document), page_of(document)
    if replica is not None:
        assert replica.training("") in Training
        assert replica.training("phoenix-4.5") in Training
        shown(f"{replica.error} {replica.progress} {replica.id}").encode()
    if conversation is not None:
        f"{conversation.id} {conversation.url} {conversation.replica_id}".encode()
    failure_in(document)
    assert failure_of_training(document)
    words = said(document, json.dumps(document).encode())
    assert words
    assert len(words) <= 300
    assert words.isprintable()


@trying
@given(st.binary() | _JSON.map(lambda document: json.dumps(document).encode()))
def test_no_bytes_make_the_reader_raise(content: bytes) -> None:
    assert said(parsed(content), content).isprintable()
