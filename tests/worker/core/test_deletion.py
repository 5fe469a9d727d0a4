"""The one door of deletion: shut while a credit could be lost, it says until when; and what it lets in is looked at twice before it is done."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.worker.core.samples import HOUR, MINUTE, NOW, REPLICA, RULES, SECOND, after, attempt, decided, doomed, job, opening
from worker.core import events as ev
from worker.core.decision import Decision, IllegalTransition
from worker.core.deletion import DeletionRefused
from worker.core.effects import ConfirmFailure, DeleteReplica, StopAccount
from worker.core.failures import Failure
from worker.core.job import Deletion, Job, Outcome, ReplicaId
from worker.core.rules import Rules
from worker.core.states import State

DELETE, HARD = ev.DeletionRequested(), ev.DeletionRequested(hard=True, replica_id=REPLICA)
DUE, CONFIRMED, DELETED = ev.DeletionFellDue(REPLICA), ev.FailureConfirmed(REPLICA), ev.ReplicaDeleted(REPLICA)
SAFE = NOW + RULES.refund_hold
SETTLED = (State.READY, State.DONE, State.HELD, State.CANCELLED)


def _refusal(one: Job, now: datetime = NOW, event: ev.Event = DELETE) -> DeletionRefused:
    with pytest.raises(DeletionRefused) as raised:
        decided(one, event, now)
    assert raised.value.reason.endswith(".")
    return raised.value


def _wish(one: Job) -> Deletion:
    assert one.attempt.deletion is not None
    return one.attempt.deletion


@pytest.mark.parametrize("event", [DELETE, HARD])
@pytest.mark.parametrize("state", [State.HELD, State.ABANDONED])
def test_a_failed_replica_is_kept_until_its_refund_is_safe_and_the_asker_is_told_when(state: State, event: ev.Event) -> None:
    refused = _refusal(job(state), SAFE - SECOND, event)
    assert refused.until == SAFE
    assert "refund" in refused.reason
    assert _wish(decided(job(state), event, SAFE).job).due_at == SAFE


@pytest.mark.parametrize("event", [DELETE, HARD])
@pytest.mark.parametrize("state", SETTLED)
def test_a_wish_is_let_in_and_nothing_is_done_for_it_yet(state: State, event: ev.DeletionRequested) -> None:
    trained = job(state, attempts=(attempt(1, Outcome.TRAINED),))
    asked = decided(trained, event, NOW + HOUR)
    assert asked.effects == ()
    assert asked.job == trained.with_attempt(replace(trained.attempt, deletion=Deletion(due_at=NOW + HOUR, hard=event.hard)))


def test_a_wish_deletes_only_what_was_meant() -> None:
    meant = ev.DeletionRequested(replica_id=ReplicaId("r-of-another-job"))
    assert "no replica r-of-another-job" in _refusal(job(State.ABANDONED), SAFE, meant).reason
    twice = job(State.DONE, attempts=(attempt(1, Outcome.FAILED), attempt(2, Outcome.TRAINED)))
    first, second = decided(twice, ev.DeletionRequested(replica_id=REPLICA), SAFE).job.attempts
    assert first.deletion is not None
    assert second.deletion is None


def test_a_wish_that_names_no_replica_means_the_one_that_the_job_follows_or_the_last_that_was_made() -> None:
    followed = job(State.DONE, attempts=(attempt(1, Outcome.TRAINED), attempt(2, Outcome.FAILED)))
    assert [one.number for one in decided(followed, DELETE, SAFE).job.attempts if one.deletion] == [1]
    refused_after = job(State.ABANDONED, attempts=(attempt(1, Outcome.FAILED), attempt(2, Outcome.REFUSED)))
    assert [one.number for one in decided(refused_after, DELETE, SAFE).job.attempts if one.deletion] == [1]


def test_erasing_assets_is_for_ever_so_it_names_the_replica() -> None:
    assert "r1" in _refusal(job(State.DONE), event=ev.DeletionRequested(hard=True)).reason
    assert _wish(decided(job(State.DONE), HARD).job).hard


def test_a_wish_that_is_repeated_changes_nothing_and_one_for_more_keeps_what_was_confirmed() -> None:
    confirmed = doomed(State.ABANDONED, Outcome.FAILED, due_at=NOW + MINUTE, confirmed_at=NOW)
    assert decided(confirmed, DELETE, NOW) == Decision(confirmed)
    assert _wish(decided(confirmed, HARD, NOW).job) == Deletion(due_at=NOW + MINUTE, hard=True, confirmed_at=NOW)
    assert _wish(decided(doomed(due_at=NOW + HOUR), HARD, NOW).job) == Deletion(due_at=NOW, hard=True)


def test_a_failed_replica_without_a_date_is_kept() -> None:
    undated = job(State.ABANDONED, attempts=(attempt(1, Outcome.FAILED, deletable_at=None),))
    assert _refusal(undated, NOW + 1000 * HOUR).until is None


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("outcome", [Outcome.RESERVED, Outcome.CHARGED, Outcome.REFUSED, Outcome.ABSENT])
def test_what_may_be_training_is_never_deleted_however_late(state: State, outcome: Outcome) -> None:
    training = job(state, attempts=(attempt(1, outcome, replica_id=REPLICA),))
    refused = _refusal(training, NOW + 1000 * HOUR)
    assert refused.until is None
    assert "training" in refused.reason


def test_a_replica_whose_conversation_is_being_opened_is_kept() -> None:
    assert "conversation" in _refusal(opening()).reason
    held = job(State.HELD, attempts=(attempt(1, Outcome.TRAINED),), failure=Failure.CONVERSATION_REFUSED, release_to=State.OPENING)
    assert "conversation" in _refusal(held).reason


@pytest.mark.parametrize("one", [job(), job(State.SUBMITTING)])
def test_there_is_nothing_to_delete_before_there_is_a_replica(one: Job) -> None:
    assert "no replica" in _refusal(one).reason


def test_a_deleted_replica_stays_on_record_and_is_not_deleted_twice() -> None:
    deleted = decided(doomed(), DELETED, NOW + HOUR).job
    assert deleted.attempts == (attempt(1, Outcome.TRAINED, deleted_at=NOW + HOUR),)
    assert decided(deleted, DELETED, NOW + 2 * HOUR).job == deleted
    assert (NOW + HOUR).isoformat() in _refusal(deleted).reason


# From the wish to the deletion.


@pytest.mark.parametrize("hard", [False, True])
def test_a_trained_replica_is_deleted_as_soon_as_its_wish_falls_due(*, hard: bool) -> None:
    begun = decided(doomed(hard=hard), DUE)
    assert begun.effects == (DeleteReplica("main", REPLICA, failed=False, hard=hard),)
    assert begun.job.attempt.deleted_at is None, "nothing is gone before Tavus says so"


def test_a_failed_replica_is_deleted_after_two_looks_some_time_apart_and_no_sooner() -> None:
    first = decided(doomed(State.ABANDONED, Outcome.FAILED), DUE)
    assert first.effects == (ConfirmFailure("main", REPLICA),)
    confirmed = decided(first.job, CONFIRMED, NOW + SECOND).job
    then = NOW + SECOND + RULES.refund_confirm
    assert _wish(confirmed) == Deletion(due_at=then, confirmed_at=NOW + SECOND)
    assert decided(confirmed, DUE, then - SECOND) == Decision(confirmed)
    assert decided(confirmed, DUE, then).effects == (DeleteReplica("main", REPLICA, failed=True, hard=False),)


def test_a_confirmation_that_comes_twice_does_not_put_the_deletion_off() -> None:
    confirmed = decided(doomed(State.ABANDONED, Outcome.FAILED), CONFIRMED).job
    assert decided(confirmed, CONFIRMED, NOW + HOUR) == Decision(confirmed)
    assert decided(job(State.ABANDONED), CONFIRMED) == Decision(job(State.ABANDONED)), "nobody wanted it"


def test_whoever_comes_to_a_deletion_that_somebody_is_at_finds_nothing_to_do() -> None:
    begun = decided(doomed(), DUE).job
    assert decided(begun, DUE, NOW + RULES.lease - SECOND) == Decision(begun)
    assert decided(begun, DUE, NOW + RULES.lease).effects, "unless he died"


def test_a_deletion_that_nobody_wants_is_not_begun() -> None:
    for event in (DUE, ev.DeletionFellDue(ReplicaId("r9"))):
        assert decided(job(State.DONE), event) == Decision(job(State.DONE))


def test_a_wish_is_over_when_what_it_asks_for_is_not_safe_any_more() -> None:
    # Such a row comes about by hand alone: no conversation opens with a replica that is wished away.
    held = job(State.HELD, attempts=doomed().attempts, failure=Failure.CONVERSATION_REFUSED, release_to=State.OPENING)
    begun = decided(held, DUE)
    assert (begun.effects, begun.job.attempt.deletion) == ((), None)
    assert "is being opened" in begun.why


def test_an_answer_that_is_none_leaves_the_wish_for_later() -> None:
    for told, wait in ((None, RULES.retry_cap), (HOUR, HOUR), (SECOND, RULES.retry_cap)):
        later = decided(doomed(hard=True, confirmed_at=NOW), ev.DeletionUnread(REPLICA, "500", told), NOW + HOUR)
        assert _wish(later.job) == Deletion(due_at=NOW + HOUR + wait, hard=True, confirmed_at=NOW)
        assert "500" in later.why
    assert decided(job(State.DONE), ev.DeletionUnread(REPLICA, "500")) == Decision(job(State.DONE))
    keyless = decided(doomed(), ev.DeletionUnread(REPLICA, "401", account_fault=Failure.KEY_REJECTED))
    assert keyless.effects == (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)


def test_a_declined_deletion_ends_the_wish_leaves_the_replica_on_record_and_says_why() -> None:
    declined = decided(doomed(), ev.DeletionDeclined(REPLICA, "it is in a conversation"))
    assert declined.job == job(State.DONE)
    assert "in a conversation" in declined.why


@pytest.mark.parametrize("state", State)
def test_news_of_a_deletion_moves_no_job(state: State) -> None:
    other = ReplicaId("r9")
    for event in (
        DELETED, ev.ReplicaDeleted(other), ev.DeletionDeclined(REPLICA, "it trains"), ev.DeletionDeclined(other, "it trains"),
        CONFIRMED, ev.DeletionUnread(REPLICA, "500"),
    ):  # fmt: skip
        told = decided(job(state), event)
        assert (told.job.state, told.job.due_at, told.effects) == (state, job(state).due_at, ())


def test_no_conversation_opens_with_a_replica_that_is_gone_or_wished_away() -> None:
    on_demand = doomed(State.READY, due_at=NOW + HOUR)
    beside_another = job(State.READY, attempts=(attempt(1, Outcome.CHARGED), attempt(2, Outcome.TRAINED, deleted_at=NOW)))
    for gone in (on_demand, after(on_demand, DELETED), beside_another):
        with pytest.raises(IllegalTransition, match="deleted, or is about to be"):
            decided(gone, ev.ConversationRequested())


def test_a_failure_deletes_nothing_by_itself() -> None:
    for failure in Failure:
        failed = decided(job(State.TRAINING), ev.TrainingFailed(REPLICA, failure, ""))
        assert not [effect for effect in failed.effects if isinstance(effect, DeleteReplica | ConfirmFailure)]
        assert failed.job.attempts[0].deletion is None


@pytest.mark.parametrize("state", [State.TRAINING, State.CANCELLED])
def test_where_failed_replicas_are_cleaned_up_the_wish_comes_with_the_failure_and_waits_for_the_refund(state: State) -> None:
    tidy = Rules(clean_up_failed=True)
    training: dict[str, Any] = {"attempts": (attempt(1, Outcome.CHARGED),)}
    failed = after(job(state, **training), ev.TrainingFailed(REPLICA, Failure.CELEBRITY_FOUND, ""), now=NOW + HOUR, rules=tidy)
    assert _wish(failed) == Deletion(due_at=NOW + HOUR + RULES.refund_hold)
    trained = after(job(state, **training), ev.TrainingCompleted(REPLICA), rules=tidy)
    assert trained.attempt.deletion is None


def test_the_hold_of_a_refund_runs_from_the_error_and_not_from_the_request() -> None:
    failed = after(job(State.TRAINING), ev.TrainingFailed(REPLICA, Failure.CELEBRITY_FOUND, ""), now=NOW + HOUR)
    assert _refusal(failed, SAFE).until == SAFE + HOUR


def test_a_job_that_ends_after_the_wish_is_deleted_all_the_same() -> None:
    cancelled = after(doomed(State.READY), ev.CancelRequested())
    assert decided(cancelled, DUE).effects == (DeleteReplica("main", REPLICA, failed=False, hard=False),)
