"""Every replica that was paid for is put on record and followed to its end; a callback's word is asked after before it is believed."""

from typing import Any

import pytest

from tests.worker.core.samples import FOREIGN, HOUR, MINUTE, NOW, REPLICA, RULES, after, attempt, decided, job, mark, request
from worker.core import events as ev
from worker.core.decision import Decision
from worker.core.effects import CheckInput, LookUpMark, PollReplica, RenameReplica, VerifyWitness
from worker.core.failures import Failure
from worker.core.job import Job, Outcome, ReplicaId
from worker.core.rules import Rules
from worker.core.states import WATCHED, State

OTHER, THIRD = ReplicaId("r8"), ReplicaId("r9")
TWICE = ev.MarkAmbiguous(mark(), (REPLICA, OTHER, THIRD))
LATER = NOW + HOUR


# One mark on more than one replica.


@pytest.mark.parametrize("before", [job(State.SUBMITTING), job(attempts=(attempt(1, Outcome.ABSENT),))], ids=lambda one: str(one.state))
def test_of_the_replicas_with_one_mark_the_oldest_is_followed_and_a_person_is_told_of_the_others(before: Job) -> None:
    found = decided(before, TWICE)
    assert (found.job.state, found.job.failure) == (State.TRAINING, None)
    assert found.job.attempts == (attempt(1, Outcome.CHARGED, strays=(OTHER, THIRD)),)
    assert "r8, r9 was paid for" in found.why
    assert "a person should look" in found.why


def test_a_stray_is_told_of_once_however_often_it_is_seen() -> None:
    known = decided(job(State.SUBMITTING), TWICE).job
    for again in (ev.MarkFound(mark(), OTHER), ev.MarkFound(mark(), REPLICA)):
        assert decided(known, again) == Decision(known)
    assert decided(known, TWICE).job == known


@pytest.mark.parametrize("state", [State.TRAINING, State.READY, State.OPENING, State.DONE, State.HELD, State.ABANDONED, State.CANCELLED])
def test_a_second_replica_of_a_submission_is_on_record_beside_the_first_whatever_became_of_the_job(state: State) -> None:
    before = job(state)
    late = decided(before, ev.MarkFound(mark(), OTHER))
    assert (late.job.attempt.replica_id, late.job.attempt.strays) == (REPLICA, (OTHER,))
    assert (late.job.state, late.job.attempt.outcome) == (state, before.attempt.outcome)
    assert (late.job.due_at is None) is (before.due_at is None)
    assert "r8" in late.why


# An earlier submission that turns out to be paid.


def test_an_earlier_submission_that_turns_out_to_be_paid_is_followed_and_nothing_more_is_paid() -> None:
    queued = job(attempts=(attempt(1, Outcome.CHARGED), attempt(2, Outcome.REFUSED)))
    followed = decided(queued, ev.FellDue(), LATER)
    assert (followed.job.state, followed.effects) == (State.TRAINING, ())
    assert followed.job.replica_id == REPLICA
    assert followed.job.due_at is not None
    assert followed.job.due_at >= LATER
    assert decided(followed.job, ev.FellDue(), LATER).effects == (PollReplica("main", REPLICA, "phoenix-4"),)


def test_it_is_recorded_while_a_later_one_is_looked_for_and_followed_when_that_came_to_nothing() -> None:
    looking = job(State.SUBMITTING, attempts=(attempt(1, Outcome.ABSENT), attempt(2)))
    told = after(looking, ev.SubmissionAccepted(mark(1), REPLICA))
    assert (told.state, told.attempt.mark) == (State.SUBMITTING, mark(2))
    refused = after(told, ev.SubmissionRefused(mark(2), Failure.RATE_LIMITED, "429"))
    assert after(refused, ev.FellDue(), now=LATER).replica_id == REPLICA


def test_it_does_not_take_the_place_of_a_later_one_whose_job_is_held_over_it() -> None:
    held = job(State.HELD, attempts=(attempt(1, Outcome.ABSENT), attempt(2)), failure=Failure.LOOKUP_UNREAD, release_to=State.SUBMITTING)
    told = decided(held, ev.MarkDiscovered(mark(), REPLICA, NOW), LATER).job
    assert (told.state, told.attempts) == (State.HELD, (attempt(1, Outcome.CHARGED), attempt(2)))
    released = decided(told, ev.ReleaseRequested(), LATER).job
    assert decided(released, ev.FellDue(), LATER).effects == (LookUpMark("main", mark(2)),)


