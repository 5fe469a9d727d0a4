"""What a failure leads to: the table is followed, the fixer is used once at most, and what is forbidden is never tried again."""

from itertools import product

import pytest

from tests.worker.core.samples import HOUR, MINUTE, NOW, REPLICA, RULES, SECOND, after, attempt, decided, job, mark, request
from worker.core import events as ev
from worker.core.effects import SubmitReplica
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Job, Mark, Outcome, ReplicaId, Terms
from worker.core.request import AutoFix
from worker.core.rules import Rules
from worker.core.states import State

FORBIDDEN = (
    Failure.CELEBRITY_FOUND,
    Failure.APPEARS_UNDER_18,
    Failure.COMMUNITY_GUIDELINES_VIOLATION,
    Failure.CONSENT_PHRASE_MISMATCH,
)
HEADSET = Failure.HEADPHONES
LATER = NOW + HOUR


def _failed(failure: Failure, one: Job | None = None, rules: Rules = RULES) -> Job:
    training = one or job(State.TRAINING)
    assert training.replica_id is not None
    return after(training, ev.TrainingFailed(training.replica_id, failure, "their words"), now=LATER, rules=rules)


def _training(auto_fix: AutoFix, number: int = 1, *, fixer: bool = False, body: bool | None = None) -> Job:
    earlier = tuple(attempt(n, Outcome.FAILED, failure=HEADSET) for n in range(1, number))
    fields = dict(request().replica) | ({} if body is None else {"auto_fix_training_image": body})
    asked = request(auto_fix=auto_fix, replica=fields)
    return job(State.TRAINING, request=asked, attempts=(*earlier, attempt(number, Outcome.CHARGED, fixer=fixer)))


def _submitted(queued: Job) -> SubmitReplica:
    (effect,) = decided(queued, ev.InputPassed(), LATER + HOUR).effects
    assert isinstance(effect, SubmitReplica)
    return effect


@pytest.mark.parametrize("failure", Failure)
def test_each_failed_training_ends_up_where_its_policy_says(failure: Failure) -> None:
    ends = {
        Action.RETRY_FREE: State.TRAINING,
        Action.RETRY_PAID: State.QUEUED,
        Action.RETRY_WITH_IMAGE_FIXER: State.ABANDONED,
        Action.NEW_INPUT_NEEDED: State.ABANDONED,
        Action.HOLD: State.HELD,
        Action.STOP_ACCOUNT: State.HELD,
        Action.ABANDON: State.ABANDONED,
    }
    failed = _failed(failure)
    assert failed.state is ends[POLICIES[failure].action]
    assert failed.failure is failure
    assert failed.detail is not None
    assert "their words" in failed.detail


@pytest.mark.parametrize("failure", [f for f in Failure if POLICIES[f].action not in {Action.RETRY_FREE, Action.RETRY_PAID}])
def test_the_story_tells_the_caller_what_to_do(failure: Failure) -> None:
    assert POLICIES[failure].told in decided(job(State.TRAINING), ev.TrainingFailed(REPLICA, failure, "their words")).why


@pytest.mark.parametrize("failure", FORBIDDEN)
def test_what_tavus_forbids_is_never_tried_again_whatever_the_caller_allows(failure: Failure) -> None:
    for auto_fix, body in product(AutoFix, (None, True, False)):
        refused = ev.SubmissionRefused(mark(), failure, "no")
        for ended in (
            _failed(failure, _training(auto_fix, body=body)),
            after(job(State.SUBMITTING, request=request(auto_fix=auto_fix)), refused),
        ):
            assert (ended.state, ended.due_at) == (State.ABANDONED, None)


def test_what_nobody_recognises_is_held_and_nothing_is_guessed() -> None:
    held = _failed(Failure.UNRECOGNISED)
    assert (held.state, held.due_at, held.release_to) == (State.HELD, None, State.QUEUED)


def test_the_fixer_is_used_after_a_rejection_when_the_caller_allows_it() -> None:
    again = _failed(HEADSET, _training(AutoFix.ON_REJECTION))
    assert (again.state, again.due_at) == (State.QUEUED, LATER + RULES.paid_retry_delay)
    assert _submitted(again).body["auto_fix_training_image"] is True
    assert after(again, ev.InputPassed()).attempt.fixer


def test_the_fixer_is_not_used_unless_the_caller_allows_it() -> None:
    assert _failed(HEADSET, _training(AutoFix.NEVER)).state is State.ABANDONED
    first = _submitted(job(request=request(auto_fix=AutoFix.ON_REJECTION)))
    assert "auto_fix_training_image" not in first.body
    released = job(request=request(auto_fix=AutoFix.NEVER), attempts=(attempt(1, Outcome.FAILED, failure=HEADSET),))
    assert "auto_fix_training_image" not in _submitted(released).body


