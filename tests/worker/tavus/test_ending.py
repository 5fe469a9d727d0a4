"""A conversation is ended when what Tavus shows under its id is ours, and an answer that is none leaves it open whether it has ended."""

import pytest

from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import ACCOUNT, DONE, PAGE_OF_HTML, TALK, asked_of, open_with, performing, train
from tests.worker.tavus.scripted import Asked, Said, Scripted
from worker.core.effects import EndConversation
from worker.core.events import ConversationEndDeclined, ConversationEnded, ConversationEndUnread, ConversationOpened, Event
from worker.core.failures import Failure
from worker.core.job import ConversationId
from worker.tavus.perform import Performer

C1 = ConversationId("c1")
END = EndConversation(ACCOUNT, C1, TALK)
OURS = {"conversation_id": "c1", "conversation_name": TALK, "status": "active"}
KEYLESS = Said(401, {"message": "Invalid access token"})
GONE = Said(400, {"error": "Invalid conversation_id"})


def ended(shown: Said, gone: Said | None = None) -> tuple[Event, list[Asked]]:
    """What is told of c1's end, and the ends that were sent."""
    with Scripted(lambda asked: shown if asked.method == "GET" else gone or Said(200)) as tavus, performing(tavus.url) as performer:
        return performer.perform(END), [asked for asked in tavus.asked if asked.method == "POST"]


def test_a_conversation_of_ours_is_ended_and_ending_it_again_is_no_error(sandbox: Sandbox, performer: Performer) -> None:
    one = train(performer.tavus, sandbox)
    sandbox.advance(DONE)
    talk = performer.perform(open_with(one))
    assert isinstance(talk, ConversationOpened)
    order = EndConversation(ACCOUNT, talk.conversation_id, TALK)
    assert [performer.perform(order) for _ in range(2)] == [ConversationEnded(talk.conversation_id)] * 2
    assert asked_of(sandbox)["end_conversation"] == 2


def test_what_tavus_no_longer_knows_is_over() -> None:
    assert ended(GONE) == (ConversationEnded(C1), [])
    assert ended(Said(404, {"message": "not found"})) == (ConversationEnded(C1), [])
    assert ended(Said(200, OURS), GONE)[0] == ConversationEnded(C1)


@pytest.mark.parametrize("name", ["somebody else's", "rc-00000000000z-1", f"{TALK}-2", ""])
def test_a_conversation_with_another_name_is_left_alone(name: str) -> None:
    news, sent = ended(Said(200, OURS | {"conversation_name": name}))
    assert isinstance(news, ConversationEndDeclined)
    assert sent == []


def test_where_tavus_shows_no_name_the_id_does() -> None:
    assert ended(Said(200, {"conversation_id": "c1"}))[0] == ConversationEnded(C1)


@pytest.mark.parametrize(
    "shown", [Said(500), Said(404, PAGE_OF_HTML), Said(400, {"error": "no"}), Said(200, {}), Said(200, OURS | {"conversation_id": "c2"})]
)
def test_nothing_is_ended_on_a_look_that_is_none(shown: Said) -> None:
    news, sent = ended(shown)
    assert isinstance(news, ConversationEndUnread)
    assert sent == []


@pytest.mark.parametrize("gone", [Said(500), Said(429, {"message": "slow"}, {"retry-after": "7"}), Said(404, PAGE_OF_HTML), KEYLESS])
def test_an_end_without_an_answer_is_asked_for_again(gone: Said) -> None:
    news, sent = ended(Said(200, OURS), gone)
    assert isinstance(news, ConversationEndUnread)
    assert len(sent) == 1
    assert (news.retry_after is not None) == (gone.status == 429)
    assert news.account_fault == (Failure.KEY_REJECTED if gone is KEYLESS else None)
