"""The end of a conversation that somebody asked for is carried out, wherever a worker dies, and nobody else's conversation ends with it."""

from tests.worker.engine.dying import DiedError, Fate, dying
from tests.worker.engine.house import DONE, LEASE, House
from tests.worker.engine.states import done
from worker.core.events import ConversationEndRequested
from worker.core.job import Conversation, JobId
from worker.core.states import State

STEPS = ["ConversationEndRequested", "ConversationEnded"]


def talk_of(house: House, job_id: JobId) -> Conversation:
    talk = house.job(job_id).conversation
    assert talk is not None
    return talk


def active(house: House) -> set[str]:
    return {one["conversation_id"] for one in house.engine.performer.tavus.list_conversations("main", status="active").document["data"]}  # type: ignore[union-attr, index]  # the sandbox's page


def asked_to_end(house: House) -> JobId:
    """A job that is done, whose conversation somebody wants to end."""
    job_id = done(house)
    house.tell(job_id, ConversationEndRequested())
    assert house.ledger.due_deletions(house.clock.now, 9) == [job_id]
    return job_id


def test_a_conversation_ends_and_no_other_does(either_house: House) -> None:
    house = either_house
    jobs = [house.training(), house.training()]
    house.wait(DONE)
    for one in jobs * 2:  # trained, and then opened
        house.step(one)
    job_id, other = jobs
    assert len(active(house)) == 2
    house.tell(job_id, ConversationEndRequested())
    house.engine.delete_due(job_id)
    assert active(house) == {talk_of(house, other).id}
    assert talk_of(house, job_id).ended_at == house.clock.now
    assert house.told(job_id)[-2:] == STEPS
    assert house.job(job_id).state is State.DONE
    assert house.ledger.due_deletions(house.clock.now + LEASE, 9) == []


def test_whoever_dies_at_the_end_of_a_conversation_another_carries_it_out(house: House) -> None:
    fate = Fate()
    dying(house, fate).delete_due(asked_to_end(house))
    assert len(fate.crossed) == 8
    for at, name in enumerate(fate.crossed):
        job_id = asked_to_end(house)
        mortal = dying(house, Fate(at))
        try:
            mortal.delete_due(job_id)
        except DiedError:
            mortal.performer.tavus.close()
        house.wait(LEASE)
        for due in house.ledger.due_deletions(house.clock.now, 9):
            house.engine.delete_due(due)
        assert talk_of(house, job_id).ended_at is not None, name
        assert house.told(job_id).count("ConversationEnded") == 1, name
        assert active(house) == set(), name


def test_a_wish_waits_while_tavus_does_not_answer(house: House) -> None:
    job_id = asked_to_end(house)
    house.sandbox.set_faults({"on": "end_conversation", "kind": "503", "times": 1})
    house.engine.delete_due(job_id)
    assert talk_of(house, job_id).ended_at is None
    assert house.ledger.due_deletions(house.clock.now, 9) == []
    house.wait(LEASE)
    house.engine.delete_due(job_id)
    assert active(house) == set()
