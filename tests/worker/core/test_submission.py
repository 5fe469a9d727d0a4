"""Paying once: the intent comes before the POST, and what was lost is looked for and never posted again."""

from itertools import pairwise

import pytest

from tests.worker.core.samples import FOREIGN, HOUR, MINUTE, NOW, REPLICA, RULES, SECOND, after, attempt, decided, job, mark, request
from worker.core import events as ev
from worker.core.decision import Decision, IllegalTransition
from worker.core.effects import CheckInput, LookUpMark, PollReplica, StopAccount, SubmitReplica
from worker.core.failures import Failure
from worker.core.job import Job, Lost, Outcome, ReplicaId, Terms
from worker.core.marks import mark_in
from worker.core.states import WATCHED, State

LOST = ev.SubmissionLost(mark(), "the line was cut")
ABSENT = ev.MarkAbsent(mark())
SETTLED = NOW + RULES.settle_time


def test_the_input_is_checked_before_anything_is_paid() -> None:
    due = decided(job(), ev.FellDue())
    assert due.effects == (CheckInput(),)
    assert due.job.state is State.QUEUED


def test_the_intent_and_its_mark_are_in_the_job_before_the_post_leaves() -> None:
    paid = decided(job(), ev.InputPassed())
    assert paid.job.state is State.SUBMITTING
    assert paid.job.attempts == (attempt(1),)
    assert paid.job.due_at == NOW + RULES.lease
    (effect,) = paid.effects
    assert isinstance(effect, SubmitReplica)
    assert (effect.account, effect.mark) == ("main", mark())


def test_the_callers_fields_go_out_as_they_are_but_for_the_name_that_ends_with_the_mark() -> None:
    asked = request(replica={"train_image_url": "https://pictures.example/a.jpg", "replica_name": "Ann's face", "properties": {"a": 1}})
    (effect,) = decided(job(request=asked), ev.InputPassed()).effects
    assert isinstance(effect, SubmitReplica)
    assert mark_in(effect.body["replica_name"]) == mark()
    assert effect.body["replica_name"].startswith("Ann-s-face-")
    assert {**effect.body, "replica_name": "Ann's face"} == asked.replica


@pytest.mark.parametrize("outcome", [Outcome.RESERVED, Outcome.CHARGED, Outcome.TRAINED])
def test_nothing_is_paid_while_an_earlier_submission_is_not_settled(outcome: Outcome) -> None:
    with pytest.raises(IllegalTransition, match="would pay twice"):
        decided(job(attempts=(attempt(1, outcome), attempt(2, Outcome.REFUSED))), ev.InputPassed())


def test_an_accepted_submission_trains_and_is_first_looked_at_when_the_plan_says() -> None:
    accepted = decided(job(State.SUBMITTING), ev.SubmissionAccepted(mark(), REPLICA), NOW + 20 * SECOND).job
    assert accepted.state is State.TRAINING
    assert accepted.attempt == attempt(1, Outcome.CHARGED)
    assert accepted.due_at is not None
    assert NOW + MINUTE < accepted.due_at < NOW + HOUR


def test_a_lost_submission_is_looked_for_and_never_posted_again() -> None:
    lost, now = decided(job(State.SUBMITTING), LOST).job, NOW
    for _ in range(20):
        assert lost.state is State.SUBMITTING
        assert lost.due_at is not None
        assert now < lost.due_at <= now + max(RULES.settle_time / 4, RULES.retry_cap)
        now = lost.due_at
        looked = decided(lost, ev.FellDue(), now)
        assert looked.effects == (LookUpMark("main", mark()),)
        lost = decided(looked.job, ev.LookupUnread(mark(), "500"), now).job
    assert after(lost, ev.MarkFound(mark(), REPLICA), now=now).attempt == attempt(1, Outcome.CHARGED)


def test_a_mark_that_is_found_is_adopted() -> None:
    found = decided(job(State.SUBMITTING), ev.MarkFound(mark(), REPLICA), NOW + MINUTE)
    assert found.job.state is State.TRAINING
    assert found.job.replica_id == REPLICA


