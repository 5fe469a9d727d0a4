"""What people ask for: nothing that was, or may have been, paid is lost sight of or paid for again."""

import pytest

from tests.worker.core.samples import HOUR, MINUTE, NOW, REPLICA, RULES, after, attempt, decided, job, mark, opening, talk
from worker.core import events as ev
from worker.core.decision import IllegalTransition
from worker.core.effects import CheckInput, LookUpMark, PollReplica, SubmitReplica
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Job, Outcome, ReplicaId
from worker.core.states import State

CANCEL = ev.CancelRequested()
RELEASE = ev.ReleaseRequested()
LATER = NOW + HOUR


@pytest.mark.parametrize("state", [State.QUEUED, State.TRAINING, State.READY, State.OPENING, State.HELD])
def test_a_cancelled_job_ends_and_keeps_its_replica_on_record(state: State) -> None:
    before = job(state)
    ended = decided(before, CANCEL)
    assert (ended.job.state, ended.job.due_at, ended.effects) == (State.CANCELLED, None, ())
    assert ended.job.attempts == before.attempts


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
    assert (ended.state, ended.due_at, ended.attempt.outcome) == (State.CANCELLED, None, outcome)
    assert ended.replica_id == (REPLICA if outcome is Outcome.CHARGED else None)


def test_a_cancelled_opening_ends_once_it_is_known_whether_a_conversation_bills() -> None:
    asked = decided(opening(), CANCEL).job
    assert asked.state is State.OPENING
    assert after(asked, ev.ConversationRefused(talk(), Failure.CONVERSATIONS_FULL, "400")).state is State.CANCELLED
    assert after(asked, *[ev.ConversationAbsent(talk())] * RULES.settle_scans, now=LATER).state is State.CANCELLED


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


def test_an_ambiguous_mark_is_looked_up_again_when_it_is_released() -> None:
    held = after(job(State.SUBMITTING), ev.MarkAmbiguous(mark(), (REPLICA, ReplicaId("r9"))))
    released = after(held, RELEASE, now=LATER)
    assert decided(released, ev.FellDue(), LATER).effects == (LookUpMark("main", mark()),)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.ABSENT])
def test_a_settled_attempt_is_not_looked_up_again_by_a_release(outcome: Outcome) -> None:
    twice = job(attempts=(attempt(1, Outcome.CHARGED), attempt(2, outcome)))
    released = after(twice, ev.FellDue(), RELEASE, now=LATER)
    told = after(released, *[ev.MarkAbsent(mark(2))] * RULES.settle_scans, now=LATER + HOUR)
    assert told.attempt.outcome is outcome, "what is known of its money stays known"
    assert (released.state, released.attempt.outcome) != (State.SUBMITTING, outcome), "there is nothing to find"


@pytest.mark.parametrize("failure", [f for f in Failure if POLICIES[f].action is Action.STOP_ACCOUNT])
def test_a_resumed_account_frees_the_jobs_that_it_held(failure: Failure) -> None:
    resumed = decided(job(State.HELD, failure=failure, release_to=State.QUEUED), ev.AccountResumed(), LATER).job
    assert (resumed.state, resumed.due_at) == (State.QUEUED, LATER)


@pytest.mark.parametrize("failure", [f for f in Failure if POLICIES[f].action is not Action.STOP_ACCOUNT])
def test_a_resumed_account_leaves_alone_what_was_held_for_another_reason(failure: Failure) -> None:
    held = job(State.HELD, failure=failure)
    assert decided(held, ev.AccountResumed(), LATER).job == held


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
    asked = after(job(State.SUBMITTING), CANCEL, ev.MarkAmbiguous(mark(), (REPLICA, ReplicaId("r9"))))
    released = after(asked, ev.SubmissionAccepted(mark(), REPLICA), RELEASE, now=LATER)
    trained = after(released, ev.TrainingCompleted(REPLICA), now=LATER + MINUTE)
    assert trained.state in {State.CANCELLED, State.DONE}


def test_a_release_pays_again_only_after_the_input_was_checked_again() -> None:
    released = after(job(State.HELD), RELEASE, now=LATER)
    assert decided(released, ev.FellDue(), LATER).effects == (CheckInput(),)
    (effect,) = decided(released, ev.InputPassed(), LATER).effects
    assert isinstance(effect, SubmitReplica)
    assert effect.mark == mark(2)