def test_it_is_followed_when_the_later_one_fails_and_its_failure_costs_nothing_more() -> None:
    both = job(State.TRAINING, attempts=(attempt(1, Outcome.CHARGED), attempt(2, Outcome.CHARGED)))
    failed = decided(both, ev.TrainingFailed(ReplicaId("r2"), Failure.CELEBRITY_FOUND, "a celebrity"), LATER)
    assert (failed.job.state, failed.job.replica_id) == (State.TRAINING, REPLICA)
    assert failed.job.attempts[1].outcome is Outcome.FAILED
    assert failed.job.attempts[1].deletable_at == LATER + RULES.refund_hold
    assert after(failed.job, ev.TrainingCompleted(REPLICA), now=LATER).state is State.OPENING


def test_it_is_looked_for_again_when_it_vanished_and_a_person_says_so_whatever_became_of_the_later_one() -> None:
    following = job(State.TRAINING, attempts=(attempt(1, Outcome.CHARGED), attempt(2, Outcome.REFUSED)))
    missing = ev.ReplicaMissing(REPLICA, "404")
    held = after(after(following, missing), missing, now=NOW + RULES.missing_confirm)
    assert (held.state, held.failure) == (State.HELD, Failure.REPLICA_VANISHED)
    released = after(held, ev.ReleaseRequested(), now=LATER)
    assert decided(released, ev.FellDue(), LATER).effects == (PollReplica("main", REPLICA, "phoenix-4"),)
    gone = after(after(released, missing, now=LATER), missing, now=LATER + RULES.missing_confirm)
    assert (gone.state, gone.failure) == (State.HELD, Failure.REPLICA_VANISHED)


def test_a_cancelled_job_does_not_follow_it_but_is_watched() -> None:
    looking = job(State.SUBMITTING, attempts=(attempt(1, Outcome.CHARGED), attempt(2)), cancel_requested=True)
    ended = decided(looking, ev.SubmissionRefused(mark(2), Failure.OUT_OF_CREDIT, "402"))
    assert (ended.job.state, ended.job.replica_id) == (State.CANCELLED, REPLICA)
    assert ended.job.due_at is not None


def test_news_of_a_mark_that_is_not_the_jobs_says_nothing_of_it() -> None:
    for state in State:
        for news in (ev.MarkFound(FOREIGN, OTHER), ev.SubmissionAccepted(FOREIGN, OTHER), ev.MarkAmbiguous(FOREIGN, (OTHER, THIRD))):
            assert decided(job(state), news).job == job(state)


# Witnesses.


HINT = ev.CallbackReceived(mark(), REPLICA)


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, *sorted(WATCHED)])
def test_a_replica_that_a_callback_names_is_asked_for_before_anything_else_and_not_believed(state: State) -> None:
    outcome = Outcome.RESERVED if state is State.SUBMITTING else Outcome.ABSENT
    hinted = after(job(state, due_at=None if state in WATCHED else NOW, attempts=(attempt(1, outcome),)), HINT)
    assert (hinted.attempts[0].witness, hinted.attempts[0].outcome, hinted.attempts[0].replica_id) == (REPLICA, outcome, None)
    asked = decided(hinted, ev.FellDue())
    assert asked.effects == (VerifyWitness("main", mark(), REPLICA),)


def test_a_witness_that_carries_the_mark_is_adopted_and_asked_for_no_more() -> None:
    hinted = after(job(State.SUBMITTING), HINT)
    found = decided(hinted, ev.MarkFound(mark(), REPLICA)).job
    assert (found.state, found.replica_id, found.attempt.witness) == (State.TRAINING, REPLICA, None)


