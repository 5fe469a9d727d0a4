"""A sweep rings for what is due and for nothing else, little at a time, and again for what was lost; any number of sweeps at once is harmless."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.sweep import Swept, add_sweep, sweep
from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.made import a_job_in, in_hours, opened, settings_in
from tests.worker.store.made import at_once, changed, stored
from worker.app import LOOK_UP, OPEN, POLL, READ_VOICES, SUBMIT, SWEEP
from worker.assembly import Parts
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Conversation, Terms
from worker.core.marks import conversation_mark
from worker.core.states import WATCHED, State
from worker.pacing.kinds import Kind, Verdict
from worker.pacing.pacer import Ticket
from worker.store.clock import utc_now

QUICK = timedelta(seconds=0.1)
LOST_SECONDS = 1.2  # after which a message that is in no queue counts as lost
_TASKS = (SUBMIT, LOOK_UP, POLL, OPEN)


@pytest.fixture
def parts(home: Path, broker: Broker) -> Iterator[Parts]:
    """Parts whose sweeps come often, and let three messages wait."""
    with opened(settings_in(home, redis_url=broker.url, sweep_interval=QUICK, ring_window=3, poll_batch=2)) as one:
        yield one


def fresh(broker: Broker) -> None:
    """Forget the messages of the enqueueing."""
    broker.client.flushall()


def rung(broker: Broker) -> dict[str, list[Any]]:
    return {task: [message["arguments"][0] for message in broker.messages(task)] for task in _TASKS if broker.waiting(task)}


def test_what_is_due_is_rung_for_by_the_task_of_its_state(parts: Parts, broker: Broker) -> None:
    jobs = {state: a_job_in(parts, state, in_hours(-1)) for state in (State.QUEUED, State.SUBMITTING, State.TRAINING, State.OPENING)}
    fresh(broker)
    assert sweep(parts) == Swept(4)
    assert rung(broker) == {
        SUBMIT: [[jobs[State.QUEUED].id]],
        LOOK_UP: [[[jobs[State.SUBMITTING].id]]],
        POLL: [[[jobs[State.TRAINING].id]]],
        OPEN: [[jobs[State.OPENING].id]],
    }


def test_what_is_over_or_ready_and_still_watched_is_rung_for_with_the_polls(parts: Parts, broker: Broker) -> None:
    over = {a_job_in(parts, state, in_hours(-1)).id for state in WATCHED}
    fresh(broker)
    assert sweep(parts) == Swept(4)
    assert {job_id for message in rung(broker)[POLL] for job_id in message[0]} == over


def test_what_is_not_due_is_left_alone(parts: Parts, broker: Broker) -> None:
    for state in State:
        a_job_in(parts, state, in_hours(1))
        a_job_in(parts, state, None)
    fresh(broker)
    assert sweep(parts) == Swept(0)
    assert rung(broker) == {}


def test_what_was_rung_for_is_not_rung_for_again(parts: Parts, broker: Broker) -> None:
    a_job_in(parts, due_at=in_hours(-1))
    fresh(broker)
    assert [sweep(parts), sweep(parts)] == [Swept(1), Swept(0)]


def test_no_more_messages_wait_than_the_window_has_room_for_and_the_most_urgent_go_first(parts: Parts, broker: Broker) -> None:
    jobs = [a_job_in(parts, due_at=in_hours(-1), priority=number) for number in range(5)]
    fresh(broker)
    assert [sweep(parts), sweep(parts)] == [Swept(3), Swept(0)]
    assert rung(broker)[SUBMIT] == [[job.id] for job in jobs[:1:-1]]
    broker.client.rpop(SUBMIT)  # a worker takes the oldest
    assert sweep(parts) == Swept(1)
    assert rung(broker)[SUBMIT][-1] == [jobs[1].id]


def test_a_flood_of_polls_leaves_room_for_submissions(parts: Parts, broker: Broker) -> None:
    for _ in range(8):
        a_job_in(parts, State.TRAINING, in_hours(-1))
    job = a_job_in(parts, due_at=in_hours(-1))
    fresh(broker)
    assert sweep(parts) == Swept(7)  # three messages of two each, and the submission
    assert rung(broker)[SUBMIT] == [[job.id]]


def test_polls_go_together_for_each_account_and_batch(parts: Parts, broker: Broker) -> None:
    own = {a_job_in(parts, State.TRAINING, in_hours(-1)).id for _ in range(3)}
    studio = {a_job_in(parts, State.TRAINING, in_hours(-1), account="studio").id for _ in range(2)}
    fresh(broker)
    sweep(parts)
    batches = [set(arguments[0]) for arguments in rung(broker)[POLL]]
    assert sorted(map(len, batches)) == [1, 2, 2]
    assert studio in batches
    assert set.union(*batches) == own | studio


def test_a_call_that_is_made_anyway_takes_those_along_that_are_nearly_due(home: Path, broker: Broker) -> None:
    with opened(settings_in(home, redis_url=broker.url, poll_batch=4, training_typical=timedelta(hours=10), ride_along=0.01)) as parts:
        due = a_job_in(parts, State.TRAINING, in_hours(-1)).id
        far, third, second, first, fourth = (a_job_in(parts, State.TRAINING, in_hours(hours)) for hours in (0.2, 0.07, 0.05, 0.03, 0.09))
        a_job_in(parts, State.TRAINING, in_hours(0.05), account="studio")
        fresh(broker)
        assert sweep(parts) == Swept(4)
        [[batch]] = rung(broker)[POLL]
        assert set(batch) == {due, first.id, second.id, third.id}
        fresh(broker)
        assert sweep(parts) == Swept(0)  # nobody is due, so nobody rides: not the fourth, and not who is due in ten minutes
        assert {parts.ledger.get(job_id).due_at for job_id in (far.id, fourth.id)} == {far.due_at, fourth.due_at}


def test_no_callers_backlog_stands_in_anothers_way_and_each_is_served_by_priority(parts: Parts, broker: Broker) -> None:
    for number in range(9):
        stored(parts.ledger, due_at=in_hours(-9), account="default", caller="many", priority=number)
    few = stored(parts.ledger, due_at=in_hours(-1), account="default", caller="few")
    best = stored(parts.ledger, due_at=in_hours(-1), account="default", caller="many", priority=99)
    fresh(broker)
    assert sweep(parts) == Swept(3)
    first = [arguments[0] for arguments in rung(broker)[SUBMIT]]
    assert few.id in first
    assert best.id in first


def test_no_accounts_backlog_stands_in_anothers_way(parts: Parts, broker: Broker) -> None:
    for _ in range(9):
        a_job_in(parts, due_at=in_hours(-9))
    studio = a_job_in(parts, due_at=in_hours(-1), account="studio")
    fresh(broker)
    sweep(parts)
    assert [studio.id] in rung(broker)[SUBMIT]


def test_no_more_is_rung_for_than_the_accounts_pace_lets_out(home: Path, broker: Broker) -> None:
    with opened(settings_in(home, redis_url=broker.url)) as parts:
        parts.ledger.set_terms("default", Terms(requests_a_minute=10), utc_now())
        for _ in range(20):
            a_job_in(parts, due_at=in_hours(-1))
            a_job_in(parts, due_at=in_hours(-1), account="studio")
        fresh(broker)
        sweep(parts)
        accounts = [parts.ledger.get(arguments[0]).account for arguments in rung(broker)[SUBMIT]]
        assert accounts.count("studio") == 20
        assert 1 <= accounts.count("default") <= 10


def test_a_conversation_that_may_be_open_is_looked_for_while_no_other_can_be_opened(parts: Parts, broker: Broker) -> None:
    asked = a_job_in(parts, State.OPENING, in_hours(-1))
    asked = changed(parts.ledger, asked, conversation=Conversation(mark=conversation_mark(asked.id, 1), intended_at=in_hours(-1)))
    a_job_in(parts, State.OPENING, in_hours(-2), priority=9)
    fresh(broker)
    for _ in range(5):  # as if conversation after conversation had failed
        ticket = parts.pace.enter("default", Kind.CONVERSE)
        assert isinstance(ticket, Ticket)
        parts.pace.saw(ticket, Verdict.FAILED)
    assert parts.pace.room("default", Kind.CONVERSE) == 0
    sweep(parts)
    assert rung(broker) == {LOOK_UP: [[[asked.id]]]}


def test_a_sweep_that_finds_nothing_due_asks_the_broker_nothing(home: Path) -> None:
    with opened(settings_in(home)) as without:
        a_job_in(without, due_at=in_hours(1))
        assert sweep(without) == Swept(0)


def test_the_line_of_a_stopped_account_is_not_rung_for(parts: Parts, broker: Broker) -> None:
    a_job_in(parts, due_at=in_hours(-1))
    studio = a_job_in(parts, due_at=in_hours(-1), account="studio")
    fresh(broker)
    parts.ledger.stop(StopAccount("default", Failure.KEY_REJECTED, deaf=True), utc_now())
    sweep(parts)
    assert rung(broker) == {SUBMIT: [[studio.id]]}


def test_lost_messages_are_rung_for_again_once_the_queue_is_empty(parts: Parts, broker: Broker) -> None:
    jobs = [a_job_in(parts, due_at=in_hours(-1)) for _ in range(2)]
    fresh(broker)
    sweep(parts)
    time.sleep(LOST_SECONDS)
    assert sweep(parts) == Swept(0)  # they only wait
    fresh(broker)
    assert sweep(parts) == Swept(2)
    assert {str(arguments) for arguments in rung(broker)[SUBMIT]} == {str([job.id]) for job in jobs}


def test_a_job_that_somebody_works_on_is_not_taken_for_lost(parts: Parts, broker: Broker) -> None:
    job = a_job_in(parts, due_at=in_hours(-1))
    sweep(parts)
    parts.ledger.take([job.id], utc_now(), parts.settings.lease)
    fresh(broker)
    time.sleep(LOST_SECONDS)
    assert sweep(parts) == Swept(0)


def test_sweeps_at_once_ring_once(home: Path, broker: Broker) -> None:
    with opened(settings_in(home, redis_url=broker.url)) as parts:
        for _ in range(40):
            a_job_in(parts, due_at=in_hours(-1))
        fresh(broker)
        assert sum(swept.rung for swept in at_once(lambda _: sweep(parts))) == 40
        named = [job_id for arguments in rung(broker)[SUBMIT] for job_id in arguments]
        assert len(named) == len(set(named)) == 40


def test_an_enqueued_job_is_found_when_the_broker_was_away(home: Path, broker: Broker) -> None:
    with opened(settings_in(home)) as without:
        job = a_job_in(without, due_at=utc_now())
    with opened(settings_in(home, redis_url=broker.url)) as parts:
        assert sweep(parts) == Swept(1)
    assert rung(broker) == {SUBMIT: [[job.id]]}


def test_the_task_sweeps(parts: Parts, broker: Broker) -> None:
    a_job_in(parts, due_at=in_hours(-1))
    fresh(broker)
    add_sweep(parts.app, lambda: parts)
    parts.app.tasks[SWEEP].apply(throw=True)
    assert broker.waiting(SUBMIT) == 1


def test_the_voices_are_read_of_every_account_and_the_last_known_ones_stay(home: Path) -> None:
    with Sandbox(keys={"key-of-default": {}}) as tavus, opened(settings_in(home, tavus_url=tavus.url)) as parts:
        parts.ledger.keep_voices("studio", ["earlier"], utc_now())  # whose key this Tavus does not know
        add_sweep(parts.app, lambda: parts)
        parts.app.tasks[READ_VOICES].apply(throw=True)
        assert {"anna", "benjamin"} <= parts.ledger.voices("default")
        assert parts.ledger.voices("studio") == {"earlier"}
