"""What holds in every life of a job, whatever arrives and in whatever order."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from hypothesis import given

from tests.worker.core.samples import RULES
from tests.worker.core.walks import Life, Step, lives, walking
from worker.core import events as ev
from worker.core.decide import decide
from worker.core.decision import IllegalTransition
from worker.core.effects import CheckInput, DeleteReplica, OpenConversation, SubmitReplica
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Attempt, Job, Outcome
from worker.core.request import Start
from worker.core.states import FINAL, WATCHED, State

SETTLED = {Outcome.REFUSED, Outcome.ABSENT, Outcome.FAILED}
FOLLOWS = {
    Outcome.RESERVED: {Outcome.REFUSED, Outcome.ABSENT, Outcome.CHARGED},
    Outcome.REFUSED: {Outcome.CHARGED},
    Outcome.ABSENT: {Outcome.CHARGED},
    Outcome.CHARGED: {Outcome.TRAINED, Outcome.FAILED},
    Outcome.TRAINED: set(),
    Outcome.FAILED: set(),
}
COSTLY = CheckInput | SubmitReplica | OpenConversation
LEARNED_NOTHING = (ev.SubmissionLost, ev.LookupUnread, ev.PollUnread, ev.ConversationLost, ev.ConversationUnread)
"""InputUnread is not among them: the caller's own server is waited for, and then another address is asked for."""


def _submissions(life: Life) -> list[tuple[Step, SubmitReplica]]:
    return [(step, effect) for step in life if step.decision for effect in step.decision.effects if isinstance(effect, SubmitReplica)]


@walking
@given(lives())
def test_a_submission_goes_out_only_for_input_that_passed_and_with_its_intent_in_the_job(life: Life) -> None:
    for step, effect in _submissions(life):
        assert isinstance(step.event, ev.InputPassed)
        assert step.before.state is State.QUEUED
        assert step.job.state is State.SUBMITTING
        assert step.job.attempts[:-1] == step.before.attempts
        assert (step.job.attempt.mark, step.job.attempt.outcome) == (effect.mark, Outcome.RESERVED)


@walking
@given(lives())
def test_no_mark_is_ever_submitted_twice(life: Life) -> None:
    marks = [effect.mark for _, effect in _submissions(life)]
    assert len(marks) == len(set(marks))


@walking
@given(lives())
def test_nothing_is_submitted_while_an_earlier_submission_may_be_paid(life: Life) -> None:
    for step, _ in _submissions(life):
        assert {attempt.outcome for attempt in step.before.attempts} <= SETTLED
    for step in life:
        assert sum(attempt.outcome is Outcome.RESERVED for attempt in step.job.attempts) <= 1


@walking
@given(lives())
def test_no_more_is_paid_than_allowed_unless_a_person_says_so(life: Life) -> None:
    said = False
    for step in life:
        said = said or isinstance(step.event, ev.ReleaseRequested | ev.RetryRequested)
        if step.decision and any(isinstance(effect, SubmitReplica) for effect in step.decision.effects) and not said:
            assert step.job.submissions <= RULES.max_paid_attempts


@walking
@given(lives())
def test_what_tavus_forbids_is_never_submitted_again_unless_a_person_says_so(life: Life) -> None:
    for step, _ in _submissions(life):
        of_this_try = step.before.attempts[step.before.patient_from - 1 :]
        assert not [a for a in of_this_try if a.failure and POLICIES[a.failure].action is Action.ABANDON]


@walking
@given(lives())
def test_the_fixer_is_turned_on_for_one_paid_attempt_at_most(life: Life) -> None:
    for step, effect in _submissions(life):
        assert step.job.attempt.fixer == bool(effect.body.get("auto_fix_training_image"))
        retried = step.before.failure is not None and POLICIES[step.before.failure].action is Action.RETRY_WITH_IMAGE_FIXER
        assert not (retried and step.before.attempt.fixer)


@walking
@given(lives())
def test_a_job_that_goes_on_always_has_a_time_and_one_that_is_held_has_none(life: Life) -> None:
    for step in life:
        if step.job.state not in WATCHED:
            assert (step.job.due_at is None) == (step.job.state is State.HELD), str(step)


@walking
@given(lives())
def test_a_job_that_is_over_or_ready_has_a_time_while_something_of_it_is_unsettled_and_not_outlived(life: Life) -> None:
    for step in life:
        if step.job.state in WATCHED and not step.job.is_settled:
            youngest = max(one.intended_at for one in step.job.attempts if not one.is_settled)
            assert step.job.due_at is not None or step.now - youngest >= 2 * RULES.training_deadline, str(step)


@walking
@given(lives())
def test_a_replica_once_known_is_never_forgotten(life: Life) -> None:
    for step in life:
        kept = {(a.number, a.mark): a.replica_id for a in step.job.attempts}
        assert {(a.number, a.mark): a.replica_id for a in step.before.attempts if a.replica_id}.items() <= kept.items()
        assert [a.number for a in step.job.attempts] == list(range(1, len(kept) + 1))


@walking
@given(lives())
def test_what_is_known_of_the_money_of_an_attempt_is_never_unlearned(life: Life) -> None:
    for step in life:
        for before, after in zip(step.before.attempts, step.job.attempts, strict=False):
            assert after.outcome is before.outcome or after.outcome in FOLLOWS[before.outcome], str(step)


