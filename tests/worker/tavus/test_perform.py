"""Effects become events: what was done is reported as it was, and nothing secret goes along."""

from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from pydantic import SecretStr

from tests.sandbox import messages
from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import (
    ACCOUNT,
    DONE,
    KEY,
    LOOK_UP,
    LOOK_UP_TALK,
    MARK,
    TALK,
    asked_of,
    body,
    delete,
    look,
    open_with,
    performing,
    submit,
    train,
    until,
)
from tests.worker.tavus.scripted import Asked, Said, Scripted
from worker.core import events
from worker.core.effects import TavusEffect
from worker.core.failures import Failure
from worker.core.job import ConversationId, ReplicaId
from worker.core.marks import marked_name
from worker.tavus.callbacks import About, Callbacks
from worker.tavus.perform import Performer

CALLBACKS = Callbacks("https://replicas.example", SecretStr("a secret of ours"))
EFFECTS: dict[str, TavusEffect] = {
    "submit": submit(),
    "look up": LOOK_UP,
    "poll": look("r1"),
    "open": open_with("r1"),
    "look the conversation up": LOOK_UP_TALK,
    "delete": delete("r1", failed=True),
}


def test_a_submission_is_accepted_and_its_mark_found_again(sandbox: Sandbox, performer: Performer) -> None:
    news = performer.perform(submit(body(sandbox.picture())))
    assert isinstance(news, events.SubmissionAccepted)
    assert (news.mark, sandbox.ledger()["trainings"]["charged"]) == (MARK, 1)
    assert performer.perform(LOOK_UP) == events.MarkFound(MARK, news.replica_id)


@pytest.mark.parametrize("key", ["replica_id", "face_id"])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_with_an_id_is_accepted(key: str, status: int) -> None:
    with Scripted(Said(status, {key: "r1"})) as server, performing(server.url) as performer:
        assert performer.perform(submit()) == events.SubmissionAccepted(MARK, ReplicaId("r1"))


def test_what_is_sent_is_the_body_with_our_callback() -> None:
    effect = submit(body(callback_url="https://elsewhere.example"))
    with Scripted(Said(200, {"replica_id": "r1"})) as server:
        with performing(server.url, callbacks=CALLBACKS) as performer:
            performer.perform(effect)
        with performing(server.url) as performer:
            performer.perform(effect)
    ours, theirs = (asked.json for asked in server.asked)
    assert ours == {**effect.body, "callback_url": CALLBACKS.url_for(MARK)}
    assert theirs == effect.body


def test_the_sandboxes_callback_comes_to_the_address_of_its_attempt(sandbox: Sandbox) -> None:
    with Scripted(Said()) as api, performing(sandbox.url, callbacks=Callbacks(api.origin, SecretStr("ours"))) as performer:
        news = performer.perform(submit(body(sandbox.picture())))
        sandbox.advance(DONE)
        until(lambda: bool(api.asked))
    assert isinstance(news, events.SubmissionAccepted)
    assert api.asked[0].json == {"replica_id": news.replica_id, "status": "ready"}
    assert performer.callbacks.about(api.asked[0].path.rpartition("/")[2]) == About(MARK)


def test_a_training_is_polled_by_itself(sandbox: Sandbox, performer: Performer) -> None:
    well, badly = train(performer.tavus, sandbox), train(performer.tavus, sandbox, "sandbox_outcome=HeadphonesError")
    assert performer.perform(look(well)) == events.TrainingContinued(well, "0/100")
    sandbox.advance(DONE)
    failure = Failure.HEADPHONES
    assert performer.perform(look(well)) == events.TrainingCompleted(well)
    assert performer.perform(look(badly)) == events.TrainingFailed(badly, failure, f"{failure}: {messages.IMAGE[failure]}")


def test_a_conversation_is_opened_and_found_again_until_it_ends(sandbox: Sandbox, performer: Performer) -> None:
    one = train(performer.tavus, sandbox)
    sandbox.advance(DONE)
    assert performer.perform(LOOK_UP_TALK) == events.ConversationAbsent(TALK)
    news = performer.perform(open_with(one))
    assert isinstance(news, events.ConversationOpened)
    assert news.url == f"https://tavus.daily.co/{news.conversation_id}"
    assert performer.perform(LOOK_UP_TALK) == events.ConversationFound(TALK, news.conversation_id, news.url)
    performer.tavus.end_conversation(ACCOUNT, news.conversation_id)
    assert performer.perform(LOOK_UP_TALK) == events.ConversationAbsent(TALK)


def test_the_conversation_of_a_lost_answer_is_found(sandbox: Sandbox, performer: Performer) -> None:
    one = train(performer.tavus, sandbox)
    sandbox.advance(DONE)
    sandbox.set_faults({"on": "create_conversation", "kind": "cut", "moment": "after", "times": 1})
    assert isinstance(performer.perform(open_with(one)), events.ConversationLost)
    (conversation,) = sandbox.ledger()["conversations"][one]
    found = performer.perform(LOOK_UP_TALK)
    assert isinstance(found, events.ConversationFound)
    assert found.conversation_id == conversation