@pytest.mark.parametrize("auto_fix", AutoFix)
def test_the_fixer_is_not_tried_again_when_it_was_on_already(auto_fix: AutoFix) -> None:
    for fixed in (_training(auto_fix, fixer=True), after(job(request=_training(auto_fix, body=True).request), ev.InputPassed())):
        known = after(fixed, ev.SubmissionAccepted(mark(), REPLICA))
        assert known.attempt.fixer
        assert _failed(HEADSET, known).state is State.ABANDONED


def test_the_fixer_is_used_once_at_most_however_many_attempts_may_be_paid() -> None:
    generous = Rules(max_paid_attempts=9)
    again = _failed(HEADSET, _training(AutoFix.ON_REJECTION), generous)
    second = after(again, ev.InputPassed(), ev.SubmissionAccepted(mark(2), ReplicaId("r2")))
    assert _failed(Failure.IMAGE_QUALITY, second, generous).state is State.ABANDONED


def test_a_caller_who_always_wants_the_fixer_has_it_from_the_first() -> None:
    assert _submitted(job(request=request(auto_fix=AutoFix.ALWAYS))).body["auto_fix_training_image"] is True


def test_a_step_that_failed_at_tavus_is_paid_for_again_after_a_while_and_no_more_often_than_allowed() -> None:
    again = _failed(Failure.AUDIO_PROCESSING)
    assert (again.state, again.due_at) == (State.QUEUED, LATER + RULES.paid_retry_delay)
    assert again.attempt == attempt(
        failure=Failure.AUDIO_PROCESSING,
        outcome=Outcome.FAILED,
        error_first_seen_at=LATER,
        deletable_at=LATER + RULES.refund_hold,
        ended_at=LATER,
        look_due_at=LATER,
    )
    assert _failed(Failure.AUDIO_PROCESSING, _training(AutoFix.NEVER, number=RULES.max_paid_attempts)).state is State.ABANDONED


def test_where_the_account_says_so_a_submission_is_paid_again_only_when_every_refund_is_safe() -> None:
    careful = Terms(retry_after_refund=True)
    again = _failed(Failure.AUDIO_PROCESSING, job(State.TRAINING, terms=careful))
    assert (again.state, again.due_at) == (State.QUEUED, LATER + RULES.refund_hold)
    earlier = attempt(1, Outcome.FAILED, deletable_at=LATER + 2 * RULES.refund_hold)
    two = job(State.TRAINING, terms=careful, attempts=(earlier, attempt(2, Outcome.CHARGED)))
    assert _failed(Failure.AUDIO_PROCESSING, two, Rules(max_paid_attempts=9)).due_at == earlier.deletable_at
    assert (
        f"{earlier.deletable_at:%Y-%m-%d}"
        in decided(two, ev.TrainingFailed(ReplicaId("r2"), Failure.AUDIO_PROCESSING, ""), LATER, Rules(max_paid_attempts=9)).why
    )


def test_a_refund_that_is_sooner_safe_than_the_usual_wait_is_over_does_not_shorten_it() -> None:
    hasty = Rules(refund_hold=SECOND)
    again = _failed(Failure.AUDIO_PROCESSING, job(State.TRAINING, terms=Terms(retry_after_refund=True)), hasty)
    assert again.due_at == LATER + RULES.paid_retry_delay


def test_attempts_that_cost_nothing_do_not_use_up_what_may_be_paid() -> None:
    free = (attempt(1, Outcome.REFUSED), attempt(2, Outcome.ABSENT), attempt(3, Outcome.CHARGED))
    assert _failed(Failure.AUDIO_PROCESSING, job(State.TRAINING, attempts=free)).state is State.QUEUED


def test_a_free_retry_stays_where_it_is_and_waits_as_long_as_it_is_told_to() -> None:
    refused = ev.SubmissionRefused(mark(), Failure.RATE_LIMITED, "429", MINUTE)
    again = after(job(State.SUBMITTING), refused)
    assert (again.state, again.due_at) == (State.QUEUED, NOW + MINUTE)
    assert again.failure is Failure.RATE_LIMITED


def test_a_wait_that_tavus_asks_for_does_not_shorten_our_own() -> None:
    for soon in (0 * SECOND, SECOND):
        again = after(job(State.SUBMITTING), ev.SubmissionRefused(mark(), Failure.RATE_LIMITED, "429", soon))
        assert again.due_at is not None
        assert again.due_at >= NOW + RULES.retry_base / 2


@pytest.mark.parametrize("failure", [Failure.UNRECOGNISED, Failure.OUT_OF_CREDIT, Failure.CELEBRITY_FOUND])
def test_news_of_an_older_submission_changes_no_policy(failure: Failure) -> None:
    second = job(State.SUBMITTING, attempts=(attempt(1, Outcome.REFUSED), attempt(2)))
    assert after(second, ev.SubmissionRefused(Mark(mark(1)), failure, "stale")) == second
