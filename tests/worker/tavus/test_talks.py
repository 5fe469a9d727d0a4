"""Whether a conversation goes on: Tavus' own words, and no end that it did not say. And how Tavus reaches us about it."""

import pytest
from pydantic import SecretStr

from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import ACCOUNT, DONE, JOB, PAGE_OF_HTML, TALK, open_with, performing, train
from tests.worker.tavus.scripted import Said, Scripted
from worker.core import events
from worker.core.effects import LookAtConversation
from worker.core.job import ConversationId
from worker.links import Links
from worker.tavus.callbacks import About, Callbacks
from worker.tavus.perform import Performer

C1 = ConversationId("c1")
LOOK = LookAtConversation(ACCOUNT, C1, TALK)
OPENED = {"conversation_id": "c1", "conversation_url": "https://tavus.daily.co/c1", "status": "active"}
SECRET = SecretStr("a secret of ours")


def looked(shown: Said) -> events.Event:
    """What a look at c1 tells."""
    with Scripted(shown) as tavus, performing(tavus.url) as performer:
        return performer.perform(LOOK)


def test_a_conversation_goes_on_until_it_has_ended(sandbox: Sandbox, performer: Performer) -> None:
    one = train(performer.tavus, sandbox)
    sandbox.advance(DONE)
    talk = performer.perform(open_with(one))
    assert isinstance(talk, events.ConversationOpened)
    look = LookAtConversation(ACCOUNT, talk.conversation_id, TALK)
    assert performer.perform(look) == events.ConversationContinued(talk.conversation_id)
    sandbox.advance(DONE)
    assert performer.perform(look) == events.ConversationEnded(talk.conversation_id)


@pytest.mark.parametrize("gone", [Said(400, {"error": "Invalid conversation_id"}), Said(404, {"message": "not found"})])
def test_what_tavus_no_longer_knows_has_ended(gone: Said) -> None:
    assert looked(gone) == events.ConversationEnded(C1)


@pytest.mark.parametrize("status", ["active", "ACTIVE", "paused", "", None])
def test_a_word_that_nobody_knows_is_no_end(status: str | None) -> None:
    assert looked(Said(200, OPENED | {"status": status})) == events.ConversationContinued(C1)


@pytest.mark.parametrize(
    "shown", [Said(500), Said(404, PAGE_OF_HTML), Said(400, {"error": "no"}), Said(200, {}), Said(200, {"conversation_id": "c2"})]
)
def test_an_answer_that_is_none_is_no_end(shown: Said) -> None:
    assert isinstance(looked(shown), events.ConversationUnread)


def test_tavus_is_told_where_to_call_about_a_conversation_unless_its_caller_wants_to_be_called_himself() -> None:
    callbacks = Callbacks("https://replicas.example", SECRET)
    with Scripted(Said(200, OPENED)) as tavus, performing(tavus.url, callbacks=callbacks) as performer:
        performer.perform(open_with("r1"))
        performer.perform(open_with("r1", callback_url="https://caller.example"))
        ours, theirs = (asked.json["callback_url"] for asked in tavus.asked)
    assert ours == callbacks.url_for_conversation(JOB, TALK)
    assert callbacks.about(ours.rpartition("/")[2]) == About(TALK, JOB)
    assert theirs == "https://caller.example"


def test_what_opens_a_private_room_leaves_the_client_sealed_or_not_at_all() -> None:
    links = Links("https://replicas.example", SECRET)
    with Scripted(Said(200, OPENED | {"meeting_token": "m33ting"})) as tavus:
        with performing(tavus.url, links=links) as performer:
            told = performer.perform(open_with("r1"))
        with performing(tavus.url) as performer:
            untold = performer.perform(open_with("r1"))
    assert isinstance(told, events.ConversationOpened)
    assert told.admission is not None
    assert links.open(told.admission) == "m33ting"
    assert "m33ting" not in f"{told!r} {told.admission}"
    assert untold == events.ConversationOpened(TALK, C1, OPENED["conversation_url"])