def test_a_conversation_with_an_id_and_no_address_is_lost_and_not_refused() -> None:
    with Scripted(Said(200, {"conversation_id": "c1"})) as server, performing(server.url) as performer:
        assert isinstance(performer.perform(open_with("r1")), events.ConversationLost)


def told_of_talks(rows: list[dict[str, Any]], single: Said) -> events.Event:
    def script(asked: Asked) -> Said:
        return Said(200, {"data": rows, "total_count": len(rows)}) if asked.path == "/v2/conversations" else single

    with Scripted(script) as server, performing(server.url) as performer:
        return performer.perform(LOOK_UP_TALK)


MARKED = {"conversation_id": "c1", "conversation_name": marked_name("Ann", TALK), "replica_id": "r1"}
URL = "https://tavus.daily.co/c1"


def test_a_marked_conversation_without_an_address_is_asked_for_and_never_absent() -> None:
    found = events.ConversationFound(TALK, ConversationId("c1"), URL)
    assert told_of_talks([MARKED], Said(200, {**MARKED, "conversation_url": URL})) == found
    for single in (
        Said(200, MARKED),
        Said(500),
        Said(404, {"message": "no"}),
        Said(200, {"conversation_id": "c2", "conversation_url": URL}),
    ):
        assert isinstance(told_of_talks([MARKED], single), events.ConversationUnread)


def test_of_two_marked_conversations_the_older_counts() -> None:
    newer = {**MARKED, "conversation_id": "c2", "conversation_url": URL + "2"}
    news = told_of_talks([newer, {**MARKED, "conversation_url": URL}], Said(500))
    assert news == events.ConversationFound(TALK, ConversationId("c1"), URL)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"conversation_name": None}, events.ConversationAbsent),
        ({"conversation_name": ""}, events.ConversationAbsent),
        ({"conversation_name": f"{TALK}-copy"}, events.ConversationAbsent),
        ({"conversation_name": f"{TALK}1"}, events.ConversationAbsent),
        ({"conversation_name": MARK}, events.ConversationAbsent),
        ({}, events.ConversationUnread),
    ],
)
def test_a_conversation_is_absent_only_when_every_name_is_known(row: dict[str, Any], kind: type[events.Event]) -> None:
    assert type(told_of_talks([{"conversation_id": "c9", **row}], Said(500))) is kind


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_neither_key_nor_presigned_query_nor_token_is_in_what_is_told(effect: TavusEffect) -> None:
    """The server repeats all that it was sent, as careless ones do."""
    sent = body("https://b.example/a.jpg?X-Amz-Credential=AKIA&X-Amz-Signature=SECRET", consent_video_url="https://b.example/c?sig=SECRET")

    def echo(asked: Asked) -> Said:
        headers = " ".join(f"{name}: {value}" for name, value in asked.headers.items())
        text = f"{asked.target} {headers} {asked.body.decode()}"
        return Said(400, [{"message": text}, {"error": {"request": text}}, text.encode() + b"}"][len(server.asked) % 3])

    with Scripted(echo) as server, performing(server.url, callbacks=CALLBACKS) as performer:
        for _ in range(3):
            news = performer.perform(submit(sent) if effect is EFFECTS["submit"] else effect)
            shown = f"{news!r} {performer!r}"
            assert not [secret for secret in ("SECRET", KEY, CALLBACKS._sign(MARK)) if secret in shown], shown
            assert "Tavus answers 400" in shown


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_nor_is_it_when_the_head_of_an_answer_repeats_it(effect: TavusEffect) -> None:
    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nsent to https://b.example/a?X-Amz-Signature=SECRET with x-api-key: SECRET\r\n\r\n")

    with Scripted(Said(line=break_off)) as server, performing(server.url) as performer:
        news = performer.perform(effect)
    assert "illegal header line" in repr(news)
    assert "SECRET" not in repr(news)


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
@pytest.mark.parametrize("text", ["\x00", "\ud800", "x" * 100_000, "\n\n", ""])
def test_whatever_tavus_says_can_be_stored(effect: TavusEffect, text: str) -> None:
    for status in (200, 400, 500):
        answer = {"message": text, "replica_id": "r1", "status": text, "training_progress": text, "conversation_id": "c1"}
        said = Said(status, {**answer, "conversation_url": f"https://a{text}", "error_message": text})
        with Scripted(said) as server, performing(server.url) as performer:
            shown = repr(performer.perform(effect))
        shown.encode()
        assert not [odd for odd in ("\\x00", "\\ud800", "\\n") if odd in shown]
        assert len(shown) < 600 or effect is EFFECTS["open"]  # whose address is the caller's, and kept as it is


def test_the_whole_of_a_lost_submission_costs_one_payment(sandbox: Sandbox, performer: Performer) -> None:
    sandbox.set_faults({"on": "create_replica", "kind": "502", "moment": "after", "times": 1})
    assert isinstance(performer.perform(submit(body(sandbox.picture()))), events.SubmissionLost)
    assert isinstance(performer.perform(LOOK_UP), events.MarkFound)
    assert asked_of(sandbox) == {"create_replica": 1, "list_replicas": 1}
    assert sandbox.ledger()["paid_twice"] == []
