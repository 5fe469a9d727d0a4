"""After a restore nothing is paid for that Tavus has already: what a backup does not know is put on record and followed."""

from dataclasses import replace

import pytest

from tests.worker.core.samples import FOREIGN, HOUR, NOW, RULES, attempt, decided, job, mark
from worker.core import events as ev
from worker.core.aftermath import unsettled
from worker.core.decision import Decision
from worker.core.effects import PollReplica
from worker.core.invariants import broken
from worker.core.job import Job, Outcome, ReplicaId
from worker.core.states import FINAL, WATCHED, State

LATER = NOW + HOUR


def found(number: int = 1) -> ev.MarkDiscovered:
    return ev.MarkDiscovered(mark(number), ReplicaId(f"r{number}"), NOW)


@pytest.mark.parametrize(
    "before",
    [
        job(),
        job(attempts=(attempt(1, Outcome.ABSENT),)),
        job(attempts=(attempt(1, Outcome.FAILED),)),
        job(State.SUBMITTING, attempts=(attempt(1),)),
        job(State.HELD, attempts=()),
        job(State.HELD, attempts=(attempt(1, Outcome.FAILED),)),
    ],
    ids=lambda one: f"{one.state} with {[str(each.outcome) for each in one.attempts]}",
)
@pytest.mark.parametrize("number", [2, 3])
def test_a_submission_that_the_backup_does_not_know_is_followed_at_once_and_nothing_is_paid(before: Job, number: int) -> None:
    followed = decided(before, found(number), LATER)
    assert (followed.job.state, followed.job.replica_id, followed.job.due_at) == (State.TRAINING, f"r{number}", LATER)
    assert [one.number for one in followed.job.attempts] == list(range(1, number + 1))
    assert followed.job.attempts[-1] == attempt(number, Outcome.CHARGED)
    assert not [*broken(followed.job, LATER, RULES)]
    assert decided(followed.job, ev.FellDue(), LATER).effects == (PollReplica("main", ReplicaId(f"r{number}"), "phoenix-4"),)


def test_of_what_was_sent_before_it_nothing_was_left() -> None:
    lost = decided(job(State.SUBMITTING, attempts=(attempt(1),)), found(3), LATER).job
    assert [one.outcome for one in lost.attempts] == [Outcome.ABSENT, Outcome.ABSENT, Outcome.CHARGED]


def test_the_submission_that_was_out_is_the_job_s_when_it_is_there() -> None:
    assert decided(job(State.SUBMITTING), found(1), LATER).job.attempts == (attempt(1, Outcome.CHARGED),)


@pytest.mark.parametrize("state", [State.READY, State.OPENING, *sorted(FINAL)])
def test_a_job_that_has_all_it_wanted_or_is_over_stays_so_and_what_was_paid_is_on_record(state: State) -> None:
    recorded = decided(job(state), found(2), LATER).job
    assert (recorded.state, recorded.attempts[-1]) == (state, attempt(2, Outcome.CHARGED))
    if state in WATCHED:
        assert unsettled(recorded) == recorded.attempts[-1]
        assert recorded.due_at is not None


def test_a_cancelled_wish_stays_one() -> None:
    gone = decided(job(State.SUBMITTING, cancel_requested=True), found(1), LATER).job
    assert (gone.state, gone.attempt.outcome) == (State.CANCELLED, Outcome.CHARGED)


@pytest.mark.parametrize("state", State)
def test_it_is_told_once_and_a_name_that_is_not_the_job_s_or_cannot_be_is_not_believed(state: State) -> None:
    known = decided(job(state), found(2), LATER).job
    assert decided(known, found(2), LATER) == Decision(known)
    for other in (replace(found(), mark=FOREIGN), found(0), found(2003)):
        assert decided(job(state), other, LATER) == Decision(job(state))
