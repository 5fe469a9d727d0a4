"""The link: opened for a person who is there, once, anew when it has ended, so often a day at most, and for nobody who has left."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.worker.core.samples import (
    CONVERSATION,
    HOUR,
    MINUTE,
    NOW,
    RULES,
    SECOND,
    URL,
    after,
    attempt,
    decided,
    doomed,
    job,
    opening,
    request,
    talk,
)
from worker.core import events as ev
from worker.core.decision import Decision, IllegalTransition
from worker.core.effects import LookAtConversation, OpenConversation, TellCaller
from worker.core.failures import Failure
from worker.core.job import Conversation, Job, Outcome
from worker.core.request import Start
from worker.core.states import State
from worker.core.visiting import SHUTDOWN, OpeningsSpentError, has_left

VISIT, LOOK, LEFT, ENDED = ev.LinkVisited(), ev.LinkVisited(opens=False), ev.VisitorLeft(), ev.ConversationEnded(CONVERSATION)
ON_DEMAND = request(start=Start.ON_DEMAND)
ASK = LookAtConversation("main", CONVERSATION, talk())


def held_talk(**changes: object) -> Job:
    """A job whose conversation was opened on demand an hour ago."""
    conversation = Conversation(mark=talk(), id=CONVERSATION, url=URL, opened_at=NOW - HOUR)
    return job(State.DONE, request=ON_DEMAND, conversation=replace(conversation, **changes))  # type: ignore[arg-type]


def day_of(visits: int, begin: datetime = NOW) -> Job:
    """A job whose link has opened so many conversations, an hour apart, each of which has ended."""
    one = job(State.READY)
    for number in range(1, visits + 1):
        when = begin + number * MINUTE
        opened = ev.ConversationOpened(talk(number), CONVERSATION, URL)
        one = after(one, VISIT, ev.FellDue(), opened, ENDED, now=when)
        assert one.state is State.DONE
    return one


def test_a_visit_of_a_ready_job_opens_its_conversation_and_is_no_wish_that_outlives_the_visitor() -> None:
    came = decided(job(State.READY), VISIT).job
    assert (came.state, came.due_at, came.visited_at, came.openings) == (State.OPENING, NOW, NOW, (NOW,))
    assert not came.conversation_wanted
    [effect] = decided(came, ev.FellDue()).effects
    assert isinstance(effect, OpenConversation)
    assert effect.job_id == came.id


def test_who_only_looks_opens_nothing() -> None:
    ended = after(held_talk(), ENDED)
    for one in (job(State.READY), ended):
        assert decided(one, LOOK) == Decision(one)


@pytest.mark.parametrize("state", [one for one in State if one not in {State.READY, State.DONE}])
def test_a_visit_changes_nothing_before_the_replica_is_trained_or_once_the_job_is_over(state: State) -> None:
    assert decided(job(state, request=ON_DEMAND), VISIT) == Decision(job(state, request=ON_DEMAND))


def test_a_visit_while_one_is_open_asks_whether_it_goes_on_and_opens_no_other() -> None:
    assert decided(held_talk(), VISIT) == Decision(held_talk(), (ASK,))
    assert decided(held_talk(), LOOK) == Decision(held_talk(), (ASK,))
    goes_on = decided(held_talk(), ev.ConversationContinued(CONVERSATION))
    assert goes_on == Decision(held_talk())


def test_a_conversation_that_was_opened_just_now_is_there_whatever_a_look_would_say() -> None:
    fresh = held_talk(opened_at=NOW)
    assert decided(fresh, VISIT, NOW + SECOND) == Decision(fresh)
    assert decided(fresh, VISIT, NOW + MINUTE).effects == (ASK,)
    assert decided(held_talk(opened_at=None), VISIT).effects == (ASK,)


def test_when_it_has_ended_the_next_visit_opens_another_under_a_new_mark() -> None:
    again = decided(after(held_talk(), ENDED), VISIT).job
    assert again.state is State.OPENING
    assert again.conversation == Conversation(mark=talk(2))
    assert again.openings == (NOW,)


def test_a_conversation_in_test_mode_is_born_ended_and_opened_once() -> None:
    tested = replace(held_talk(), request=replace(ON_DEMAND, conversation={"test_mode": True}))
    over = after(tested, ENDED)
    assert decided(over, VISIT) == Decision(over)


@pytest.mark.parametrize("start", [Start.ON_READY, Start.NONE])
def test_only_a_job_on_demand_has_a_link(start: Start) -> None:
    one = replace(after(held_talk(), ENDED), request=request(start=start))
    assert decided(one, VISIT) == Decision(one)


def test_a_job_that_is_done_without_a_conversation_has_none_to_open_again() -> None:
    one = job(State.DONE, request=ON_DEMAND, conversation=None)
    assert decided(one, VISIT) == Decision(one)


def test_a_link_opens_so_many_conversations_in_any_day_and_says_when_the_next() -> None:
    spent = day_of(RULES.openings_a_day)
    first = spent.openings[0]
    with pytest.raises(OpeningsSpentError) as raised:
        decided(spent, VISIT, NOW + HOUR)
    assert raised.value.until == first + timedelta(days=1)
    assert "10 conversations" in raised.value.reason
    reopened = decided(spent, VISIT, raised.value.until).job
    assert len(reopened.openings) == RULES.openings_a_day


def test_a_limit_that_was_lowered_counts_what_was_opened_before() -> None:
    spent, two = day_of(4), replace(RULES, openings_a_day=2)
    with pytest.raises(OpeningsSpentError) as raised:
        decided(spent, VISIT, NOW + HOUR, two)
    assert raised.value.until == spent.openings[2] + timedelta(days=1)
    assert decided(spent, VISIT, raised.value.until, two).job.state is State.OPENING


@pytest.mark.parametrize(
    "one", [doomed(State.READY), replace(after(held_talk(), ENDED), attempts=doomed().attempts)], ids=["first", "again"]
)
def test_a_replica_that_is_about_to_be_deleted_is_not_talked_to(one: Job) -> None:
    with pytest.raises(IllegalTransition, match="deleted"):
        decided(one, VISIT)


def test_who_waits_and_leaves_has_nothing_opened_and_it_does_not_count() -> None:
    waiting = after(job(State.READY), VISIT)
    assert not has_left(waiting, NOW + RULES.visit_patience, RULES)
    assert has_left(waiting, NOW + RULES.visit_patience + SECOND, RULES)
    back = decided(waiting, LEFT).job
    assert (back.state, back.due_at, back.openings) == (State.READY, None, ())
    assert decided(back, VISIT).job.state is State.OPENING


def test_a_full_account_keeps_the_visitor_waiting_in_line() -> None:
    full = ev.ConversationRefused(talk(), Failure.CONVERSATIONS_FULL, "400")
    waiting = after(job(State.READY), VISIT, ev.FellDue(), full)
    assert (waiting.state, waiting.failure) == (State.OPENING, Failure.CONVERSATIONS_FULL)
    assert decided(waiting, LEFT).job.state is State.READY


def test_what_a_caller_asked_for_does_not_leave_with_a_visitor() -> None:
    wanted = after(job(State.READY), ev.ConversationRequested())
    assert not has_left(replace(wanted, visited_at=NOW), NOW + HOUR, RULES)
    assert not has_left(wanted, NOW + HOUR, RULES)


def test_a_post_that_may_have_arrived_is_looked_for_though_the_visitor_has_left() -> None:
    assert decided(opening(), LEFT) == Decision(opening())


def test_word_of_the_end_is_asked_about_before_it_is_believed() -> None:
    told = decided(held_talk(), ev.ConversationTold(talk(), SHUTDOWN, CONVERSATION, "shutdown_reason participant_left_timeout"))
    assert told.job == held_talk()
    assert told.effects == (ASK,)
    assert told.why == f"Tavus tells of {CONVERSATION}: {SHUTDOWN} (shutdown_reason participant_left_timeout)"


def test_word_of_a_conversation_is_passed_on_to_who_asked_for_it_and_asked_about_all_the_same() -> None:
    heard = ev.ConversationTold(
        talk(), SHUTDOWN, CONVERSATION, "shutdown_reason max_call_duration", {"shutdown_reason": "max_call_duration"}
    )
    asked = request(notify_url="https://caller.example/told", notify_conversation_events=True)
    told = decided(replace(held_talk(), request=asked), heard)
    [word] = [effect for effect in told.effects if isinstance(effect, TellCaller)]
    assert (word.kind, word.about["conversation_id"], word.about["properties"]) == (
        "conversation.system.shutdown",
        CONVERSATION,
        heard.body,
    )
    assert ASK in told.effects
    for others in (replace(asked, notify_url=None), replace(asked, notify_conversation_events=False)):
        assert decided(replace(held_talk(), request=others), heard).effects == (ASK,)


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (held_talk(), ev.ConversationTold(talk(), "application.transcription_ready", CONVERSATION, "3 turns")),
        (held_talk(), ev.ConversationTold(talk(9), SHUTDOWN)),
        (after(held_talk(), ENDED), ev.ConversationTold(talk(), SHUTDOWN)),
        (opening(), ev.ConversationTold(talk(), SHUTDOWN)),
        (job(State.QUEUED), ev.ConversationTold(talk(), SHUTDOWN)),
        (job(State.CANCELLED, attempts=(attempt(1, Outcome.TRAINED),)), ev.ConversationTold(talk(), SHUTDOWN)),
    ],
    ids=["a transcript", "of another", "known to be over", "before its answer", "of none", "cancelled"],
)
def test_every_other_word_is_kept_in_the_story_and_moves_nothing(one: Job, word: ev.ConversationTold) -> None:
    told = decided(one, word)
    assert (told.job, told.effects) == (one, ())
    assert word.kind in told.why
