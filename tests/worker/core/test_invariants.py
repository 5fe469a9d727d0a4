"""The promises about every job: one that breaks a promise is named, and the product's own jobs break none."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given

from tests.worker.core.samples import FOREIGN, NOW, RULES, SECOND, attempt, job, mark, request, talk
from tests.worker.core.test_world import living, worlds
from tests.worker.core.walks import Life, lives, walking
from tests.worker.core.world import World, calm
from worker.core.invariants import Broken, broken
from worker.core.job import Conversation, Deletion, Job, Outcome, ReplicaId
from worker.core.request import Start
from worker.core.states import State

_CHARGED, _TRAINED, _FAILED, _ABSENT = Outcome.CHARGED, Outcome.TRAINED, Outcome.FAILED, Outcome.ABSENT
_OUTLIVED = 2 * RULES.training_deadline
_SAFE = NOW + RULES.refund_hold


def _over(*attempts: object, state: State = State.ABANDONED, **changes: object) -> Job:
    """A job that is over, of these attempts."""
    return job(state, attempts=attempts, **changes)


def found(one: Job, after: timedelta = timedelta(0)) -> list[Broken]:
    """What is broken some time after NOW."""
    return list(broken(one, NOW + after, RULES))


@dataclass(frozen=True)
class Case:
    """A job that breaks one promise, and the same job mended; `word`: what stands in the sentence."""

    job: Job
    mended: Job
    check: str
    word: str


_WISH = Deletion(due_at=_SAFE)
CASES = {
    **{f"a {state} job that nothing will look at": Case(job(state, due_at=None), job(state), "next look", "nothing will ever look at it")
       for state in (State.QUEUED, State.SUBMITTING, State.TRAINING, State.OPENING)},
    "a held job that is due": Case(job(State.HELD, due_at=NOW), job(State.HELD), "next look", f"due at {NOW.isoformat()}"),
    "a ready job whose other training nobody looks at": Case(
        job(State.READY, due_at=None, attempts=(attempt(1, _CHARGED), attempt(2, _TRAINED, deleted_at=NOW))),
        job(State.READY, due_at=NOW, attempts=(attempt(1, _CHARGED), attempt(2, _TRAINED, deleted_at=NOW))), "next look", "-1 is unsettled"),
    **{f"a {state} job whose training nobody looks at": Case(
        _over(attempt(1, _CHARGED), state=state, due_at=None), _over(attempt(1, _CHARGED, vanished_at=NOW), state=state, due_at=None),
        "next look", "-1 is unsettled") for state in (State.ABANDONED, State.CANCELLED)},
    "two submissions that may be paid": Case(
        _over(attempt(1, _CHARGED), attempt(2), due_at=NOW), _over(attempt(1, _ABSENT), attempt(2), due_at=NOW), "paid once", "-1, rw-"),
    "two replicas that are trained": Case(
        _over(attempt(1, _TRAINED), attempt(2, _TRAINED)), _over(attempt(1, _TRAINED), attempt(2, _TRAINED, deleted_at=NOW)),
        "paid once", "more than one"),
    "a trained replica beside one that is not gone": Case(
        _over(attempt(1, _TRAINED), attempt(2, _CHARGED), due_at=NOW), _over(attempt(1, _TRAINED), attempt(2, _CHARGED, vanished_at=NOW)),
        "paid once", "more than one"),
    "a mark on further replicas": Case(
        _over(attempt(1, _TRAINED, strays=(ReplicaId("r8"), ReplicaId("r9")))), _over(attempt(1, _TRAINED)), "paid once", "r8, r9"),
    "a failed replica that nobody keeps": Case(
        _over(attempt(1, _FAILED, deletable_at=None)), _over(attempt(1, _FAILED)), "refund", "until when"),
    "a failed replica deleted too early": Case(
        _over(attempt(1, _FAILED, deleted_at=_SAFE - SECOND)), _over(attempt(1, _FAILED, deleted_at=_SAFE)), "refund", f"before {_SAFE.isoformat()}"),
    "a failed replica that is to be deleted too early": Case(
        _over(attempt(1, _FAILED, deletion=replace(_WISH, due_at=_SAFE - SECOND))), _over(attempt(1, _FAILED, deletion=_WISH)),
        "refund", "is to be deleted"),
    "a replica deleted while it may train": Case(
        _over(attempt(1, _CHARGED, deleted_at=NOW), due_at=NOW), _over(attempt(1, _TRAINED, deleted_at=NOW), due_at=NOW),
        "refund", "may have been training"),
    "a submission that is missing": Case(
        _over(attempt(2, _ABSENT)), _over(attempt(1, _ABSENT), attempt(2, _ABSENT)), "attempts", "attempt 1 is missing"),
    "a mark of somebody else": Case(_over(attempt(1, _ABSENT, mark=FOREIGN)), _over(attempt(1, _ABSENT)), "attempts", FOREIGN),
    "a replica of a submission that was never paid": Case(
        _over(attempt(1, _ABSENT, replica_id=ReplicaId("r1"))), _over(attempt(1, _ABSENT)), "attempts", "absent with the replica r1"),
    "a paid submission without its replica": Case(
        _over(attempt(1, _TRAINED, replica_id=None)), _over(attempt(1, _TRAINED)), "attempts", "trained with the replica unknown"),
    **{f"a {state} job without a submission": Case(job(state, attempts=()), job(state), "state", f"it is {state}, and its submission is not there")
       for state in (State.SUBMITTING, State.TRAINING, State.READY, State.OPENING, State.DONE)},
    **{f"a {state} job of a submission that was absent": Case(
        job(state, attempts=(attempt(1, _ABSENT),)), job(state), "state", f"it is {state}, and its submission is absent")
       for state in (State.SUBMITTING, State.TRAINING, State.READY, State.OPENING, State.DONE)},
    **{f"a queued job whose submission is {outcome}": Case(
        job(attempts=(attempt(1, outcome),)), job(), "state", f"queued to be paid for, though {mark()} is {outcome}")
       for outcome in (Outcome.RESERVED, _TRAINED)},
    "a queued job whose replica is trained": Case(
        job(attempts=(attempt(1, _TRAINED),)), job(attempts=(attempt(1, _TRAINED, deleted_at=NOW),)), "state", "queued to be paid for"),
    "a held job without a reason": Case(job(State.HELD, failure=None), job(State.HELD), "state", "nobody noted why"),
    "a done job without a conversation": Case(job(State.DONE, conversation=None), job(State.DONE), "state", "without the conversation"),
    "a done job whose conversation was never opened": Case(
        job(State.DONE, conversation=Conversation(mark=talk())), job(State.DONE), "state", "without the conversation"),
    "a done job without the conversation that was asked for later": Case(
        job(State.DONE, conversation=None, request=request(start=Start.NONE), conversation_wanted=True),
        job(State.DONE, conversation=None, request=request(start=Start.NONE)), "state", "without the conversation"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_breaks_a_promise_is_named_with_it_and_no_longer_once_it_is_mended(name: str) -> None:
    case = CASES[name]
    (one,) = found(case.job)
    assert one.check == case.check
    assert case.word in one.problem
    assert found(case.mended) == []


@pytest.mark.parametrize("state", State)
def test_a_job_as_it_typically_is_breaks_none(state: State) -> None:
    assert found(job(state)) == []


def test_a_job_that_breaks_many_promises_is_named_with_each() -> None:
    wrong = _over(
        attempt(1, _FAILED, deletable_at=None, strays=(ReplicaId("r9"),)), attempt(3, mark=FOREIGN), state=State.DONE, conversation=None
    )
    assert [one.check for one in found(wrong)] == ["next look", "paid once", "refund", "attempts", "state", "state"]


def test_what_has_outlived_every_deadline_need_not_be_looked_at() -> None:
    left = _over(attempt(1, _CHARGED), due_at=None)
    assert [one.check for one in found(left, _OUTLIVED - SECOND)] == ["next look"]
    assert found(left, _OUTLIVED) == []


@living
@given(worlds())
def test_no_job_that_lived_with_a_tavus_that_remembers_breaks_any(world: World) -> None:
    assert list(broken(world.job, world.now, world.rules)) == []
    calm(world)
    assert list(broken(world.job, world.now, world.rules)) == []


@walking
@given(lives())
def test_no_life_breaks_a_promise_that_is_ours_alone(life: Life) -> None:
    for step in life:
        # What Tavus makes twice, or late, or somebody deletes with a key of his own, is not ours to prevent: it is ours to find.
        theirs = {"paid once", "refund"}
        assert [one for one in found(step.job, step.now - NOW) if one.check not in theirs] == [], str(step)
