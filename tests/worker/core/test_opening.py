"""One conversation a job: none is asked for while an earlier one may have been opened."""

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
    job,
    mark,
    opening,
    request,
    talk,
)
from worker.core import events as ev
from worker.core.decision import IllegalTransition
from worker.core.effects import LookUpConversation, OpenConversation, StopAccount
from worker.core.failures import Failure
from worker.core.job import Conversation, ConversationId, Job, Outcome, ReplicaId
from worker.core.marks import mark_in
from worker.core.states import State

SETTLED = NOW + RULES.settle_time
OPENED = ev.ConversationOpened(talk(), CONVERSATION, URL)
REFUSED = ev.ConversationRefused(talk(), Failure.CONVERSATIONS_FULL, "400")


def _posts(one: Job) -> bool:
    """Whether the job, when it next falls due, asks for a conversation."""
    return any(isinstance(effect, OpenConversation) for effect in decided(one, ev.FellDue()).effects)


def test_the_intent_is_in_the_job_before_the_conversation_is_asked_for() -> None:
    due = decided(job(State.OPENING), ev.FellDue())
    assert due.job.conversation == Conversation(mark=talk(), intended_at=NOW)
    assert due.job.due_at == NOW + RULES.lease
    (effect,) = due.effects
    assert isinstance(effect, OpenConversation)
    assert (effect.account, effect.mark, effect.body["replica_id"], effect.body["persona_id"]) == ("main", talk(), "r1", "p1")


def test_the_callers_name_of_the_conversation_is_kept_in_front_of_the_mark() -> None:
    named = request(conversation={"conversation_name": "Ann & Bob"})
    (effect,) = decided(job(State.OPENING, request=named), ev.FellDue()).effects
    assert isinstance(effect, OpenConversation)
    assert effect.body["conversation_name"].startswith("Ann-Bob-")
    assert mark_in(effect.body["conversation_name"]) == talk()


def test_an_opened_conversation_is_what_the_job_was_for() -> None:
    done = decided(opening(), OPENED).job
    assert (done.state, done.due_at) == (State.DONE, None)
    assert done.conversation == Conversation(mark=talk(), id=CONVERSATION, url=URL, opened_at=NOW)


def test_a_lost_conversation_is_looked_for_and_not_asked_for_again() -> None:
    lost, now = decided(opening(), ev.ConversationLost(talk(), "cut")).job, NOW
    for _ in range(20):
        assert lost.due_at is not None
        assert now < lost.due_at <= now + max(RULES.settle_time / 4, RULES.retry_cap)
        now = lost.due_at
        looked = decided(lost, ev.FellDue(), now)
        assert looked.effects == (LookUpConversation("main", talk()),)
        lost = decided(looked.job, ev.ConversationUnread(talk(), "500"), now).job
    assert decided(lost, ev.ConversationFound(talk(), CONVERSATION, URL), now).job.state is State.DONE


def test_an_absence_is_believed_after_enough_scans_over_the_whole_settle_time() -> None:
    absent = [ev.ConversationAbsent(talk())] * RULES.settle_scans
    for almost in (after(opening(), *absent * 3, now=SETTLED - SECOND), after(opening(), *absent[1:], now=SETTLED)):
        assert decided(almost, ev.FellDue(), SETTLED).effects == (LookUpConversation("main", talk()),)
    gone = after(opening(), *absent, now=SETTLED)
    (effect,) = decided(gone, ev.FellDue(), SETTLED).effects
    assert isinstance(effect, OpenConversation)
    assert effect.mark == talk(2)


def _swallowed(one: Job) -> Job:
    """The job once its conversation's POST is proven to have come to nothing."""
    assert one.conversation is not None
    return after(one, *[ev.ConversationAbsent(one.conversation.mark)] * RULES.settle_scans, now=SETTLED)


def test_a_conversation_that_is_swallowed_each_time_is_put_before_a_person_who_starts_the_patience_anew() -> None:
    one, posts = job(State.OPENING), 0
    while one.state is State.OPENING and posts < 9:
        posts += _posts(one)
        one = _swallowed(after(one, ev.FellDue()))
    assert (one.state, one.failure, one.release_to, posts) == (
        State.HELD,
        Failure.CONVERSATION_LOST,
        State.OPENING,
        RULES.max_lost_attempts,
    )
    assert one.attempts == job(State.OPENING).attempts
    released = after(one, ev.ReleaseRequested())
    assert _posts(released)
    assert _swallowed(after(released, ev.FellDue())).state is State.OPENING


