"""A person tries an abandoned job again: what may still be paid is not paid beside it, and no conversation opens that nobody wanted."""

import pytest

from tests.worker.core.samples import (
    CONVERSATION,
    HOUR,
    NOW,
    REPLICA,
    RULES,
    URL,
    after,
    attempt,
    decided,
    doomed,
    job,
    mark,
    request,
    talk,
)
from worker.core import events as ev
from worker.core.decision import IllegalTransition
from worker.core.effects import CheckInput, LookUpConversation, SubmitReplica
from worker.core.failures import Failure
from worker.core.job import Conversation, Outcome
from worker.core.request import Start
from worker.core.states import State

CANCEL = ev.CancelRequested()
RELEASE = ev.ReleaseRequested()
LATER = NOW + HOUR
RETRY = ev.RetryRequested()
FRESH = {"train_image_url": "https://pictures.example/better.jpg", "voice_name": "anna", "model_name": "phoenix-4"}


def test_an_abandoned_job_that_is_tried_again_is_queued_and_keeps_its_story_of_money() -> None:
    again = decided(job(State.ABANDONED), RETRY, LATER).job
    assert (again.state, again.due_at, again.failure) == (State.QUEUED, LATER, None)
    assert again.attempts == job(State.ABANDONED).attempts
    assert again.request == job(State.ABANDONED).request
    (effect,) = decided(again, ev.InputPassed(), LATER).effects
    assert isinstance(effect, SubmitReplica)
    assert effect.mark == mark(2)


def test_new_input_takes_the_place_of_the_old_and_its_addresses_are_not_shown() -> None:
    asked = ev.RetryRequested(FRESH)
    again = decided(job(State.ABANDONED), asked, LATER)
    assert again.job.request.replica == FRESH
    assert again.job.request.conversation == job().request.conversation
    assert "new input" in again.why
    assert "better.jpg" not in f"{asked!r} {again.why}"


@pytest.mark.parametrize("outcome", [Outcome.RESERVED, Outcome.CHARGED])
def test_what_may_still_be_paid_for_is_not_paid_for_beside_it(outcome: Outcome) -> None:
    with pytest.raises(IllegalTransition, match="wait until its training has ended"):
        decided(job(State.ABANDONED, due_at=NOW, attempts=(attempt(1, outcome),)), RETRY)


def test_an_abandoned_job_whose_replica_is_trained_opens_its_conversation_when_it_is_tried_again() -> None:
    trained = job(State.ABANDONED, attempts=(attempt(1, Outcome.TRAINED),), failure=Failure.CONVERSATION_REFUSED)
    again = decided(trained, RETRY, LATER).job
    assert (again.state, again.due_at, again.replica_id) == (State.OPENING, LATER, REPLICA)
    with pytest.raises(IllegalTransition, match="needs no new input"):
        decided(trained, ev.RetryRequested(FRESH))


def test_a_conversation_that_may_be_there_is_looked_for_when_the_job_is_tried_again() -> None:
    lost = Conversation(mark=talk(), intended_at=NOW, lost=2)
    again = after(job(State.ABANDONED, attempts=(attempt(1, Outcome.TRAINED),), conversation=lost), RETRY, now=LATER)
    assert decided(again, ev.FellDue(), LATER).effects == (LookUpConversation("main", talk()),)


@pytest.mark.parametrize(
    ("start", "becomes", "wish"),
    [
        (Start.NONE, State.DONE, {}),
        (Start.ON_DEMAND, State.READY, {}),
        (Start.NONE, State.OPENING, {"conversation_wanted": True}),
        (Start.ON_DEMAND, State.OPENING, {"conversation_wanted": True}),
    ],
)
def test_a_trained_replica_opens_no_conversation_that_nobody_wanted_when_it_is_tried_again(
    start: Start, becomes: State, wish: dict[str, bool]
) -> None:
    trained = job(
        State.ABANDONED,
        attempts=(attempt(1, Outcome.TRAINED),),
        request=request(start=start),
        cancel_requested=True,
        **wish,
    )
    again = decided(trained, RETRY, LATER).job
    assert (again.state, again.cancel_requested, again.failure) == (becomes, False, None)


@pytest.mark.parametrize("start", Start)
def test_a_conversation_that_may_be_open_is_looked_for_though_nobody_wanted_one(start: Start) -> None:
    lost = job(
        State.ABANDONED,
        attempts=(attempt(1, Outcome.TRAINED),),
        request=request(start=start),
        conversation=Conversation(mark=talk(), intended_at=NOW),
    )
    again = decided(lost, RETRY, LATER).job
    assert decided(again, ev.FellDue(), LATER).effects == (LookUpConversation("main", talk()),)


def test_a_job_whose_replica_is_about_to_be_deleted_is_not_tried_again() -> None:
    with pytest.raises(IllegalTransition, match="about to be deleted"):
        decided(doomed(State.ABANDONED), RETRY)


def test_a_job_whose_trained_replica_is_deleted_is_paid_for_anew_when_it_is_tried_again() -> None:
    gone = job(State.ABANDONED, attempts=(attempt(1, Outcome.TRAINED, deleted_at=NOW),))
    again = after(gone, ev.RetryRequested(FRESH), now=LATER)
    (effect,) = decided(again, ev.InputPassed(), LATER).effects
    assert isinstance(effect, SubmitReplica)


def test_a_job_whose_replica_vanished_is_paid_for_anew_when_it_is_tried_again() -> None:
    gone = job(State.ABANDONED, attempts=(attempt(1, Outcome.CHARGED, vanished_at=NOW),))
    again = after(gone, ev.RetryRequested(FRESH), now=LATER)
    assert decided(again, ev.FellDue(), LATER).effects == (CheckInput(),)
    (effect,) = decided(again, ev.InputPassed(), LATER).effects
    assert isinstance(effect, SubmitReplica)


def test_a_job_that_has_its_conversation_does_not_open_another_when_it_is_tried_again() -> None:
    talks = Conversation(mark=talk(), id=CONVERSATION, url=URL)
    has = job(State.ABANDONED, attempts=(attempt(1, Outcome.TRAINED),), conversation=talks)
    again = after(has, RETRY, now=LATER)
    assert (again.state, again.due_at, again.conversation) == (State.DONE, None, talks)


def test_what_was_tried_before_a_persons_retry_does_not_use_up_what_may_be_lost_after_it() -> None:
    lost = tuple(attempt(n, Outcome.ABSENT) for n in range(1, RULES.max_lost_attempts + 1))
    held = job(State.HELD, attempts=lost, failure=Failure.SUBMISSION_LOST, release_to=State.QUEUED)
    for again in (after(held, RELEASE), after(held, ev.AbandonRequested(), RETRY)):
        assert again.patient_from == len(lost) + 1
        posted = after(again, ev.InputPassed())
        gone = after(posted, *[ev.MarkAbsent(posted.attempt.mark)] * RULES.settle_scans, now=NOW + RULES.settle_time)
        assert (gone.state, gone.failure) == (State.QUEUED, None)
