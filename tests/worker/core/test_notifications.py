"""Each move into a state that callers wait for is told, once, with what happened and what can be done; and nothing else is told."""

from dataclasses import replace

import pytest

from tests.worker.core.samples import EVENTS, NOW, REPLICA, RULES, job
from tests.worker.core.test_decide import JOBS
from worker.core import events as ev
from worker.core.decide import decide
from worker.core.decision import Decision, IllegalTransition
from worker.core.effects import TellCaller
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Job
from worker.core.notifications import KINDS, what_to_do, word_of
from worker.core.states import State

ADDRESS = "https://caller.example/told?token=S3CRET"
TOLD = {
    State.DONE: "job.done",
    State.READY: "job.ready",
    State.HELD: "job.held",
    State.ABANDONED: "job.abandoned",
    State.CANCELLED: "job.cancelled",
}


def asking(one: Job) -> Job:
    """The same job of a caller who wants to be told."""
    return replace(one, request=replace(one.request, notify_url=ADDRESS))


def outcome(before: Job, event: ev.Event) -> Decision | None:
    try:
        return decide(before, event, NOW, RULES)
    except IllegalTransition:
        return None


def words(decision: Decision) -> list[TellCaller]:
    return [effect for effect in decision.effects if isinstance(effect, TellCaller)]


def test_every_state_in_which_nothing_goes_on_by_itself_is_told() -> None:
    assert {state: kind.value for state, kind in KINDS.items()} == TOLD


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_move_is_told_when_it_comes_into_such_a_state_and_only_to_who_asked(event: ev.Event) -> None:
    for before in JOBS:
        decision, untold = outcome(asking(before), event), outcome(before, event)
        assert (decision is None) == (untold is None)
        if decision is None or untold is None:
            continue
        moved = decision.job.state is not before.state
        assert [word.kind for word in words(decision)] == ([TOLD[decision.job.state]] if moved and decision.job.state in TOLD else [])
        assert words(untold) == []
        assert tuple(effect for effect in decision.effects if not isinstance(effect, TellCaller)) == untold.effects


def test_a_job_that_is_held_released_and_held_again_is_told_of_twice() -> None:
    odd = ev.TrainingFailed(REPLICA, Failure.UNRECOGNISED, "odd")
    training = asking(job(State.TRAINING))
    held = decide(training, odd, NOW, RULES)
    released = decide(held.job, ev.ReleaseRequested(), NOW, RULES)
    again = decide(replace(training, version=9), odd, NOW, RULES)
    assert [[word.kind for word in words(one)] for one in (held, released, again)] == [["job.held"], [], ["job.held"]]


@pytest.mark.parametrize("failure", Failure)
def test_what_to_do_is_the_policys_sentence_unless_that_promises_another_try(failure: Failure) -> None:
    for state in (State.HELD, State.ABANDONED):
        said = what_to_do(job(state, failure=failure))
        if POLICIES[failure].action is Action.RETRY_FREE:
            assert "by itself" not in said
        else:
            assert said == POLICIES[failure].told
        assert said.endswith(".")


@pytest.mark.parametrize("state", TOLD)
def test_a_word_says_what_happened_and_what_can_be_done_and_stays_short(state: State) -> None:
    [word] = word_of(asking(job(state, detail="x" * 5000)), "y" * 5000)
    assert word.about["state"] == state.value
    assert word.about["what_to_do"]
    assert len(word.about["what_happened"]) == len(word.about["detail"]) == 1000
    assert word.about["replica_id"] == job(state).replica_id
    assert "S3CRET" not in repr(word)


def test_a_word_holds_no_address_not_even_the_conversations() -> None:
    [word] = word_of(asking(job(State.DONE)), "the conversation is c1")
    assert word.about["conversation_id"] == "c1"
    assert "https://" not in repr(word)
