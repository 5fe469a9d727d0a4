"""What people ask for: nothing that was, or may have been, paid is lost sight of or paid for again."""

from dataclasses import replace

import pytest

from tests.worker.core.samples import (
    CONVERSATION,
    HOUR,
    MINUTE,
    NOW,
    REPLICA,
    RULES,
    URL,
    after,
    attempt,
    decided,
    job,
    mark,
    opening,
    talk,
)
from worker.core import events as ev
from worker.core.decision import IllegalTransition
from worker.core.effects import CheckInput, EndConversation, LookUpConversation, LookUpMark, PollReplica, SubmitReplica
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Conversation, Job, Outcome
from worker.core.states import FINAL, State

CANCEL = ev.CancelRequested()
RELEASE = ev.ReleaseRequested()
LATER = NOW + HOUR


@pytest.mark.parametrize("state", [State.QUEUED, State.TRAINING, State.READY, State.OPENING, State.HELD])
def test_a_cancelled_job_ends_and_keeps_its_replica_on_record(state: State) -> None:
    before = job(state)
    ended = decided(before, CANCEL)
    assert (ended.job.state, ended.effects) == (State.CANCELLED, ())
    assert ended.job.attempts == before.attempts
    assert (ended.job.due_at is None) is (state is not State.TRAINING), "a training is watched to its end"


def test_a_cancelled_training_says_what_stays_at_tavus() -> None:
    assert "r1 stays at Tavus" in decided(job(State.TRAINING), CANCEL).why


def test_cancelling_twice_is_cancelling_once() -> None:
    assert decided(job(State.CANCELLED), CANCEL).job == job(State.CANCELLED)


@pytest.mark.parametrize("state", [State.DONE, State.ABANDONED])
def test_a_job_that_is_over_cannot_be_cancelled_and_its_caller_is_told_what_to_do(state: State) -> None:
    with pytest.raises(IllegalTransition, match="enqueue a new one"):
        decided(job(state), CANCEL)


def test_a_cancelled_submission_is_first_found_out_about() -> None:
    asked = decided(job(State.SUBMITTING), CANCEL).job
    assert (asked.state, asked.due_at) == (State.SUBMITTING, NOW + RULES.lease)
    assert decided(asked, ev.FellDue(), LATER).effects == (LookUpMark("main", mark()),)


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([ev.SubmissionAccepted(mark(), REPLICA)], Outcome.CHARGED),
        ([ev.MarkFound(mark(), REPLICA)], Outcome.CHARGED),
        ([ev.SubmissionRefused(mark(), Failure.OUT_OF_CREDIT, "402")], Outcome.REFUSED),
        ([ev.MarkAbsent(mark())] * RULES.settle_scans, Outcome.ABSENT),
    ],
)
def test_a_cancelled_submission_ends_once_its_outcome_is_known(answers: list[ev.Event], outcome: Outcome) -> None:
    asked = decided(job(State.SUBMITTING), CANCEL).job
    ended = after(asked, *answers, now=LATER)
    assert (ended.state, ended.attempt.outcome) == (State.CANCELLED, outcome)
    assert ended.replica_id == (REPLICA if outcome is Outcome.CHARGED else None)
    assert (ended.due_at is None) is (outcome is not Outcome.CHARGED), "a training is watched to its end"


def test_a_cancelled_opening_ends_once_it_is_known_whether_a_conversation_bills() -> None:
    asked = decided(opening(), CANCEL).job
    assert asked.state is State.OPENING
    assert after(asked, ev.ConversationRefused(talk(), Failure.CONVERSATIONS_FULL, "400")).state is State.CANCELLED
    assert after(asked, *[ev.ConversationAbsent(talk())] * RULES.settle_scans, now=LATER).state is State.CANCELLED


def test_a_conversation_that_opens_after_its_job_was_cancelled_is_ended() -> None:
    for word in (ev.ConversationOpened(talk(), CONVERSATION, URL), ev.ConversationFound(talk(), CONVERSATION, URL)):
        ended = after(opening(), CANCEL, word, now=LATER)
        assert (ended.state, ended.due_at) == (State.CANCELLED, None)
        assert ended.conversation is not None
        assert (ended.conversation.id, ended.conversation.end_due_at) == (CONVERSATION, LATER)
        asked = decided(ended, ev.ConversationEndFellDue(CONVERSATION), LATER)
        assert asked.effects == (EndConversation("main", CONVERSATION, talk()),)
        assert after(asked.job, ev.ConversationEnded(CONVERSATION), now=LATER).conversation != ended.conversation