def test_conversations_that_were_refused_do_not_count_as_lost() -> None:
    one = job(State.OPENING)
    for _ in range(2 * RULES.max_lost_attempts):
        one = after(one, ev.FellDue())
        assert one.conversation is not None
        one = after(one, ev.ConversationRefused(one.conversation.mark, Failure.CONVERSATIONS_FULL, "400"))
    assert _swallowed(after(one, ev.FellDue())).state is State.OPENING


@pytest.mark.parametrize("fault", [None, Failure.KEY_REJECTED])
def test_a_list_that_cannot_be_read_for_long_is_put_before_a_person_and_nothing_is_opened_meanwhile(fault: Failure | None) -> None:
    unread = ev.ConversationUnread(talk(), "500", None, fault)
    patient = after(opening(), unread)
    assert after(patient, unread, now=NOW + RULES.lookup_patience - SECOND).state is State.OPENING
    held = decided(patient, unread, NOW + RULES.lookup_patience)
    assert (held.job.state, held.job.failure, held.job.release_to) == (State.HELD, Failure.LOOKUP_UNREAD, State.OPENING)
    assert bool(held.effects) is (fault is not None), "an account at fault is stopped all the same"
    released = after(held.job, ev.ReleaseRequested(), now=NOW + RULES.lookup_patience)
    assert decided(released, ev.FellDue()).effects == (LookUpConversation("main", talk()),)


def test_a_refused_conversation_is_asked_for_again_later_and_a_full_house_waits_ever_longer() -> None:
    one, waits = opening(), []
    for _ in range(10):
        assert one.conversation is not None
        refused = decided(one, ev.ConversationRefused(one.conversation.mark, Failure.CONVERSATIONS_FULL, "400")).job
        assert refused.state is State.OPENING
        assert refused.due_at is not None
        waits.append(refused.due_at - NOW)
        one = after(refused, ev.FellDue())
    assert waits[-1] >= RULES.retry_cap / 2
    assert waits[0] <= RULES.retry_base


def test_a_refusal_that_comes_twice_does_not_hide_the_post_that_followed_it() -> None:
    posted_again = after(opening(), REFUSED, ev.FellDue())
    told_again = after(posted_again, REFUSED, now=NOW + MINUTE)
    assert not _posts(told_again), "the second POST may have opened a conversation"


def test_a_scan_that_is_older_than_the_post_does_not_count_as_its_absence() -> None:
    posted_again = after(opening(), REFUSED, ev.FellDue())
    stale = after(posted_again, *[ev.ConversationAbsent(talk())] * RULES.settle_scans, now=SETTLED)
    assert not _posts(stale), "those scans were for the first POST"


def test_each_post_has_scans_of_its_own() -> None:
    looked_for = after(opening(), *[ev.ConversationAbsent(talk())] * (RULES.settle_scans - 1))
    second = after(looked_for, REFUSED, ev.FellDue())
    assert second.conversation is not None
    assert not _posts(after(second, ev.ConversationAbsent(second.conversation.mark), now=SETTLED))


def _outlives(failure: Failure) -> bool:
    try:
        refused = decided(opening(), ev.ConversationRefused(talk(), failure, "400")).job
    except IllegalTransition:
        return False
    held = refused.state is State.HELD
    freed = decided(refused, ev.ReleaseRequested(), NOW + HOUR).job if held else refused
    return freed.state is State.OPENING and freed.attempts == opening().attempts


def test_a_trained_replica_outlives_every_refusal_of_its_conversation_and_goes_on_where_it_was() -> None:
    assert [failure.value for failure in Failure if not _outlives(failure)] == []