def _fits(one: Job) -> bool:
    outcome = one.attempt.outcome if one.attempts else None
    match one.state:
        case State.QUEUED:  # an earlier one that turned out to be paid is followed when it falls due
            return outcome in {None, Outcome.CHARGED, *SETTLED} or one.attempt.deleted_at is not None
        case State.SUBMITTING:
            return outcome is Outcome.RESERVED
        case State.TRAINING:
            return outcome is Outcome.CHARGED
        case State.OPENING:
            return outcome is Outcome.TRAINED
        case State.READY | State.DONE:  # its own may be deleted by then
            return any(attempt.outcome is Outcome.TRAINED for attempt in one.attempts)
        case _:
            return True


@walking
@given(lives())
def test_the_state_of_a_job_always_fits_what_is_known_of_the_attempt_that_it_follows(life: Life) -> None:
    for step in life:
        assert _fits(step.job), str(step)


def _unwitnessed(one: Attempt) -> Attempt:
    return replace(one, witness=None)


@walking
@given(lives())
def test_a_question_that_was_not_answered_never_ends_a_job_or_fails_an_attempt(life: Life) -> None:
    for step in life:
        if isinstance(step.event, LEARNED_NOTHING):
            assert [_unwitnessed(one) for one in step.job.attempts] == [_unwitnessed(one) for one in step.before.attempts]
            if step.job.state is not step.before.state:
                assert (step.job.state, step.job.failure) == (State.HELD, Failure.LOOKUP_UNREAD)
                assert step.before.trying_since is not None
                assert step.now - step.before.trying_since >= RULES.lookup_patience
            else:
                assert step.job.failure is step.before.failure


@walking
@given(lives())
def test_no_replica_is_deleted_while_its_money_is_at_stake(life: Life) -> None:
    for step in life:
        for effect in step.decision.effects if step.decision else ():
            if isinstance(effect, DeleteReplica):
                (doomed,) = [a for a in step.before.attempts if a.replica_id == effect.replica_id]
                assert isinstance(step.event, ev.DeletionFellDue)
                assert doomed.deletion is not None
                assert (effect.failed, effect.hard) == (doomed.outcome is Outcome.FAILED, doomed.deletion.hard)
                assert _is_safe(doomed, step.now), str(step)


def _is_safe(doomed: Attempt, now: datetime) -> bool:
    if doomed.outcome is Outcome.TRAINED:
        return True
    confirmed = doomed.deletion.confirmed_at if doomed.deletion else None
    if doomed.outcome is not Outcome.FAILED or doomed.deletable_at is None or confirmed is None:
        return False
    return now >= doomed.deletable_at and confirmed >= doomed.deletable_at and now - confirmed >= RULES.refund_confirm


@walking
@given(lives())
def test_no_conversation_is_asked_for_while_one_may_have_been_opened(life: Life) -> None:
    for step in life:
        if step.decision and any(isinstance(effect, OpenConversation) for effect in step.decision.effects):
            earlier = step.before.conversation
            assert earlier is None or (earlier.intended_at is None and earlier.id is None)
            assert step.job.conversation is not None
            assert step.job.conversation.intended_at == step.now


@walking
@given(lives())
def test_a_job_whose_cancellation_was_accepted_asks_for_nothing_more_that_costs(life: Life) -> None:
    for step in life:
        if step.before.cancel_requested and step.decision:
            assert not [e for e in step.decision.effects if isinstance(e, COSTLY)], str(step)


@walking
@given(lives())
def test_the_table_is_never_found_to_need_mending(life: Life) -> None:
    for step in life:
        if step.decision is None:
            try:
                decide(step.before, step.event, step.now, RULES)
            except IllegalTransition as illegal:
                assert "mend the table" not in illegal.reason, str(step)  # noqa: PT017 - most refusals are right


@walking
@given(lives())
def test_a_decision_is_the_same_each_time_and_leaves_its_job_alone(life: Life) -> None:
    for step in life[::3]:
        copy = deepcopy(step.before)
        if step.decision is not None:
            assert decide(step.before, step.event, step.now, RULES) == step.decision
        assert step.before == copy


def _visited_again(step: Step) -> bool:
    """A link opens another conversation when the one before is known to have ended."""
    ended = step.before.conversation is not None and step.before.conversation.ended_at is not None
    on_demand = step.before.request.start is Start.ON_DEMAND and step.before.state is State.DONE
    return isinstance(step.event, ev.LinkVisited) and step.event.opens and on_demand and ended and step.job.state is State.OPENING


@walking
@given(lives())
def test_only_a_persons_retry_or_a_visit_after_its_conversation_leads_out_of_a_final_state_and_nothing_that_costs_is_asked_for_there(
    life: Life,
) -> None:
    for step in life:
        if step.before.state in FINAL:
            retried = isinstance(step.event, ev.RetryRequested) and step.before.state is State.ABANDONED
            assert step.job.state is step.before.state or retried or _visited_again(step), str(step)
            assert not [e for e in (step.decision.effects if step.decision else ()) if isinstance(e, COSTLY)], str(step)