@pytest.mark.parametrize("event", [ev.SubmissionRefused(FOREIGN, Failure.RATE_LIMITED, "429"), ev.MarkAbsent(FOREIGN)])
def test_news_of_another_mark_says_nothing_of_this_one(event: ev.Event) -> None:
    looking = job(State.SUBMITTING, scans=9)
    assert decided(looking, event, SETTLED + HOUR).job == looking


def test_an_absence_is_believed_after_enough_scans_over_the_whole_settle_time() -> None:
    early = after(job(State.SUBMITTING), *[ABSENT] * 9, now=SETTLED - SECOND)
    assert (early.state, early.attempt.outcome) == (State.SUBMITTING, Outcome.RESERVED)
    few = after(job(State.SUBMITTING), *[ABSENT] * (RULES.settle_scans - 1), now=SETTLED)
    assert (few.state, few.attempt.outcome) == (State.SUBMITTING, Outcome.RESERVED)
    enough = decided(few, ABSENT, SETTLED).job
    assert (enough.state, enough.attempt.outcome, enough.due_at) == (State.QUEUED, Outcome.ABSENT, SETTLED)
    assert enough.submissions == 0


def test_what_keeps_being_lost_is_held_and_not_submitted_for_ever() -> None:
    gone = tuple(attempt(n, Outcome.ABSENT) for n in range(1, RULES.max_lost_attempts))
    last = attempt(RULES.max_lost_attempts)
    one = after(job(State.SUBMITTING, attempts=(*gone, last)), *[ev.MarkAbsent(last.mark)] * RULES.settle_scans, now=SETTLED)
    assert (one.state, one.failure, one.release_to) == (State.HELD, Failure.SUBMISSION_LOST, State.QUEUED)


def test_an_account_that_is_set_to_hold_what_is_lost_asks_a_person_before_it_pays_again() -> None:
    looking = job(State.SUBMITTING, terms=Terms(lost=Lost.HOLD))
    held = after(looking, *[ABSENT] * RULES.settle_scans, now=SETTLED)
    assert (held.state, held.failure, held.release_to, held.attempt.outcome) == (
        State.HELD,
        Failure.SUBMISSION_LOST,
        State.QUEUED,
        Outcome.ABSENT,
    )
    assert decided(after(held, ev.ReleaseRequested()), ev.FellDue()).effects == (CheckInput(),)


@pytest.mark.parametrize("fault", [None, Failure.KEY_REJECTED])
def test_a_list_that_cannot_be_read_for_long_is_put_before_a_person_and_nothing_is_paid_meanwhile(fault: Failure | None) -> None:
    unread = ev.LookupUnread(mark(), "500", None, fault)
    patient = after(job(State.SUBMITTING), unread)
    assert after(patient, unread, now=NOW + RULES.lookup_patience - SECOND).state is State.SUBMITTING
    held = decided(patient, unread, NOW + RULES.lookup_patience)
    assert (held.job.state, held.job.failure, held.job.release_to) == (State.HELD, Failure.LOOKUP_UNREAD, State.SUBMITTING)
    assert held.job.attempt.outcome is Outcome.RESERVED
    assert bool(held.effects) is (fault is not None), "an account at fault is stopped all the same"


def test_patience_with_a_list_starts_anew_whenever_it_was_read() -> None:
    unread = ev.LookupUnread(mark(), "500")
    read = after(after(job(State.SUBMITTING), unread), ABSENT, now=NOW + HOUR)
    later = after(read, unread, now=NOW + RULES.lookup_patience)
    assert later.state is State.SUBMITTING


def test_a_list_that_stays_unreadable_is_told_of_once_and_again_when_it_fails_in_another_way() -> None:
    told, one = [], job(State.SUBMITTING)
    for detail in ("500", "500", "500", "503", "503", "500"):
        decision = decided(one, ev.LookupUnread(mark(), detail))
        told.append(decision.why)
        one = decision.job
    assert [bool(why) for why in told] == [True, False, False, True, False, True]


SPENT = ev.BudgetReached(Failure.MONTH_SPENT, "2 of 2", 9 * 24 * HOUR)
FULL = ev.BudgetReached(Failure.IN_FLIGHT_FULL, "3 trainings run")