def test_an_account_at_fault_stops_its_line_and_the_conversation_follows_when_it_is_resumed() -> None:
    refused = decided(opening(), ev.ConversationRefused(talk(), Failure.OUT_OF_CREDIT, "402"))
    assert refused.effects == (StopAccount("main", Failure.OUT_OF_CREDIT, deaf=False),)
    assert refused.job.state is State.HELD
    resumed = decided(refused.job, ev.AccountResumed(), NOW + HOUR).job
    assert (resumed.state, resumed.due_at) == (State.OPENING, NOW + HOUR)
    assert _posts(resumed)


def test_a_scan_that_the_account_is_to_blame_for_stops_its_line() -> None:
    unread = decided(opening(), ev.ConversationUnread(talk(), "401", HOUR, Failure.KEY_REJECTED))
    assert unread.effects == (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)
    assert (unread.job.state, unread.job.due_at) == (State.OPENING, NOW + HOUR)


def test_a_ready_replica_waits_until_its_conversation_is_asked_for() -> None:
    asked = decided(job(State.READY), ev.ConversationRequested(), NOW + HOUR).job
    assert (asked.state, asked.due_at) == (State.OPENING, NOW + HOUR)


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, State.TRAINING, State.HELD])
def test_a_conversation_that_is_asked_for_too_early_is_remembered(state: State) -> None:
    asked = decided(job(state), ev.ConversationRequested()).job
    assert asked.conversation_wanted
    assert (asked.state, asked.due_at) == (state, job(state).due_at)


def test_asking_twice_opens_one_conversation() -> None:
    assert decided(opening(), ev.ConversationRequested()).job == opening()


@pytest.mark.parametrize("state", [State.CANCELLED, State.ABANDONED, State.HELD])
def test_a_conversation_that_opened_after_the_job_moved_on_stays_on_record(state: State) -> None:
    gone = job(state, conversation=Conversation(mark=talk(), intended_at=NOW))
    late = decided(gone, OPENED).job
    assert late.conversation == Conversation(mark=talk(), id=CONVERSATION, url=URL, opened_at=NOW)
    assert late.state is state


def test_the_conversation_is_opened_with_the_trained_replica_whatever_else_turns_up() -> None:
    trained = job(State.OPENING, attempts=(attempt(1, Outcome.TRAINED), attempt(2, Outcome.ABSENT)))
    late = after(trained, ev.SubmissionAccepted(mark(2), ReplicaId("r2")))
    (effect,) = decided(late, ev.FellDue()).effects
    assert isinstance(effect, OpenConversation)
    assert effect.body["replica_id"] == "r1"


def test_a_conversation_of_an_earlier_post_is_told_since_it_bills() -> None:
    second = job(State.OPENING, conversation=Conversation(mark=talk(2), intended_at=NOW))
    late = decided(second, OPENED)
    assert CONVERSATION in f"{late.why} {late.job.conversation}"


def test_a_conversation_on_record_is_never_replaced() -> None:
    late = decided(job(State.DONE), ev.ConversationFound(talk(), ConversationId("c9"), "https://tavus.example/c9"))
    assert late.job == job(State.DONE)


def test_a_released_job_that_has_its_conversation_does_not_open_another() -> None:
    trained, has = job(State.OPENING).attempts, Conversation(mark=talk(), id=CONVERSATION, url=URL)
    held = job(State.HELD, attempts=trained, conversation=has, failure=Failure.CONVERSATION_REFUSED, release_to=State.OPENING)
    released = after(held, ev.ReleaseRequested(), now=NOW + HOUR)
    assert released.conversation == has
    assert released.state is State.DONE or not _posts(released)


def test_a_conversation_that_the_pace_holds_back_waits_without_a_try_and_is_told_of_once() -> None:
    held, one, told = ev.BudgetReached(Failure.PACED, "spent", 7 * MINUTE), job(State.OPENING), []
    for _ in range(3):
        decision = decided(one, held)
        told.append(bool(decision.why))
        one = decision.job
    assert told == [True, False, False]
    assert (one.state, one.due_at, one.failure, one.tries, one.conversation) == (State.OPENING, NOW + 7 * MINUTE, Failure.PACED, 0, None)
    assert _posts(one)


def test_what_the_pace_says_changes_nothing_while_a_conversation_may_be_open() -> None:
    asked = opening()
    assert decided(asked, ev.BudgetReached(Failure.PACED, "spent", MINUTE)).job == asked