@pytest.mark.parametrize(
    ("before", "then"), [(job(State.SUBMITTING), LookUpMark("main", mark())), (job(attempts=(attempt(1, Outcome.ABSENT),)), CheckInput())]
)
def test_a_witness_that_proves_nothing_is_forgotten_and_the_job_goes_on(before: Job, then: Any) -> None:  # noqa: ANN401 - an effect
    hinted = after(before, HINT)
    rejected = decided(hinted, ev.WitnessRejected(mark(), REPLICA, "it carries another name"), LATER)
    assert (rejected.job.attempt.witness, rejected.job.due_at, rejected.job.state) == (None, LATER, before.state)
    assert "r1, which is not" in rejected.why
    assert decided(rejected.job, ev.FellDue(), LATER).effects == (then,)


def test_a_training_is_looked_at_first_and_a_witness_against_an_earlier_submission_when_it_is_over() -> None:
    training = job(State.TRAINING, attempts=(attempt(1, Outcome.ABSENT), attempt(2, Outcome.CHARGED)))
    hinted = after(training, HINT)
    assert decided(hinted, ev.FellDue()).effects == (PollReplica("main", ReplicaId("r2"), "phoenix-4"),)
    over = after(hinted, ev.TrainingFailed(ReplicaId("r2"), Failure.CELEBRITY_FOUND, ""), now=LATER)
    assert (over.state, over.due_at) == (State.ABANDONED, LATER)
    assert decided(over, ev.FellDue(), LATER).effects == (VerifyWitness("main", mark(), REPLICA),)


def test_a_witness_that_cannot_be_asked_for_does_not_keep_the_list_from_being_read() -> None:
    hinted = after(job(State.SUBMITTING), HINT)
    unread = decided(hinted, ev.LookupUnread(mark(), "500")).job
    assert unread.due_at is not None
    assert decided(unread, ev.FellDue(), unread.due_at).effects == (LookUpMark("main", mark()),)


def test_nothing_is_paid_while_a_witness_cannot_be_asked_for_until_that_has_lasted_long() -> None:
    hinted = after(job(attempts=(attempt(1, Outcome.ABSENT),)), HINT)
    unread = decided(hinted, ev.LookupUnread(mark(), "500")).job
    assert unread.due_at is not None
    assert decided(unread, ev.FellDue(), unread.due_at).effects == (VerifyWitness("main", mark(), REPLICA),)
    given_up = decided(unread, ev.LookupUnread(mark(), "500"), NOW + RULES.lookup_patience)
    assert "could not be asked for" in given_up.why
    assert decided(given_up.job, ev.FellDue(), NOW + RULES.lookup_patience).effects == (CheckInput(),)


def test_the_first_replica_that_callbacks_name_is_asked_for_first() -> None:
    twice = after(job(State.SUBMITTING), HINT, ev.CallbackReceived(mark(), OTHER))
    assert decided(twice, ev.FellDue()).effects == (VerifyWitness("main", mark(), REPLICA),)


def test_a_second_replica_beside_one_that_is_known_is_asked_for_when_the_job_is_over_and_put_before_a_person() -> None:
    done = after(job(State.DONE), ev.CallbackReceived(mark(), OTHER), now=LATER)
    assert decided(done, ev.FellDue(), LATER).effects == (VerifyWitness("main", mark(), OTHER),)
    told = decided(done, ev.MarkFound(mark(), OTHER), LATER)
    assert told.job.attempts[0].strays == (OTHER,)
    assert "a person should look" in told.why


def test_a_rejection_of_one_witness_says_nothing_of_a_later_one() -> None:
    hinted = after(job(State.SUBMITTING), HINT)
    for stale in (ev.WitnessRejected(mark(), OTHER, "no"), ev.WitnessRejected(FOREIGN, REPLICA, "no")):
        assert decided(hinted, stale) == Decision(hinted)


def test_a_rejection_that_comes_when_nothing_is_due_makes_nothing_due() -> None:
    resting = job(State.DONE, attempts=(attempt(1, Outcome.ABSENT, witness=OTHER), attempt(2, Outcome.TRAINED)))
    assert after(resting, ev.WitnessRejected(mark(), OTHER, "no")).due_at is None


def test_a_callback_about_what_is_known_names_no_witness() -> None:
    for hint in (HINT, ev.CallbackReceived(mark()), ev.CallbackReceived(FOREIGN, OTHER), ev.CallbackReceived(None, OTHER)):
        assert after(job(State.TRAINING), hint).attempt.witness is None