def test_a_cancelled_job_that_a_person_releases_looks_for_the_conversation_that_may_be_open() -> None:
    held = _held_at(release_to=State.OPENING, conversation=Conversation(mark=talk(), intended_at=NOW), cancel_requested=True)
    released = after(held, RELEASE, now=LATER)
    assert (released.state, released.cancel_requested) == (State.OPENING, True)
    assert decided(released, ev.FellDue(), LATER).effects == (LookUpConversation("main", talk()),)
    gone = after(released, *[ev.ConversationAbsent(talk())] * RULES.settle_scans, now=LATER)
    assert (gone.state, gone.conversation) == (State.CANCELLED, None)


def _held(failure: Failure, **changes: object) -> Job:
    return job(State.HELD, failure=failure, release_to=POLICIES[failure].release_to, **changes)


@pytest.mark.parametrize("failure", [f for f in Failure if POLICIES[f].release_to is not None])
def test_a_released_job_goes_on_where_its_failure_says_with_every_patience_anew(failure: Failure) -> None:
    submitting = POLICIES[failure].release_to is State.SUBMITTING
    attempts = (attempt(1, Outcome.RESERVED if submitting else Outcome.FAILED),)
    freed = decided(_held(failure, attempts=attempts, tries=5, scans=5, missing_since=NOW), RELEASE, LATER).job
    assert freed.state is POLICIES[failure].release_to
    assert freed.due_at == LATER
    assert (freed.tries, freed.scans, freed.missing_since, freed.failure) == (0, 0, None, None)


def test_a_replica_that_turned_up_while_the_job_was_held_is_followed_and_not_paid_for_again() -> None:
    held = _held(Failure.SUBMISSION_LOST, attempts=(attempt(1, Outcome.ABSENT),))
    found = after(held, ev.SubmissionAccepted(mark(), REPLICA), RELEASE, now=LATER)
    assert found.state is State.TRAINING
    assert decided(found, ev.FellDue(), LATER).effects == (PollReplica("main", REPLICA, "phoenix-4"),)


def _unreadable(one: Job) -> Job:
    """The job after its list could not be read for longer than anybody waits."""
    unread = ev.LookupUnread(mark(), "500")
    return after(after(one, unread), unread, now=NOW + RULES.lookup_patience)


def test_a_submission_whose_list_was_not_read_is_looked_for_again_when_it_is_released() -> None:
    held = _unreadable(job(State.SUBMITTING))
    released = after(held, RELEASE, now=LATER)
    assert (held.state, released.state) == (State.HELD, State.SUBMITTING)
    assert decided(released, ev.FellDue(), LATER).effects == (LookUpMark("main", mark()),)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.ABSENT])
def test_a_settled_attempt_is_not_looked_up_again_by_a_release(outcome: Outcome) -> None:
    held = job(State.HELD, attempts=(attempt(1, outcome),), failure=Failure.LOOKUP_UNREAD, release_to=State.SUBMITTING)
    released = after(held, RELEASE, now=LATER)
    assert released.state is State.QUEUED, "there is nothing to find"
    told = after(released, *[ev.MarkAbsent(mark())] * RULES.settle_scans, now=LATER + HOUR)
    assert told.attempt.outcome is outcome, "what is known of its money stays known"


@pytest.mark.parametrize("failure", [f for f in Failure if POLICIES[f].action is Action.STOP_ACCOUNT])
def test_a_resumed_account_frees_the_jobs_that_it_held(failure: Failure) -> None:
    resumed = decided(job(State.HELD, failure=failure, release_to=State.QUEUED), ev.AccountResumed(), LATER).job
    assert (resumed.state, resumed.due_at) == (State.QUEUED, LATER)


@pytest.mark.parametrize("failure", [f for f in Failure if POLICIES[f].action is not Action.STOP_ACCOUNT])
def test_a_resumed_account_leaves_alone_what_was_held_for_another_reason(failure: Failure) -> None:
    held = job(State.HELD, failure=failure)
    assert decided(held, ev.AccountResumed(), LATER).job == held


