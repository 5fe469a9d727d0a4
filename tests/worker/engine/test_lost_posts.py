"""A submission that may have arrived is looked for by its mark: found, it is not paid again; absent over the settle time, it is sent once more."""

from typing import Any

import pytest

from tests.worker.engine.house import RULES, SECOND, SHORT, House
from worker.core.job import Outcome
from worker.core.states import State

CUT: dict[str, Any] = {"on": "create_replica", "kind": "cut", "times": 1}
HARMS = ["cut", "half", "500", "502", "503", "garbage", "no_id"]


def lost(house: House, **fault: Any) -> Any:  # noqa: ANN401 - a line of the fault script; a job
    """A job whose submission met this fault."""
    house.sandbox.set_faults(CUT | fault)
    job_id = house.enqueue()
    job = house.step(job_id)
    assert (job.state, job.attempt.outcome) == (State.SUBMITTING, Outcome.RESERVED)
    assert house.told(job_id)[-1] == "SubmissionLost"
    return job


@pytest.mark.parametrize("kind", HARMS)
def test_a_submission_that_was_done_and_whose_answer_was_lost_is_found_by_its_mark(house: House, kind: str) -> None:
    job = lost(house, kind=kind, moment="after")
    (replica_id,) = house.paid(job.id)
    house.until_due(job.id)
    found = house.step(job.id)
    assert (found.state, found.replica_id, found.attempt.outcome) == (State.TRAINING, replica_id, Outcome.CHARGED)
    assert house.told(job.id)[-1] == "MarkFound"
    assert house.go_on(job.id).state is State.DONE
    assert house.paid(job.id) == [replica_id]


def test_a_submission_whose_answer_never_comes_is_found_by_its_mark(house: House) -> None:
    house.sandbox.set_faults(CUT | {"kind": "hang", "moment": "after"})
    job_id = house.enqueue()
    assert house.step(job_id, house.another(call=SHORT)).state is State.SUBMITTING
    assert house.go_on(job_id).state is State.DONE
    assert len(house.paid(job_id)) == 1


@pytest.mark.parametrize("kind", ["cut", "500"])
def test_a_submission_that_never_arrived_is_sent_again_once_it_was_absent_over_the_settle_time(either_house: House, kind: str) -> None:
    house, job = either_house, lost(either_house, kind=kind, moment="before")
    began = job.attempt.intended_at
    again = house.go_on(job.id, while_in=State.SUBMITTING)
    assert (again.state, again.attempt.outcome, house.paid(job.id)) == (State.QUEUED, Outcome.ABSENT, [])
    assert house.clock.now - began >= RULES.settle_time
    assert house.told(job.id).count("MarkAbsent") >= RULES.settle_scans
    done = house.go_on(job.id)
    assert (done.state, [one.outcome for one in done.attempts]) == (State.DONE, [Outcome.ABSENT, Outcome.TRAINED])
    assert house.paid(job.id) == [done.replica_id]
    assert done.submissions == 1


def test_a_list_that_cannot_be_read_teaches_nothing_however_long_that_lasts(house: House) -> None:
    job = lost(house, moment="after")
    house.sandbox.set_faults({"on": "list_replicas", "kind": "500"})
    while house.clock.now - job.attempt.intended_at < 3 * RULES.settle_time:
        house.until_due(job.id)
        assert house.step(job.id).state is State.SUBMITTING
    assert (house.job(job.id).scans, len(house.paid(job.id))) == (0, 1)
    house.sandbox.set_faults()
    assert house.go_on(job.id).state is State.DONE
    assert len(house.paid(job.id)) == 1


def test_a_submission_is_never_sent_while_an_earlier_one_may_have_arrived(house: House) -> None:
    job = lost(house, moment="before")
    house.sandbox.set_faults({"on": "list_replicas", "kind": "503", "retry_after": 600})
    for _ in range(5):
        house.until_due(job.id)
        house.step(job.id)
    assert house.asked()["create_replica"] == 1


def test_a_submission_that_is_swallowed_each_time_asks_a_person_in_the_end(house: House) -> None:
    house.sandbox.set_faults(CUT | {"times": 99})
    job_id = house.enqueue()
    held = house.go_on(job_id)
    assert (held.state, held.failure, len(held.attempts)) == (State.HELD, "submission_lost", RULES.max_lost_attempts)
    assert house.asked()["create_replica"] == RULES.max_lost_attempts


def test_a_refused_submission_costs_nothing_and_goes_out_again_when_tavus_says(house: House) -> None:
    house.sandbox.set_faults(CUT | {"kind": "429", "retry_after": 77})
    job_id = house.enqueue()
    job = house.step(job_id)
    assert (job.state, job.attempt.outcome, job.submissions) == (State.QUEUED, Outcome.REFUSED, 0)
    assert job.due_at == house.clock.now + 77 * SECOND
    assert house.go_on(job_id).state is State.DONE
    assert len(house.paid(job_id)) == 1
    assert "list_replicas" not in house.asked()
