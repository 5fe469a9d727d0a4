"""Money and promises against a Tavus that remembers: one payment, one conversation, nothing lost sight of, an end to every job."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.core.samples import HOUR, NOW, job, request
from tests.worker.core.world import World, calm, lived
from worker.core import events as ev
from worker.core.job import Outcome
from worker.core.request import AutoFix, Start
from worker.core.rules import Rules
from worker.core.states import FINAL, State

living = settings(max_examples=150, deadline=None)
starts = st.sampled_from(Start)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """What 40 to 80 strokes of luck make of a job."""
    asked = request(start=draw(starts), auto_fix=draw(st.sampled_from([AutoFix.ON_REJECTION, AutoFix.NEVER])))
    named = replace(asked, replica={**asked.replica, "replica_name": "Ann"})
    rules = Rules(clean_names=draw(st.booleans()), clean_up_failed=draw(st.booleans()))
    return lived(draw(st.binary(min_size=160, max_size=320)), job(request=named), rules)


def _wrongs(world: World, word: str) -> list[str]:
    return [wrong for wrong in world.wrongs if word in wrong]


@living
@given(worlds())
def test_no_training_is_paid_for_twice(world: World) -> None:
    assert _wrongs(calm(world), "paid for") == []


@living
@given(worlds())
def test_no_conversation_is_opened_twice(world: World) -> None:
    assert _wrongs(calm(world), "opened") == []


@living
@given(worlds())
def test_no_credit_is_lost_by_a_deletion(world: World) -> None:
    assert _wrongs(calm(world), "deleted") == []


@living
@given(worlds())
def test_every_job_comes_to_its_end_once_answers_come(world: World) -> None:
    ended = calm(world).job
    assert ended.state in FINAL | {State.READY}
    assert ended.due_at is None, "and to the end of all that is asked about it"


@living
@given(worlds())
def test_nothing_that_was_paid_for_is_lost_sight_of(world: World) -> None:
    ended = calm(world).job
    assert {replica.id for replica in world.replicas} == {attempt.replica_id for attempt in ended.attempts if attempt.replica_id}
    assert ended.is_settled, "of every submission it is known what became of its money"
    known = {ended.conversation.mark} if ended.conversation and ended.conversation.id else set()
    assert known <= set(world.conversations)
    assert set(world.conversations) - known <= world.over, "a visit opens another only once the one before has ended"


@living
@given(worlds())
def test_a_job_is_done_only_with_a_trained_replica_and_the_conversation_that_was_wanted(world: World) -> None:
    ended = calm(world).job
    if ended.state is State.DONE:
        assert ended.attempt.outcome is Outcome.TRAINED
        wanted = ended.request.start is Start.ON_READY or ended.conversation_wanted or bool(ended.openings)
        assert bool(world.conversations) == wanted
        assert len(world.conversations) - wanted <= len(world.over)


def test_in_fair_weather_a_job_costs_one_payment_few_looks_and_opens_its_conversation() -> None:
    world = calm(World(job()), looks=40)
    assert world.job.state is State.DONE
    assert (len(world.replicas), len(world.conversations)) == (1, 1)
    assert [attempt.outcome for attempt in world.job.attempts] == [Outcome.TRAINED]
    assert world.now < NOW + 2 * HOUR
    assert not [event for event in world.history if isinstance(event, ev.MarkAbsent)]


def test_who_comes_again_after_the_end_finds_a_second_conversation_and_the_first_bills_no_more() -> None:
    world = calm(World(job(request=request(start=Start.ON_DEMAND))))
    for _ in range(3):  # it is opened, found to have ended, opened anew
        world.now += HOUR
        world.tell(ev.LinkVisited())
        calm(world)
    assert world.job.conversation is not None
    assert [*world.over, world.job.conversation.mark] == world.conversations
    assert len(world.conversations) == 2
