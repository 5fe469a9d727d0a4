"""Intent before money: whatever may cost something is written and committed before the request reaches Tavus, and its outcome only after."""

from tests.sandbox.server import Sandbox
from tests.worker.engine.doorway import a_doorway, is_opening, is_submission
from tests.worker.engine.house import House
from tests.worker.tavus.scripted import Asked
from worker.core.job import Job, Outcome
from worker.core.marks import mark_in
from worker.core.states import State


def test_when_the_submission_arrives_the_committed_row_says_submitting_with_that_mark(either_house: House, sandbox: Sandbox) -> None:
    house, seen = either_house, list[tuple[Asked, Job, list[str]]]()

    def watch(asked: Asked) -> None:
        if is_submission(asked):
            seen.append((asked, house.job(job_id), house.told(job_id)))

    job_id = house.enqueue(replica_name="Ann")
    with a_doorway(sandbox, watch) as url:
        house.step(job_id, house.another(url))
    ((asked, job, told),) = seen
    assert job.state is State.SUBMITTING
    assert (job.attempt.mark, job.attempt.outcome, job.replica_id) == (mark_in(asked.json["replica_name"]), Outcome.RESERVED, None)
    assert told == ["Enqueued", "InputPassed"]


def test_when_the_conversation_is_asked_for_the_committed_row_says_so_with_that_mark(either_house: House, sandbox: Sandbox) -> None:
    house, seen = either_house, list[tuple[Asked, Job]]()

    def watch(asked: Asked) -> None:
        if is_opening(asked):
            seen.append((asked, house.job(job_id)))

    job_id = house.opening()
    with a_doorway(sandbox, watch) as url:
        house.step(job_id, house.another(url))
    ((asked, job),) = seen
    assert job.state is State.OPENING
    assert job.conversation is not None
    assert (job.conversation.mark, job.conversation.intended_at) == (mark_in(asked.json["conversation_name"]), house.clock.now)
    assert (job.conversation.id, asked.json["replica_id"]) == (None, job.replica_id)


def test_while_tavus_is_asked_anything_no_transaction_is_open(house: House, sandbox: Sandbox) -> None:
    written = list[str]()

    def watch(asked: Asked) -> None:
        # SQLite has one writer: if the worker still held its transaction, this would wait for ever.
        house.ledger.keep_voices("main", [asked.path], house.clock.now)
        written.append(f"{asked.method} {asked.path.rpartition('/')[2][:13]}")

    job_id = house.enqueue()
    with a_doorway(sandbox, watch) as url:
        house.go_on(job_id, house.another(url))
    assert [line.partition(" ")[0] for line in written] == ["POST", "GET", "POST"]
    assert (written[0], written[2]) == ("POST replicas", "POST conversations")
