"""What was lost is looked for together: one pass over an account's list answers for every job, and each goes on by itself."""

from tests.worker.engine.house import MAIN, OTHER, House
from worker.core.events import ReleaseRequested
from worker.core.failures import Failure
from worker.core.job import JobId, Outcome
from worker.core.states import State

CUT = {"on": "create_replica", "kind": "cut", "times": 30}


def lost(house: House, count: int, moment: str = "after", account: str = MAIN) -> list[JobId]:
    """Jobs whose submissions were cut off."""
    house.sandbox.set_faults(CUT | {"moment": moment})
    ids = [house.enqueue(account=account) for _ in range(count)]
    for job_id in ids:
        assert house.step(job_id).state is State.SUBMITTING
    house.sandbox.set_faults()
    return ids


def looks(house: House) -> int:
    return house.asked().get("list_replicas", 0)


def test_thirty_lost_submissions_share_one_pass_over_the_list(either_house: House) -> None:
    house = either_house
    made, never = lost(house, 20), lost(house, 10, "before")
    for job_id in made + never:
        house.until_due(job_id)
    moved = house.engine.advance_many(made + never)
    assert looks(house) == 1
    assert len(moved) == 30
    for job_id in made:
        job = house.job(job_id)
        assert (job.state, house.paid(job_id)) == (State.TRAINING, [job.replica_id])
    for job_id in never:
        assert (house.job(job_id).state, house.job(job_id).scans, house.paid(job_id)) == (State.SUBMITTING, 1, [])


def test_each_account_has_a_pass_of_its_own(house: House) -> None:
    ours, theirs = lost(house, 3), lost(house, 3, account=OTHER)
    for job_id in ours + theirs:
        house.until_due(job_id)
    house.engine.advance_many(ours + theirs)
    assert looks(house) == 2
    assert {house.job(job_id).state for job_id in ours + theirs} == {State.TRAINING}


def test_a_list_that_is_not_read_leaves_every_one_of_them_where_it_is_and_pays_for_none(house: House) -> None:
    ids = lost(house, 5)
    for job_id in ids:
        house.until_due(job_id)
    house.sandbox.set_faults({"on": "list_replicas", "kind": "500", "times": 4})
    house.engine.advance_many(ids)
    assert {(job.state, job.scans, job.attempt.outcome) for job in house.ledger.get_many(ids)} == {(State.SUBMITTING, 0, Outcome.RESERVED)}
    for job_id in ids:
        house.until_due(job_id)
    house.engine.advance_many(ids)
    assert {job.state for job in house.ledger.get_many(ids)} == {State.TRAINING}
    assert [len(house.paid(job_id)) for job_id in ids] == [1] * 5


def test_a_list_that_stays_unreadable_is_put_before_a_person_and_read_on_when_he_says_so(house: House) -> None:
    (job_id,) = lost(house, 1)
    house.sandbox.set_faults({"on": "list_replicas", "kind": "500"})
    for _ in range(400):
        if house.job(job_id).state is State.HELD:
            break
        house.until_due(job_id)
        house.step(job_id)
    held = house.job(job_id)
    assert (held.state, held.failure, held.release_to) == (State.HELD, Failure.LOOKUP_UNREAD, State.SUBMITTING)
    assert house.told(job_id).count("LookupUnread") == 2, "it is told once, and when a person is asked"
    house.sandbox.set_faults()
    house.engine.tell(job_id, ReleaseRequested())
    assert house.go_on(job_id).state is State.DONE
    assert len(house.paid(job_id)) == 1
