"""A conversation bills from its creation: a full house is waited for, a lost request is looked for by its mark, and there are never two."""

from typing import Any

import pytest

from tests.sandbox.server import Sandbox
from tests.worker.engine.doorway import a_doorway, is_opening
from tests.worker.engine.house import HOUR, MAIN, RULES, House
from tests.worker.tavus.scripted import Asked
from worker.core.events import CancelRequested, ReleaseRequested
from worker.core.job import Job, JobId
from worker.core.states import State

CUT: dict[str, Any] = {"on": "create_conversation", "kind": "cut", "times": 1}


def lost(house: House, **fault: Any) -> JobId:  # noqa: ANN401 - a line of the fault script
    """A job whose request for a conversation met this fault."""
    job_id = house.opening()
    house.sandbox.set_faults(CUT | fault)
    assert house.step(job_id).state is State.OPENING
    assert house.told(job_id)[-1] == "ConversationLost"
    return job_id


def conversation(job: Job) -> tuple[str | None, str | None]:
    assert job.conversation is not None
    return job.conversation.id, job.conversation.url


def test_a_full_house_is_waited_for_and_the_conversation_opens_when_there_is_room(house: House) -> None:
    house.sandbox.account("key-of-main", max_conversations=1)
    first, second = house.opening(), house.opening()
    assert house.step(first).state is State.DONE
    for tries in (1, 2):
        full = house.step(second)
        assert (full.state, full.failure, full.tries) == (State.OPENING, "conversations_full", tries)
        house.until_due(second)
    house.wait(HOUR)  # nobody joined the first
    assert house.step(second).state is State.DONE
    assert [len(house.opened(one)) for one in (first, second)] == [1, 1]
    assert "list_conversations" not in house.asked()


@pytest.mark.parametrize("kind", ["cut", "half", "500", "502", "garbage", "no_id"])
def test_a_conversation_whose_answer_was_lost_is_found_by_its_mark(house: House, kind: str) -> None:
    job_id = lost(house, kind=kind, moment="after")
    (opened,) = house.opened(job_id)
    house.until_due(job_id)
    job = house.step(job_id)
    assert (job.state, conversation(job)) == (State.DONE, (opened, f"https://tavus.daily.co/{opened}"))
    assert house.opened(job_id) == [opened]


def test_a_conversation_that_was_never_opened_is_asked_for_again_once_it_was_absent_over_the_settle_time(house: House) -> None:
    job_id, began = lost(house, moment="before"), house.clock.now
    job = house.go_on(job_id)
    assert job.state is State.DONE
    assert house.clock.now - began >= RULES.settle_time
    assert house.opened(job_id) == [conversation(job)[0]]


def test_a_list_of_conversations_that_cannot_be_read_opens_no_second(house: House) -> None:
    job_id = lost(house, moment="after")
    house.sandbox.set_faults({"on": "list_conversations", "kind": "500"})
    for _ in range(6):
        house.until_due(job_id)
        assert house.step(job_id).state is State.OPENING
    assert (house.asked()["create_conversation"], len(house.opened(job_id))) == (1, 1)


def test_a_conversation_that_was_opened_while_its_job_was_cancelled_is_on_record_and_ended(house: House, sandbox: Sandbox) -> None:
    job_id = house.opening()

    def cancel(asked: Asked) -> None:
        if is_opening(asked):
            house.tell(job_id, CancelRequested())

    with a_doorway(sandbox, cancel) as url:
        job = house.step(job_id, house.another(url))
    assert house.opened(job_id) == [conversation(job)[0]]
    assert job.state is State.CANCELLED
    assert house.ledger.due_deletions(house.engine.clock(), 9) == [job_id]  # it bills: a sweep has it ended
    [ended] = house.engine.delete_due(job_id)
    assert ended.conversation is not None
    assert ended.conversation.ended_at is not None
    assert house.asked()["end_conversation"] == 1


def test_a_refused_conversation_holds_the_job_and_is_not_taken_for_a_failed_training(house: House) -> None:
    job_id = house.opening()
    replica_id = house.job(job_id).replica_id
    assert replica_id is not None
    house.engine.performer.tavus.delete_replica(MAIN, replica_id, hard=False)  # as somebody in Tavus' own console would
    held = house.step(job_id)
    assert (held.state, held.failure) == (State.HELD, "conversation_refused")
    assert house.tell(job_id, ReleaseRequested()).state is State.OPENING
    assert (len(house.paid(job_id)), house.opened(job_id)) == (1, [])