def test_a_callback_is_noted_with_the_attempt_whose_token_it_carries_and_with_no_other() -> None:
    paid_twice = job(State.TRAINING, attempts=(attempt(1, Outcome.FAILED), attempt(2, Outcome.CHARGED)))
    called = after(paid_twice, ev.CallbackReceived(mark(2)), now=LATER)
    assert [one.called_at for one in called.attempts] == [None, LATER]
    for stranger in (ev.CallbackReceived(), ev.CallbackReceived(FOREIGN)):
        assert after(paid_twice, stranger, now=LATER).attempts == paid_twice.attempts


def test_the_last_callback_before_the_end_is_known_counts_and_else_the_first_after_it() -> None:
    twice = after(after(job(State.TRAINING), HINT, now=NOW), HINT, now=LATER)
    assert twice.attempt.called_at == LATER
    ended = after(twice, ev.TrainingCompleted(REPLICA), HINT, now=LATER + MINUTE)
    assert (ended.attempt.ended_at, ended.attempt.called_at) == (LATER + MINUTE, LATER)
    late = after(after(job(State.TRAINING), ev.TrainingCompleted(REPLICA), now=LATER), HINT, now=LATER + MINUTE)
    assert late.attempt.called_at == LATER + MINUTE
    assert after(late, HINT, now=LATER + 2 * MINUTE) == late


def test_a_held_job_remembers_a_witness_for_when_it_goes_on() -> None:
    resting = job(State.HELD, attempts=(attempt(1, Outcome.ABSENT), attempt(2, Outcome.TRAINED)))
    hinted = decided(resting, HINT)
    assert (hinted.job.attempts[0].witness, hinted.job.due_at) == (REPLICA, None)
    assert hinted.why


@pytest.mark.parametrize("hint", [ev.CallbackReceived(), HINT], ids=["a hint", "a witness"])
def test_a_callback_does_not_bring_a_payment_forward_that_waits_for_a_refund(hint: ev.CallbackReceived) -> None:
    failed = attempt(2, Outcome.FAILED, failure=Failure.AUDIO_PROCESSING)
    waiting = job(due_at=NOW + RULES.refund_hold, attempts=(attempt(1, Outcome.ABSENT), failed))
    hinted = after(waiting, hint)
    assert hinted.due_at == waiting.due_at
    asked = decided(hinted, ev.FellDue(), NOW + RULES.refund_hold).effects
    assert asked == ((CheckInput(),) if hint.mark is None else (VerifyWitness("main", mark(), REPLICA),)), (
        "and it is asked for before it goes out"
    )


# The caller's own name.


ANN = request(replica={"train_image_url": "https://pictures.example/a.jpg", "replica_name": "Ann"})


@pytest.mark.parametrize("event", [ev.SubmissionAccepted(mark(), REPLICA), ev.MarkFound(mark(), REPLICA), TWICE])
def test_where_names_are_cleaned_a_replica_gets_the_callers_own_once_its_id_is_in_the_job(event: ev.Event) -> None:
    known = decided(job(State.SUBMITTING, request=ANN), event, rules=Rules(clean_names=True))
    assert known.effects == (RenameReplica("main", REPLICA, "Ann"),)
    assert known.job.replica_id == REPLICA


def test_a_name_that_the_caller_did_not_give_or_the_rules_do_not_clean_stays() -> None:
    accepted = ev.SubmissionAccepted(mark(), REPLICA)
    assert decided(job(State.SUBMITTING, request=ANN), accepted).effects == ()
    assert decided(job(State.SUBMITTING), accepted, rules=Rules(clean_names=True)).effects == ()


def test_how_the_renaming_went_is_told_and_moves_nothing() -> None:
    for event, word in ((ev.ReplicaRenamed(REPLICA), "has the caller's name"), (ev.RenameFailed(REPLICA, "429"), "keeps the name")):
        told = decided(job(State.TRAINING), event, NOW + MINUTE)
        assert told == Decision(job(State.TRAINING), why=told.why)
        assert word in told.why