_TALKS = Conversation(mark=talk(), id=CONVERSATION, url=URL)
HELD_AT: dict[str, tuple[State, Job]] = {
    "in the queue": (State.QUEUED, job(State.HELD, attempts=(), release_to=State.QUEUED)),
    "with a lost submission": (State.SUBMITTING, job(State.HELD, attempts=(attempt(),), release_to=State.SUBMITTING)),
    "in training": (State.TRAINING, job(State.HELD, attempts=(attempt(1, Outcome.CHARGED),), release_to=State.TRAINING)),
    "at its conversation": (State.OPENING, job(State.HELD, attempts=(attempt(1, Outcome.TRAINED),), release_to=State.OPENING)),
    "with its conversation": (
        State.DONE, job(State.HELD, attempts=(attempt(1, Outcome.TRAINED),), release_to=State.OPENING, conversation=_TALKS),
    ),
    "and cancelled": (State.CANCELLED, job(State.HELD, release_to=State.QUEUED, cancel_requested=True)),
}  # fmt: skip


@pytest.mark.parametrize("word", [RELEASE, ev.AccountResumed()], ids=["released", "resumed"])
@pytest.mark.parametrize("held", HELD_AT)
def test_a_job_that_its_account_stopped_goes_on_from_wherever_it_was_held(held: str, word: ev.Event) -> None:
    state, before = HELD_AT[held]
    gone_on = decided(replace(before, failure=Failure.KEY_REJECTED), word, LATER).job
    assert gone_on.state is state
    assert gone_on.due_at == (LATER if state not in FINAL else None)
    assert gone_on.attempts == before.attempts


def test_a_job_that_a_person_gives_up_keeps_the_reason_why_it_was_held() -> None:
    given_up = decided(job(State.HELD, detail="nobody knows"), ev.AbandonRequested()).job
    assert (given_up.state, given_up.failure, given_up.detail) == (State.ABANDONED, Failure.UNRECOGNISED, "nobody knows")
    assert given_up.attempts == job(State.HELD).attempts


@pytest.mark.parametrize("state", sorted(set(State) - {State.HELD}))
@pytest.mark.parametrize("event", [RELEASE, ev.AbandonRequested()])
def test_only_a_held_job_can_be_released_or_given_up(state: State, event: ev.Event) -> None:
    with pytest.raises(IllegalTransition, match="Only a held job"):
        decided(job(state), event)


def test_a_cancelled_submission_that_a_person_releases_does_not_go_on_to_bill() -> None:
    held = _unreadable(after(job(State.SUBMITTING), CANCEL))
    released = after(held, ev.SubmissionAccepted(mark(), REPLICA), RELEASE, now=LATER)
    assert (held.state, released.state) == (State.HELD, State.CANCELLED)
    trained = after(released, ev.TrainingCompleted(REPLICA), now=LATER + MINUTE)
    assert (trained.state, trained.attempt.outcome) == (State.CANCELLED, Outcome.TRAINED)


def _held_at(outcome: Outcome = Outcome.TRAINED, **changes: object) -> Job:
    """A job that is held because a list could not be read."""
    return job(State.HELD, attempts=(attempt(1, outcome),), failure=Failure.LOOKUP_UNREAD, **changes)


def test_a_held_job_that_is_cancelled_is_first_found_out_about_where_its_last_request_may_have_been_done() -> None:
    asked = decided(_held_at(Outcome.RESERVED, release_to=State.SUBMITTING), CANCEL, LATER).job
    assert (asked.state, asked.due_at, asked.cancel_requested) == (State.SUBMITTING, LATER, True)
    assert decided(asked, ev.FellDue(), LATER).effects == (LookUpMark("main", mark()),)
    outstanding = Conversation(mark=talk(), intended_at=NOW)
    talking = decided(_held_at(release_to=State.OPENING, conversation=outstanding), CANCEL, LATER).job
    assert (talking.state, talking.due_at, talking.cancel_requested) == (State.OPENING, LATER, True)
    assert decided(talking, ev.FellDue(), LATER).effects == (LookUpConversation("main", talk()),)
    ended = after(talking, *[ev.ConversationAbsent(talk())] * RULES.settle_scans, now=LATER)
    assert (ended.state, ended.due_at) == (State.CANCELLED, None)


def test_a_release_pays_again_only_after_the_input_was_checked_again() -> None:
    released = after(job(State.HELD), RELEASE, now=LATER)
    assert decided(released, ev.FellDue(), LATER).effects == (CheckInput(),)
    (effect,) = decided(released, ev.InputPassed(), LATER).effects
    assert isinstance(effect, SubmitReplica)
    assert effect.mark == mark(2)
