"""The end of a conversation: a wish that outlives whoever works on it, for the job's own conversation alone."""

from dataclasses import replace

import pytest

from tests.worker.core.samples import CONVERSATION, HOUR, MINUTE, NOW, RULES, SECOND, after, decided, job, opening, talk
from worker.core import events as ev
from worker.core.decision import Decision, IllegalTransition
from worker.core.effects import EndConversation, StopAccount
from worker.core.failures import Failure
from worker.core.job import Conversation, ConversationId, Job
from worker.core.states import State

WISH, DUE, ENDED = ev.ConversationEndRequested(), ev.ConversationEndFellDue(CONVERSATION), ev.ConversationEnded(CONVERSATION)
OTHER = ConversationId("c-of-another")
END = EndConversation("main", CONVERSATION, talk())


def _talk(one: Job) -> Conversation:
    assert one.conversation is not None
    return one.conversation


def test_a_wish_is_let_in_and_nothing_is_done_for_it_yet() -> None:
    asked = decided(job(State.DONE), WISH, NOW + HOUR)
    assert asked.effects == ()
    assert asked.job == replace(job(State.DONE), conversation=replace(_talk(job(State.DONE)), end_due_at=NOW + HOUR))
    assert decided(asked.job, WISH, NOW + 2 * HOUR) == Decision(asked.job)


@pytest.mark.parametrize("one", [job(), job(State.READY), job(State.HELD), opening()], ids=lambda one: one.state.value)
def test_where_there_is_no_conversation_none_is_ended(one: Job) -> None:
    with pytest.raises(IllegalTransition, match="no conversation"):
        decided(one, WISH)


def test_a_conversation_that_came_late_can_be_ended_for_it_bills() -> None:
    late = job(State.CANCELLED, conversation=Conversation(mark=talk(), id=CONVERSATION, url="https://t.example/c1"))
    assert decided(after(late, WISH), DUE).effects == (END,)


def test_whoever_works_on_it_has_a_lease_for_it_and_after_that_another_does() -> None:
    begun = decided(after(job(State.DONE), WISH), DUE)
    assert begun.effects == (END,)
    assert _talk(begun.job).end_due_at == NOW + RULES.lease
    assert decided(begun.job, DUE, NOW + RULES.lease - SECOND) == Decision(begun.job)
    assert decided(begun.job, DUE, NOW + RULES.lease).effects == (END,)


def test_what_is_over_is_over_and_asked_for_again_nothing_happens() -> None:
    over = decided(after(job(State.DONE), WISH, DUE), ENDED, NOW + MINUTE).job
    assert (_talk(over).ended_at, _talk(over).end_due_at) == (NOW + MINUTE, None)
    for event in (WISH, DUE, ENDED):
        assert decided(over, event, NOW + HOUR) == Decision(over)


def test_what_ended_by_itself_is_on_record_without_a_wish() -> None:
    assert _talk(after(job(State.DONE), ENDED)).ended_at == NOW


def test_a_wish_stands_until_tavus_answers() -> None:
    unread = ev.ConversationEndUnread(CONVERSATION, "503", retry_after=HOUR)
    waiting = after(job(State.DONE), WISH, DUE, unread)
    assert _talk(waiting).end_due_at == NOW + HOUR
    assert _talk(after(waiting, replace(unread, retry_after=None))).end_due_at == NOW + RULES.lease
    keyless = decided(waiting, replace(unread, account_fault=Failure.KEY_REJECTED))
    assert keyless.effects == (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)


def test_a_wish_is_over_when_what_tavus_shows_is_not_ours() -> None:
    declined = decided(after(job(State.DONE), WISH, DUE), ev.ConversationEndDeclined(CONVERSATION, "another name"))
    assert (_talk(declined.job).end_due_at, _talk(declined.job).ended_at) == (None, None)
    assert "another name" in declined.why


@pytest.mark.parametrize(
    "event",
    [
        ev.ConversationEndFellDue(OTHER),
        ev.ConversationEnded(OTHER),
        ev.ConversationEndDeclined(OTHER, "x"),
        ev.ConversationEndUnread(OTHER, "x"),
    ],
)
def test_news_of_another_conversation_changes_nothing(event: ev.Event) -> None:
    asked = after(job(State.DONE), WISH)
    assert decided(asked, event) == Decision(asked)


@pytest.mark.parametrize("event", [ev.ConversationEndDeclined(CONVERSATION, "x"), ev.ConversationEndUnread(CONVERSATION, "x")])
def test_an_answer_to_a_wish_that_is_over_changes_nothing(event: ev.Event) -> None:
    over = after(job(State.DONE), WISH, ENDED)
    assert decided(over, event) == Decision(over)
