"""A process that sleeps between its intent and the request wakes up without a right to it: it sends nothing, and the job goes on."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from tests.worker.engine.house import CALL, LEASE, RULES, SECOND, House
from worker.core.events import Event, FellDue, InputPassed
from worker.core.job import Job, Outcome
from worker.core.states import State
from worker.store.jobs import Applied, Ledger

WAKES_TOO_LATE = [LEASE - CALL, LEASE - SECOND, LEASE, RULES.settle_time * 3]


class SleepyLedger(Ledger):
    """A process falls asleep once, right after it has committed what this event means."""

    def __init__(self, house: House, after: type[Event], sleep: Callable[[], None]) -> None:
        super().__init__(house.ledger._database)
        self._after, self._sleep, self._slept = after, sleep, False

    @override
    def apply_batch(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        applied = super().apply_batch(changes, now)
        if not self._slept and any(isinstance(change.event, self._after) for change in changes):
            self._slept = True
            self._sleep()
        return applied


@pytest.mark.parametrize("sleep", WAKES_TOO_LATE)
def test_a_submission_that_could_outlive_its_lease_is_not_sent(house: House, sleep: timedelta) -> None:
    job_id = house.enqueue()
    job = house.step(job_id, house.another(ledger=SleepyLedger(house, InputPassed, lambda: house.wait(sleep))))
    assert (job.state, job.attempt.outcome, job.failure) == (State.QUEUED, Outcome.REFUSED, "sent_too_late")
    assert house.asked() == {}
    assert house.go_on(job_id).state is State.DONE
    assert len(house.paid(job_id)) == 1


def test_a_submission_that_fits_its_lease_is_sent_however_late_it_is(house: House) -> None:
    job_id = house.enqueue()
    sleepy = SleepyLedger(house, InputPassed, lambda: house.wait(LEASE - CALL - SECOND))
    assert house.step(job_id, house.another(ledger=sleepy)).state is State.TRAINING


@pytest.mark.parametrize("sleep", WAKES_TOO_LATE)
def test_a_conversation_that_could_outlive_its_lease_is_not_asked_for(house: House, sleep: timedelta) -> None:
    job_id = house.opening()
    job = house.step(job_id, house.another(ledger=SleepyLedger(house, FellDue, lambda: house.wait(sleep))))
    assert (job.state, job.failure) == (State.OPENING, "sent_too_late")
    assert house.opened(job_id) == []
    assert house.go_on(job_id).state is State.DONE
    assert len(house.opened(job_id)) == 1


def test_who_wakes_up_while_another_looks_for_his_mark_proves_that_it_was_never_sent(house: House) -> None:
    job_id = house.enqueue()

    def sleep() -> None:
        house.wait(LEASE)
        assert house.step(job_id).scans == 1

    job = house.step(job_id, house.another(ledger=SleepyLedger(house, InputPassed, sleep)))
    assert (job.state, job.attempt.outcome) == (State.QUEUED, Outcome.REFUSED)
    assert house.go_on(job_id).state is State.DONE
    assert len(house.paid(job_id)) == 1


def test_who_wakes_up_when_another_has_paid_long_since_changes_nothing(either_house: House) -> None:
    house = either_house
    job_id = house.enqueue()

    def sleep() -> None:
        house.go_on(job_id, while_in=State.SUBMITTING)
        house.wait(LEASE)
        assert house.go_on(job_id).state is State.DONE

    house.step(job_id, house.another(ledger=SleepyLedger(house, InputPassed, sleep)))
    job = house.job(job_id)
    assert (job.state, [one.outcome for one in job.attempts]) == (State.DONE, [Outcome.ABSENT, Outcome.TRAINED])
    assert house.paid(job_id) == [job.replica_id]
    assert len(house.opened(job_id)) == 1
