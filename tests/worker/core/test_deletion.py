"""The one door of deletion: shut while a credit could be lost, and it says until when."""

from datetime import datetime

import pytest

from tests.worker.core.samples import HOUR, NOW, REPLICA, RULES, SECOND, after, attempt, decided, job, opening
from worker.core import events as ev
from worker.core.deletion import DeletionRefused
from worker.core.effects import DeleteReplica
from worker.core.failures import Failure
from worker.core.job import Job, Outcome, ReplicaId
from worker.core.states import State

DELETE = ev.DeletionRequested()
SAFE = NOW + RULES.refund_hold


def _refusal(one: Job, now: datetime = NOW) -> DeletionRefused:
    with pytest.raises(DeletionRefused) as raised:
        decided(one, DELETE, now)
    assert raised.value.reason.endswith(".")
    return raised.value


@pytest.mark.parametrize("state", [State.HELD, State.ABANDONED])
def test_a_failed_replica_is_kept_until_its_refund_is_safe_and_the_asker_is_told_when(state: State) -> None:
    refused = _refusal(job(state), SAFE - SECOND)
    assert refused.until == SAFE
    assert "refund" in refused.reason
    assert decided(job(state), DELETE, SAFE).effects == (DeleteReplica("main", REPLICA, failed=True, hard=False),)


def test_a_wish_that_comes_late_deletes_only_what_was_meant() -> None:
    meant = ev.DeletionRequested(replica_id=ReplicaId("r-of-an-earlier-attempt"))
    with pytest.raises(DeletionRefused, match="was meant, and the latest replica is"):
        decided(job(State.ABANDONED), meant, SAFE)
    assert decided(job(State.ABANDONED), ev.DeletionRequested(replica_id=REPLICA), SAFE).effects


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


@pytest.mark.parametrize("state", [State.READY, State.DONE, State.HELD, State.CANCELLED])
def test_a_trained_replica_may_be_deleted_at_once(state: State) -> None:
    trained = job(state, attempts=(attempt(1, Outcome.TRAINED),))
    asked = decided(trained, DELETE)
    assert asked.effects == (DeleteReplica("main", REPLICA, failed=False, hard=False),)
    assert asked.job == trained, "nothing is gone before Tavus says so"


def test_a_replica_whose_conversation_is_being_opened_is_kept() -> None:
    assert "conversation" in _refusal(opening()).reason


def test_assets_are_erased_only_when_that_is_asked_for() -> None:
    assert decided(job(State.DONE), ev.DeletionRequested(hard=True)).effects == (DeleteReplica("main", REPLICA, failed=False, hard=True),)


@pytest.mark.parametrize("one", [job(), job(State.SUBMITTING)])
def test_there_is_nothing_to_delete_before_there_is_a_replica(one: Job) -> None:
    assert "no replica" in _refusal(one).reason


def test_a_deleted_replica_stays_on_record_and_is_not_deleted_twice() -> None:
    deleted = decided(job(State.DONE), ev.ReplicaDeleted(REPLICA), NOW + HOUR).job
    assert deleted.attempts == (attempt(1, Outcome.TRAINED, deleted_at=NOW + HOUR),)
    assert decided(deleted, ev.ReplicaDeleted(REPLICA), NOW + 2 * HOUR).job == deleted
    assert (NOW + HOUR).isoformat() in _refusal(deleted).reason


@pytest.mark.parametrize("state", State)
def test_news_of_a_deletion_moves_no_job(state: State) -> None:
    before = job(state)
    for event in (ev.ReplicaDeleted(REPLICA), ev.ReplicaDeleted(ReplicaId("r9")), ev.DeletionDeclined(REPLICA, "it trains")):
        told = decided(before, event)
        assert (told.job.state, told.job.due_at, told.effects) == (before.state, before.due_at, ())


def test_a_declined_deletion_leaves_the_replica_on_record_and_says_why() -> None:
    declined = decided(job(State.ABANDONED), ev.DeletionDeclined(REPLICA, "it trains again"))
    assert declined.job == job(State.ABANDONED)
    assert "it trains again" in declined.why


def test_a_failure_deletes_nothing_by_itself() -> None:
    for failure in Failure:
        assert not [
            effect
            for effect in decided(job(State.TRAINING), ev.TrainingFailed(REPLICA, failure, "")).effects
            if isinstance(effect, DeleteReplica)
        ]


def test_the_hold_of_a_refund_runs_from_the_error_and_not_from_the_request() -> None:
    failed = after(job(State.TRAINING), ev.TrainingFailed(REPLICA, Failure.CELEBRITY_FOUND, ""), now=NOW + HOUR)
    assert _refusal(failed, SAFE).until == SAFE + HOUR