def test_a_job_that_its_accounts_budget_holds_back_waits_as_long_as_it_takes_and_is_not_given_up() -> None:
    waiting = decided(job(), SPENT).job
    assert (waiting.state, waiting.due_at, waiting.failure) == (State.QUEUED, NOW + 9 * 24 * HOUR, Failure.MONTH_SPENT)
    full, now = job(), NOW
    for _ in range(300):
        full = decided(full, FULL, now).job
        assert full.due_at is not None
        assert RULES.retry_cap / 2 <= full.due_at - now <= RULES.retry_cap
        now = full.due_at
    assert (full.state, full.tries, full.attempts) == (State.QUEUED, 0, ())


def test_a_budget_that_is_reached_is_told_of_once_and_again_when_it_is_another() -> None:
    one, told = job(), []
    for event in (FULL, FULL, SPENT, SPENT, FULL):
        decision = decided(one, event)
        told.append(decision.why)
        one = decision.job
    assert [bool(why) for why in told] == [True, False, True, False, True]


def test_a_wait_for_the_budget_does_not_use_up_the_patience_with_the_pictures_server() -> None:
    failing = after(job(), ev.InputUnread("503"))
    waited = after(failing, FULL, now=NOW + 2 * HOUR)
    assert after(waited, ev.InputUnread("503"), now=NOW + 3 * HOUR).state is State.QUEUED


def test_a_refusal_costs_nothing_and_frees_the_way_for_another_attempt() -> None:
    refused = decided(job(State.SUBMITTING), ev.SubmissionRefused(mark(), Failure.RATE_LIMITED, "429", 7 * MINUTE)).job
    assert (refused.state, refused.submissions, refused.due_at) == (State.QUEUED, 0, NOW + 7 * MINUTE)
    again = decided(refused, ev.InputPassed(), NOW + HOUR).job
    assert [a.outcome for a in again.attempts] == [Outcome.REFUSED, Outcome.RESERVED]
    assert again.attempt.mark == mark(2)


def test_refusals_in_a_row_are_tried_again_ever_more_rarely() -> None:
    one, waits = job(), []
    for number in range(1, 12):
        one = after(one, ev.InputPassed(), ev.SubmissionRefused(mark(number), Failure.RATE_LIMITED, "429"))
        assert one.due_at is not None
        waits.append(one.due_at - NOW)
    assert waits[-1] >= RULES.retry_cap / 2
    assert all(later > earlier / 2 for earlier, later in pairwise(waits))


@pytest.mark.parametrize(("failure", "deaf"), [(Failure.OUT_OF_CREDIT, False), (Failure.KEY_REJECTED, True)])
def test_an_account_at_fault_stops_its_line_and_holds_the_job_until_it_is_resumed(failure: Failure, deaf: bool) -> None:  # noqa: FBT001
    refused = decided(job(State.SUBMITTING), ev.SubmissionRefused(mark(), failure, "no"))
    assert refused.effects == (StopAccount("main", failure, deaf=deaf),)
    assert refused.job.state is State.HELD
    assert refused.job.submissions == 0
    resumed = decided(refused.job, ev.AccountResumed(), NOW + HOUR).job
    assert (resumed.state, resumed.due_at) == (State.QUEUED, NOW + HOUR)


def test_a_lookup_that_the_account_is_to_blame_for_stops_its_line_and_goes_on_looking() -> None:
    unread = decided(job(State.SUBMITTING), ev.LookupUnread(mark(), "401", None, Failure.KEY_REJECTED))
    assert unread.effects == (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)
    assert unread.job.state is State.SUBMITTING


def test_a_lookup_waits_as_long_as_it_is_told_to() -> None:
    assert decided(job(State.SUBMITTING), ev.LookupUnread(mark(), "429", HOUR)).job.due_at == NOW + HOUR


