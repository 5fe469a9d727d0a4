"""Waiting for a training: a failed question is not a failed training, and a callback is not the truth."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.worker.core.samples import HOUR, MINUTE, NOW, REPLICA, RULES, SECOND, after, attempt, decided, job, request
from worker.core import events as ev
from worker.core.effects import PollReplica, StopAccount
from worker.core.failures import Failure
from worker.core.job import Outcome, ReplicaId
from worker.core.learned import Learned, subject_of
from worker.core.polling import Plan
from worker.core.request import Start
from worker.core.rules import phase
from worker.core.states import State

OTHER = ReplicaId("r-other")
CONTINUED = ev.TrainingContinued(REPLICA, "40/100")
HEADSET = ev.TrainingFailed(REPLICA, Failure.HEADPHONES, "HeadphonesError")


def test_a_due_training_is_asked_about_and_nothing_else() -> None:
    assert decided(job(State.TRAINING), ev.FellDue()).effects == (PollReplica("main", REPLICA, "phoenix-4"),)


def test_a_training_row_without_its_replica_is_refused_by_name() -> None:
    by_hand = job(State.TRAINING, attempts=(attempt(1, Outcome.CHARGED, replica_id=None),))
    with pytest.raises(ValueError, match=f"job {by_hand.id} is training without a replica id"):
        decided(by_hand, ev.FellDue())


def test_a_training_that_goes_on_is_next_looked_at_later_and_leaves_no_line_in_the_story() -> None:
    going = decided(job(State.TRAINING, tries=3), CONTINUED, NOW + HOUR)
    assert going.job.state is State.TRAINING
    assert (going.job.progress, going.job.tries) == ("40/100", 0)
    assert going.job.due_at == NOW + RULES.plan.next_look(HOUR, phase(going.job.id))
    assert going.job.due_at > NOW + HOUR
    assert (going.effects, going.why) == ((), "")


@pytest.mark.parametrize("gone", [{"missing_since": NOW}, {"attempts": (attempt(1, Outcome.CHARGED, vanished_at=NOW),)}])
def test_a_replica_that_was_missed_and_is_there_again_is_news(gone: dict[str, Any]) -> None:
    again = decided(job(State.TRAINING, **gone), CONTINUED, NOW + HOUR)
    assert (again.job.missing_since, again.job.attempt.vanished_at) == (None, None)
    assert again.why == "r1 is known again"


def test_progress_that_stands_still_or_is_missing_decides_nothing() -> None:
    going = after(job(State.TRAINING), CONTINUED, CONTINUED, ev.TrainingContinued(REPLICA, None), now=NOW + 20 * HOUR)
    assert (going.state, going.progress) == (State.TRAINING, "40/100")


@pytest.mark.parametrize(
    ("start", "wanted", "state", "due"),
    [
        (Start.ON_READY, False, State.OPENING, True),
        (Start.ON_DEMAND, False, State.READY, False),
        (Start.ON_DEMAND, True, State.OPENING, True),
        (Start.NONE, False, State.DONE, False),
    ],
)
def test_a_trained_replica_goes_where_the_caller_wants_it(start: Start, wanted: bool, state: State, due: bool) -> None:  # noqa: FBT001
    training = job(State.TRAINING, request=request(start=start), conversation_wanted=wanted)
    trained = decided(training, ev.TrainingCompleted(REPLICA), NOW + HOUR).job
    assert (trained.state, trained.attempt.outcome) == (state, Outcome.TRAINED)
    assert trained.due_at == (NOW + HOUR if due else None)


def test_a_failed_training_starts_the_refunds_clock_when_its_error_is_first_seen() -> None:
    failed = decided(job(State.TRAINING), HEADSET, NOW + HOUR).job
    assert failed.attempt.outcome is Outcome.FAILED
    assert failed.attempt.failure is Failure.HEADPHONES
    assert failed.attempt.error_first_seen_at == NOW + HOUR
    assert failed.attempt.deletable_at == NOW + HOUR + RULES.refund_hold


def test_the_refunds_clock_is_not_started_anew_when_the_error_is_seen_again() -> None:
    seen = attempt(1, Outcome.CHARGED, error_first_seen_at=NOW)
    again = decided(job(State.TRAINING, attempts=(seen,)), HEADSET, NOW + HOUR).job
    assert again.attempt.error_first_seen_at == NOW
    assert again.attempt.deletable_at == NOW + RULES.refund_hold


@pytest.mark.parametrize(
    "event",
    [
        ev.TrainingContinued(OTHER, "1/100"),
        ev.TrainingCompleted(OTHER),
        ev.TrainingFailed(OTHER, Failure.HEADPHONES, ""),
        ev.ReplicaMissing(OTHER, ""),
    ],
)
def test_news_of_another_replica_says_nothing_of_this_one(event: ev.Event) -> None:
    training = job(State.TRAINING, missing_since=NOW - HOUR)
    assert decided(training, event, NOW + 100 * HOUR).job == training


def test_a_failed_question_is_not_a_failed_training_however_often_it_fails() -> None:
    asked, now = job(State.TRAINING), NOW
    for _ in range(500):
        asked = decided(asked, ev.PollUnread("500"), now).job
        assert (asked.state, asked.failure) == (State.TRAINING, None)
        assert asked.due_at is not None
        assert now < asked.due_at <= now + RULES.retry_cap
        now = asked.due_at
    assert now > NOW + 40 * HOUR


def test_an_unread_question_waits_as_long_as_it_is_told_to() -> None:
    assert decided(job(State.TRAINING), ev.PollUnread("429", HOUR)).job.due_at == NOW + HOUR


def test_a_question_that_the_account_is_to_blame_for_stops_its_line_and_leaves_the_training_alone() -> None:
    unread = decided(job(State.TRAINING), ev.PollUnread("401", None, Failure.KEY_REJECTED))
    assert unread.effects == (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)
    assert unread.job.state is State.TRAINING


@pytest.mark.parametrize("state", [State.TRAINING, State.SUBMITTING])
def test_a_callback_makes_the_job_due_now_and_nothing_else(state: State) -> None:
    before = job(state)
    called = decided(before, ev.CallbackReceived(), NOW + MINUTE)
    assert called.effects == ()
    assert (called.job.due_at, called.job.attempts, called.job.state) == (NOW + MINUTE, before.attempts, state)


@pytest.mark.parametrize("state", sorted(set(State) - {State.TRAINING, State.SUBMITTING, State.CANCELLED}))
def test_a_callback_at_any_other_time_is_harmless(state: State) -> None:
    resting = replace(job(state), due_at=None if job(state).due_at is None else NOW + HOUR)
    assert decided(resting, ev.CallbackReceived()).job == resting


def test_a_replica_that_is_unknown_once_is_looked_at_again_before_it_is_believed() -> None:
    missing = ev.ReplicaMissing(REPLICA, "404")
    doubted = decided(job(State.TRAINING), missing).job
    assert doubted.state is State.TRAINING
    assert doubted.due_at == NOW + RULES.missing_confirm / 2
    assert decided(doubted, missing, NOW + RULES.missing_confirm - SECOND).job.state is State.TRAINING
    assert after(doubted, CONTINUED, missing, now=NOW + RULES.missing_confirm).state is State.TRAINING
    held = decided(doubted, missing, NOW + RULES.missing_confirm).job
    assert (held.state, held.failure, held.attempt.outcome) == (State.HELD, Failure.REPLICA_VANISHED, Outcome.CHARGED)
    assert decided(held, ev.ReleaseRequested(), NOW + HOUR).job.state is State.TRAINING


def test_when_a_training_ended_is_noted_however_it_ended() -> None:
    for ended in (ev.TrainingCompleted(REPLICA), HEADSET):
        assert after(job(State.TRAINING), ended, now=NOW + HOUR).attempts[0].ended_at == NOW + HOUR


@pytest.mark.parametrize("event", [ev.TrainingCompleted(REPLICA), HEADSET])
@pytest.mark.parametrize("state", [State.TRAINING, State.CANCELLED])
def test_when_the_look_was_due_that_found_a_training_over_is_noted_and_it_is_long_ago_where_nobody_looked(
    state: State, event: ev.Event
) -> None:
    looked = job(state, written_at=NOW + HOUR)
    due = NOW + RULES.plan.next_look(HOUR, phase(looked.id))
    for now, noted in ((due - SECOND, due - SECOND), (due + SECOND, due), (due + 9 * HOUR, due)):
        assert decided(looked, event, now).job.attempts[0].look_due_at == noted


def test_a_late_training_raises_one_alarm_and_is_looked_at_seldom_and_nothing_else_becomes_of_it() -> None:
    soft = RULES.training_soft_deadline
    assert decided(job(State.TRAINING), CONTINUED, NOW + soft - SECOND).why == ""
    late = decided(job(State.TRAINING), CONTINUED, NOW + soft)
    assert "r1 is late: it has trained for 12:00:00" in late.why
    assert (late.job.state, late.job.attempt.outcome, late.effects) == (State.TRAINING, Outcome.CHARGED, ())
    assert (late.job.attempt.late_at, late.job.due_at) == (NOW + soft, NOW + soft + RULES.late_interval)
    again = decided(late.job, CONTINUED, NOW + soft + RULES.late_interval)
    assert (again.why, again.job.attempt.late_at) == ("", NOW + soft)
    assert again.job.due_at == NOW + soft + 2 * RULES.late_interval


def test_the_alarm_is_raised_once_though_a_person_released_the_job_in_between() -> None:
    late = after(job(State.TRAINING), CONTINUED, now=NOW + RULES.training_soft_deadline)
    overdue = after(late, CONTINUED, now=NOW + RULES.training_deadline)
    released = after(overdue, ev.ReleaseRequested(), now=NOW + RULES.training_deadline + HOUR)
    assert decided(released, CONTINUED, NOW + RULES.training_deadline + HOUR).why == ""


def test_a_late_training_that_was_missed_and_is_there_again_says_both() -> None:
    missed = job(State.TRAINING, missing_since=NOW)
    assert decided(missed, CONTINUED, NOW + RULES.training_soft_deadline).why.startswith("r1 is known again; r1 is late")


def test_a_training_is_looked_at_as_the_plan_of_its_kind_and_its_account_says() -> None:
    kind, now = subject_of(job().request), NOW + HOUR
    quick = replace(RULES, learned=Learned({kind: Plan(HOUR)}))
    other = replace(RULES, learned=Learned({"phoenix-3/image": Plan(HOUR)}, {"other": 0.1}))
    heard = replace(quick, learned=Learned({kind: Plan(HOUR)}, {"main": 0.1}))
    due = [after(job(State.TRAINING), CONTINUED, now=now, rules=rules).due_at for rules in (quick, heard, other, RULES)]
    assert due[0] is not None
    assert due[1] is not None
    assert now < due[0] < due[1] < now + HOUR / 2
    assert due[2] == due[3]


def test_an_overdue_training_is_put_before_a_person_and_neither_failed_nor_paid_again() -> None:
    assert decided(job(State.TRAINING), CONTINUED, NOW + RULES.training_deadline - SECOND).job.state is State.TRAINING
    overdue = decided(job(State.TRAINING), CONTINUED, NOW + RULES.training_deadline)
    assert (overdue.job.state, overdue.job.attempt.outcome, overdue.effects) == (State.HELD, Outcome.CHARGED, ())
    released = after(overdue.job, ev.ReleaseRequested(), CONTINUED, now=NOW + RULES.training_deadline + HOUR)
    assert released.state is State.TRAINING, "a release starts the patience anew"


def test_a_new_training_has_the_whole_deadline_however_long_ago_its_job_was_released() -> None:
    started = NOW + timedelta(days=5)
    fresh = attempt(2, Outcome.CHARGED, intended_at=started)
    training = job(State.TRAINING, attempts=(attempt(1, Outcome.FAILED), fresh), watched_since=NOW)
    assert decided(training, ev.TrainingContinued(ReplicaId("r2"), None), started + HOUR).job.state is State.TRAINING


def test_a_worker_whose_clock_is_behind_does_not_put_off_the_first_look() -> None:
    behind = decided(job(State.SUBMITTING), ev.SubmissionAccepted(attempt().mark, REPLICA), NOW - MINUTE).job
    assert behind.due_at is not None
    assert behind.due_at < NOW + HOUR
