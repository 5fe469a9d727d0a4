"""Who sweeps makes some calls for trainings himself: whom it answers for is claimed at once, and rung for is whoever is left."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from scheduler.sweep import Swept, add_sweep, sweep
from tests.broker import Broker
from tests.scheduler.made import a_job_in, in_hours, opened, settings_in
from tests.worker.store.made import an_attempt, changed
from worker.app import POLL, SUBMIT, SWEEP
from worker.assembly import Parts
from worker.core.job import Job, JobId, Outcome, ReplicaId, Terms
from worker.core.states import State
from worker.pacing.kinds import Kind
from worker.pacing.pacer import Ticket
from worker.store.clock import utc_now
from worker.store.looks import Claimed

_TYPICAL = timedelta(hours=10)


@pytest.fixture
def parts(home: Path, broker: Broker) -> Iterator[Parts]:
    """Parts whose calls answer for three, and take along who is due in the next six minutes."""
    with opened(settings_in(home, redis_url=broker.url, poll_batch=3, training_typical=_TYPICAL, ride_along=0.01)) as one:
        yield one


def in_training(parts: Parts, hours: float = -1.0, state: State = State.TRAINING, account: str = "default") -> Job:
    """A job with a replica, as those have that are asked about."""
    job = a_job_in(parts, state, in_hours(hours), account=account)
    return changed(parts.ledger, job, attempts=(an_attempt(job, outcome=Outcome.CHARGED, replica_id=ReplicaId(f"r{job.id}")),))


def fresh(broker: Broker) -> None:
    """Forget the messages of the enqueueing."""
    broker.client.flushall()


def rung(broker: Broker) -> list[Any]:
    return [set(message["arguments"][0][0]) for message in broker.messages(POLL)] if broker.waiting(POLL) else []


def ids(*jobs: Job) -> set[JobId]:
    return {job.id for job in jobs}


def test_who_sweeps_may_keep_one_call_for_trainings_and_the_others_are_rung_for(parts: Parts, broker: Broker) -> None:
    due = {account: [in_training(parts, account=account) for _ in range(2)] for account in ("default", "studio")}
    queued = a_job_in(parts, due_at=in_hours(-1))
    fresh(broker)
    swept = sweep(parts, looks=True)
    kept, others = (due[account] for account in (("default", "studio") if due["default"][0].id in swept.own.ids else ("studio", "default")))
    assert set(swept.own.ids) == ids(*kept)
    assert swept.rung == 3
    assert rung(broker) == [ids(*others)]
    assert [message["arguments"][0] for message in broker.messages(SUBMIT)] == [[queued.id]]
    assert sweep(parts, looks=True).own.ids == ()


def test_with_whom_is_due_come_who_is_only_watched_and_who_is_nearly_due_as_far_as_there_is_room(parts: Parts, broker: Broker) -> None:
    due, watched = in_training(parts), in_training(parts, state=State.CANCELLED)
    far, second, first = (in_training(parts, hours) for hours in (0.2, 0.09, 0.05))
    theirs = in_training(parts, 0.05, account="studio")
    fresh(broker)
    swept = sweep(parts, looks=True)
    assert (set(swept.own.ids), swept.rung, rung(broker)) == (ids(due, watched, first), 0, [])
    assert {look.id for look in swept.own.looks} == ids(due, first)
    for one in (far, second, theirs):
        assert parts.ledger.get(one.id).due_at == one.due_at
    assert parts.ledger.get(due.id).due_at == parts.ledger.get(first.id).due_at
    assert sweep(parts, looks=True) == Swept(0)  # nobody is due, so nobody rides


def test_a_job_of_which_a_look_does_not_say_all_is_kept_beside_the_looks(parts: Parts, broker: Broker) -> None:
    plain, missed, bare = in_training(parts), in_training(parts), a_job_in(parts, State.TRAINING, in_hours(-1))
    changed(parts.ledger, missed, missing_since=utc_now())
    fresh(broker)
    own = sweep(parts, looks=True).own
    assert ([look.id for look in own.looks], set(own.others)) == ([plain.id], ids(missed, bare))


def test_more_than_two_calls_answer_for_is_rung_for(parts: Parts, broker: Broker) -> None:
    due = [in_training(parts) for _ in range(11)]
    fresh(broker)
    swept = sweep(parts, looks=True)
    assert (len(swept.own.looks), swept.rung) == (6, 5)
    assert sorted(map(len, rung(broker))) == [2, 3]
    assert set.union(set(swept.own.ids), *rung(broker)) == ids(*due)


@pytest.mark.parametrize(("due", "kept"), [(1, 3), (2, 3), (3, 3), (4, 6), (6, 6), (7, 6)])
def test_nobody_rides_in_a_call_that_is_not_made_anyway(parts: Parts, broker: Broker, due: int, kept: int) -> None:
    for number in range(12):
        in_training(parts, -1.0 if number < due else 0.05)
    fresh(broker)
    swept = sweep(parts, looks=True)
    assert (len(swept.own.looks), swept.rung) == (kept, 3 if due > kept else 0)


def test_no_call_is_kept_that_the_pace_does_not_let_out(parts: Parts, broker: Broker) -> None:
    parts.ledger.set_terms("default", Terms(requests_a_minute=1), utc_now())
    job = in_training(parts)
    fresh(broker)
    assert isinstance(parts.pace.enter("default", Kind.LOOK), Ticket)
    assert sweep(parts, looks=True) == Swept(0)
    assert parts.ledger.get(job.id).due_at == job.due_at


def test_the_permit_of_a_call_that_is_not_made_is_given_back(parts: Parts, broker: Broker) -> None:
    rung_at = utc_now() - parts.settings.task_limit - timedelta(seconds=1)
    [claim] = parts.ledger.claim_these([in_training(parts).id], rung_at, _TYPICAL)
    fresh(broker)
    swept = sweep(parts, looks=True)
    assert (swept.own, rung(broker)) == (Claimed(), [{claim.job_id}])  # its message was lost: nobody is due
    assert parts.pace.standing("default").sent == 0
    in_training(parts)
    assert len(sweep(parts, looks=True).own.looks) == 1
    assert parts.pace.standing("default").sent == 1


def test_the_permit_is_given_back_where_the_ledger_goes_away_meanwhile(
    parts: Parts, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: object) -> Claimed:  # a database that goes away just here cannot be had on demand
        assert parts.pace.standing("default").sent == 1
        raise OperationalError("COMMIT", {}, Exception("the database went away"))

    in_training(parts)
    fresh(broker)
    monkeypatch.setattr(type(parts.ledger), "claim_looks", away)
    add_sweep(parts.app, lambda: parts)
    with pytest.raises(OperationalError):
        parts.app.tasks[SWEEP].run()
    assert parts.pace.standing("default").sent == 0