def test_a_failing_picture_server_is_waited_for_and_then_another_address_is_asked_for() -> None:
    waiting = decided(job(), ev.InputUnread("503")).job
    assert (waiting.state, waiting.failure) == (State.QUEUED, Failure.IMAGE_HOST_FAILING)
    again = decided(waiting, ev.InputUnread("503"), NOW + RULES.input_patience - SECOND).job
    assert again.state is State.QUEUED
    given_up = decided(again, ev.InputUnread("503"), NOW + RULES.input_patience).job
    assert (given_up.state, given_up.failure, given_up.attempts) == (State.ABANDONED, Failure.IMAGE_NOT_FOUND, ())


def test_patience_with_the_picture_server_is_not_used_up_by_what_tavus_refused() -> None:
    refused = after(job(), ev.InputPassed(), ev.SubmissionRefused(mark(), Failure.RATE_LIMITED, "429", 2 * HOUR))
    waiting = decided(refused, ev.InputUnread("503"), NOW + 2 * HOUR).job
    assert decided(waiting, ev.InputUnread("503"), NOW + 2 * HOUR + MINUTE).job.state is State.QUEUED


def test_input_that_cannot_succeed_ends_the_job_before_it_costs_anything() -> None:
    rejected = decided(job(), ev.InputRejected(Failure.IMAGE_TOO_SMALL, "100x100"))
    assert (rejected.job.state, rejected.job.submissions) == (State.ABANDONED, 0)
    assert "512x512" in rejected.why


def _later(one: Job) -> Job:
    return decided(one, ev.SubmissionAccepted(mark(1), REPLICA), SETTLED + HOUR).job


def test_a_replica_that_turns_up_while_the_job_is_queued_again_is_adopted_and_not_paid_for_again() -> None:
    adopted = _later(job(attempts=(attempt(1, Outcome.ABSENT),)))
    assert (adopted.state, adopted.replica_id) == (State.TRAINING, REPLICA)
    assert decided(adopted, ev.FellDue(), SETTLED + HOUR).effects == (PollReplica("main", REPLICA, "phoenix-4"),)


@pytest.mark.parametrize("state", sorted(set(State) - {State.SUBMITTING}))
@pytest.mark.parametrize("outcome", [Outcome.CHARGED, Outcome.TRAINED, Outcome.FAILED])
def test_an_acceptance_that_comes_twice_is_no_news(state: State, outcome: Outcome) -> None:
    known = job(state, attempts=(attempt(1, outcome),))
    for event in (ev.SubmissionAccepted(mark(), REPLICA), ev.MarkFound(mark(), REPLICA)):
        assert decided(known, event) == Decision(known)


@pytest.mark.parametrize("state", sorted(set(State) - {State.QUEUED}))
def test_a_replica_that_turns_up_when_the_job_has_moved_on_is_recorded_and_moves_nothing(state: State) -> None:
    before = job(state, attempts=(attempt(1, Outcome.ABSENT), attempt(2, Outcome.CHARGED)))
    late = _later(before)
    assert late.attempts == (attempt(1, Outcome.CHARGED), before.attempt)
    assert late.state is before.state
    assert late.due_at is not None if state in WATCHED else late.due_at == before.due_at, "only there has nobody else to look"


@pytest.mark.parametrize("state", [State.TRAINING, State.OPENING, State.DONE, State.HELD, State.ABANDONED, State.CANCELLED])
def test_a_replica_on_record_is_never_replaced_by_another(state: State) -> None:
    before = job(state)
    late = decided(before, ev.MarkFound(mark(), ReplicaId("r9")))
    assert late.job.replica_id == REPLICA
    assert late.job.attempt.outcome is before.attempt.outcome
    assert "r9" in f"{late.why} {late.job.detail}", "what was paid is told"


def test_a_callbacks_word_that_could_not_be_checked_is_dropped_with_a_line_though_the_reason_is_known() -> None:
    unread = ev.LookupUnread(mark(), "500")
    known = after(job(State.SUBMITTING), unread, ev.CallbackReceived(mark(), REPLICA), now=NOW + MINUTE)
    dropped = decided(known, unread, NOW + 2 * MINUTE)
    assert dropped.job.attempt.witness is None
    assert dropped.why == f"a callback's word on {mark()} was not checked: 500"
    assert decided(dropped.job, unread, NOW + 3 * MINUTE).why == ""
