"""A callback that names a replica finds it at once; it is believed when the replica itself carries the mark, and not before."""

from tests.sandbox.server import Sandbox
from tests.worker.engine.doorway import a_doorway, is_submission
from tests.worker.engine.house import House
from tests.worker.engine.states import LOST
from tests.worker.tavus.scripted import Asked
from worker.core.events import CallbackReceived
from worker.core.job import JobId, Outcome, ReplicaId
from worker.core.states import State


def witness(house: House, job_id: JobId, replica_id: str) -> None:
    house.tell(job_id, CallbackReceived(house.job(job_id).attempt.mark, ReplicaId(replica_id)))


def lost(house: House, moment: str = "after") -> JobId:
    """A job whose submission was cut off."""
    house.sandbox.set_faults(LOST | {"moment": moment})
    job_id = house.enqueue()
    assert house.step(job_id).state is State.SUBMITTING
    return job_id


def test_a_lost_submission_is_found_by_its_callback_with_one_call_and_no_pass_over_the_list(either_house: House) -> None:
    house = either_house
    job_id = lost(house)
    (replica_id,) = house.paid(job_id)
    witness(house, job_id, replica_id)
    job = house.step(job_id)
    assert (job.state, job.replica_id, job.attempt.witness) == (State.TRAINING, replica_id, None)
    assert (house.asked().get("list_replicas", 0), house.asked()["get_replica"]) == (0, 1)
    assert house.go_on(job_id).state is State.DONE
    assert house.paid(job_id) == [replica_id]


def test_a_callback_that_is_faster_than_the_answer_to_the_post_pays_once_and_records_once(either_house: House, sandbox: Sandbox) -> None:
    house = either_house
    job_id = house.enqueue()

    def call_back(asked: Asked) -> None:
        if is_submission(asked):
            (replica_id,) = house.paid(job_id)
            witness(house, job_id, replica_id)
            assert house.step(job_id).state is State.TRAINING  # another worker, while this one still waits for its answer

    with a_doorway(sandbox, lambda _: None, call_back) as url:
        job = house.step(job_id, house.another(url))
    assert (job.state, job.attempt.strays) == (State.TRAINING, ())
    assert house.paid(job_id) == [job.replica_id]
    assert house.go_on(job_id).state is State.DONE
    assert house.told(job_id).count("MarkFound") + house.told(job_id).count("SubmissionAccepted") == 1


def test_a_replica_of_somebody_else_is_no_witness_and_the_search_goes_on(house: House) -> None:
    job_id, stranger = lost(house), house.training()
    named = house.job(stranger).replica_id
    assert named is not None
    witness(house, job_id, named)
    rejected = house.step(job_id)
    assert (rejected.state, rejected.replica_id, rejected.attempt.witness) == (State.SUBMITTING, None, None)
    assert house.told(job_id)[-1] == "WitnessRejected"
    assert house.step(job_id).replica_id == house.paid(job_id)[0]


def test_a_witness_for_a_submission_that_was_given_up_keeps_the_job_from_paying_again(house: House) -> None:
    job_id = lost(house, "before")
    absent = house.go_on(job_id, while_in=State.SUBMITTING)
    assert (absent.state, absent.attempt.outcome) == (State.QUEUED, Outcome.ABSENT)
    # It was under way all the time.
    late = house.engine.performer.tavus.create_replica(absent.account, {**absent.request.replica, "replica_name": absent.attempt.mark})
    del late
    (replica_id,) = house.paid(job_id)
    witness(house, job_id, replica_id)
    job = house.step(job_id)
    assert (job.state, job.replica_id) == (State.TRAINING, replica_id)
    assert house.go_on(job_id).state is State.DONE
    assert house.paid(job_id) == [replica_id]


def test_a_witness_of_a_cancelled_job_is_looked_into_and_its_training_watched_to_the_end(house: House) -> None:
    job_id = house.enqueue()
    house.sandbox.set_faults(LOST)
    house.step(job_id)
    (replica_id,) = house.paid(job_id)
    house.by_hand(job_id, state="cancelled")
    witness(house, job_id, replica_id)
    ended = house.go_on(job_id)
    assert (ended.state, ended.replica_id) == (State.CANCELLED, replica_id)
