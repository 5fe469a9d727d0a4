"""A ring is a message that names jobs and nothing else; what the broker does not take is given back, and is due again at once."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from tests.broker import Broker
from tests.scheduler.made import NOWHERE, settings_in
from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, a_job, changed, stored
from worker.app import CLEAN_UP, LOOK_UP, OPEN, POLL, QUEUES, SUBMIT, make_app
from worker.bell import TASKS, Bell
from worker.core.job import Conversation, Job
from worker.core.marks import conversation_mark
from worker.core.states import State
from worker.pacing.kinds import Kind
from worker.pacing.pacer import Unpaced
from worker.store.claims import Claim
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import prepare

BATCH, THREADS = 2, 3
RINGING = {
    State.QUEUED: SUBMIT, State.SUBMITTING: LOOK_UP, State.TRAINING: POLL, State.OPENING: OPEN,
    State.READY: POLL, State.DONE: POLL, State.ABANDONED: POLL, State.CANCELLED: POLL,
}  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger without jobs."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    prepare(url)
    one = Ledger(open_database(url, 4))
    yield one
    one.close()


@pytest.fixture
def bell(ledger: Ledger, tmp_path: Path, broker: Broker) -> Bell:
    """A bell on that ledger and a real broker."""
    return Bell(make_app(settings_in(tmp_path, redis_url=broker.url)), ledger, LEASE, BATCH, THREADS)


@pytest.fixture
def deaf(ledger: Ledger, tmp_path: Path) -> Bell:
    """A bell whose broker is away."""
    return Bell(make_app(settings_in(tmp_path, redis_url=NOWHERE)), ledger, LEASE, BATCH, THREADS)


def claimed(ledger: Ledger, *jobs: Job) -> list[Claim]:
    return ledger.claim_these([job.id for job in jobs], NOW, LEASE)


def named(broker: Broker, task: str) -> set[str]:
    """Every job that the messages for a task of many jobs name."""
    return {job_id for message in broker.messages(task) for job_id in message["arguments"][0][0]}


def is_due(ledger: Ledger, job: Job) -> bool:
    return ledger.claim_these([job.id], NOW + SECOND, LEASE) != []


def test_every_state_says_which_task_looks_at_it() -> None:
    assert set(TASKS) == set(State)
    assert {state: task for state, task in TASKS.items() if task} == RINGING


def test_each_claim_is_rung_for_by_the_task_of_its_state(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    jobs = {state: stored(ledger, state) for state in RINGING}
    assert bell.ring(claimed(ledger, *jobs.values()), NOW)
    alone = {task: [message["arguments"][0][0] for message in broker.messages(task)] for task in (SUBMIT, OPEN)}
    assert alone == {SUBMIT: [jobs[State.QUEUED].id], OPEN: [jobs[State.OPENING].id]}
    assert named(broker, LOOK_UP) == {jobs[State.SUBMITTING].id}
    assert named(broker, POLL) == {jobs[state].id for state, task in RINGING.items() if task == POLL}


def test_a_conversation_that_may_be_there_is_looked_up_with_the_others_of_its_account(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    opening, lost = stored(ledger, State.OPENING), stored(ledger, State.SUBMITTING)
    outstanding = changed(ledger, opening, conversation=Conversation(mark=conversation_mark(opening.id, 1), intended_at=NOW))
    assert bell.ring(claimed(ledger, outstanding, lost), NOW)
    assert [set(message["arguments"][0][0]) for message in broker.messages(LOOK_UP)] == [{outstanding.id, lost.id}]
    assert broker.waiting(OPEN) == 0


@pytest.mark.parametrize(("state", "task"), [(State.TRAINING, POLL), (State.SUBMITTING, LOOK_UP)])
def test_questions_go_together_in_batches_of_one_account(bell: Bell, ledger: Ledger, broker: Broker, state: State, task: str) -> None:
    own = [stored(ledger, state) for _ in range(3)]
    studio = [stored(ledger, state, account="studio") for _ in range(2)]
    mixed = [job for pair in zip(own, [*studio, None], strict=True) for job in pair if job]
    bell.ring(claimed(ledger, *mixed), NOW)
    batches = [set(message["arguments"][0][0]) for message in broker.messages(task)]
    assert sorted(map(len, batches)) == [1, 2, 2]
    assert {job.id for job in studio} in batches


def test_many_submissions_go_some_at_a_time_in_their_order(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    few, many = (
        [stored(ledger) for _ in range(2 * THREADS - 1)],
        [stored(ledger, due_at=NOW - SECOND * n) for n in range(2 * THREADS + 1, 0, -1)],
    )
    bell.ring(claimed(ledger, *few), NOW)
    assert [len(message["arguments"][0]) for message in broker.messages(SUBMIT)] == [1] * len(few)
    broker.client.flushall()
    bell.ring(claimed(ledger, *many), NOW)
    assert [message["arguments"][0] for message in broker.messages(SUBMIT)] == [[job.id for job in many[n : n + 2]] for n in range(0, 7, 2)]


def test_a_message_never_names_so_many_submissions_that_the_last_waits_long(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    bell.ring(claimed(ledger, *(stored(ledger) for _ in range(9 * THREADS))), NOW)
    assert max(len(message["arguments"][0]) for message in broker.messages(SUBMIT)) == 8


def test_who_has_no_time_rings_for_few_submissions_with_one_message(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    jobs = [stored(ledger) for _ in range(THREADS)]
    assert bell.ring(claimed(ledger, *jobs), NOW, together=True)
    assert [set(message["arguments"][0]) for message in broker.messages(SUBMIT)] == [{job.id for job in jobs}]


def test_states_in_which_nothing_is_due_are_not_rung_for(bell: Bell, broker: Broker) -> None:
    silent = [Claim(a_job().id, "main", state) for state, task in TASKS.items() if task is None]
    assert bell.ring(silent, NOW)
    assert not any(broker.waiting(queue) for queue in QUEUES)


def test_only_what_is_due_is_claimed_and_rung_for(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    now, later, never = stored(ledger), stored(ledger, due_at=NOW + SECOND), stored(ledger, State.HELD, None)
    bell.ring_due([now, later, never], NOW)
    assert [message["arguments"][0] for message in broker.messages(SUBMIT)] == [[now.id]]
    assert not is_due(ledger, now)
    assert is_due(ledger, later)


class Narrow(Unpaced):
    """A pace with room for so many calls of a kind, for one account."""

    def __init__(self, room: dict[Kind, int]) -> None:
        self._room = room

    @override
    def room(self, account: str, kind: Kind) -> int:
        return self._room.get(kind, 0) if account == MAIN else super().room(account, kind)


def test_no_more_is_rung_for_than_the_pace_lets_out_the_highest_priority_first_and_the_others_stay_due(
    bell: Bell, ledger: Ledger, broker: Broker
) -> None:
    narrow = replace(bell, pace=Narrow({Kind.SUBMIT: 1, Kind.LOOK: 1}))
    low, high, other = stored(ledger), stored(ledger, priority=9), stored(ledger, account="studio")
    opening = stored(ledger, State.OPENING)
    looks = [stored(ledger, State.TRAINING) for _ in range(3)]
    narrow.ring_due([low, high, other, opening, *looks], NOW)
    assert {message["arguments"][0][0] for message in broker.messages(SUBMIT)} == {high.id, other.id}
    assert broker.waiting(OPEN) == 0
    assert [len(message["arguments"][0][0]) for message in broker.messages(POLL)] == [BATCH]
    assert [is_due(ledger, job) for job in (low, high, other, opening)] == [True, False, False, True]
    assert sum(is_due(ledger, job) for job in looks) == 1


def test_what_is_rung_for_once_is_not_rung_for_twice(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    job = stored(ledger)
    for _ in range(2):
        bell.ring_due([job], NOW)
    assert broker.waiting(SUBMIT) == 1


def test_without_a_broker_the_claims_are_given_back(deaf: Bell, ledger: Ledger) -> None:
    jobs = [stored(ledger), stored(ledger, State.TRAINING)]
    started = time.monotonic()
    assert not deaf.ring(claimed(ledger, *jobs), NOW)
    assert time.monotonic() - started < 8
    assert all(is_due(ledger, job) for job in jobs)


def test_a_broker_that_is_full_takes_no_message_and_the_claims_are_given_back(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    job = stored(ledger)
    broker.client.config_set("maxmemory", "1")
    try:
        assert not bell.ring(claimed(ledger, job), NOW)
    finally:
        broker.client.config_set("maxmemory", "0")
    assert is_due(ledger, job)
    bell.ring_due([job], NOW + SECOND + LEASE)
    assert broker.waiting(SUBMIT) == 1


def test_a_line_that_is_lost_while_a_message_is_sent_gives_the_claims_back(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    job = stored(ledger)
    with bell.app.producer_or_acquire() as producer:
        # What another thread leaves behind that has found the connection lost.
        producer.channel._disconnect_pools()
        producer.channel.connection.client = None
    assert not bell.ring(claimed(ledger, job), NOW)
    assert broker.waiting(SUBMIT) == 0
    assert is_due(ledger, job)


def test_a_bell_rings_again_when_its_broker_came_back(ledger: Ledger, tmp_path: Path) -> None:
    own = Broker().start()
    try:
        bell = Bell(make_app(settings_in(tmp_path, redis_url=own.url)), ledger, LEASE, BATCH, THREADS)
        first, second, third = stored(ledger), stored(ledger), stored(ledger)
        assert bell.ring(claimed(ledger, first), NOW)
        own.halt()
        assert not bell.ring(claimed(ledger, second), NOW)
        own.start()
        assert bell.ring(claimed(ledger, third), NOW)
        assert is_due(ledger, second)
    finally:
        own.stop()


def test_a_claim_that_was_taken_meanwhile_is_not_given_back(deaf: Bell, ledger: Ledger) -> None:
    job = stored(ledger)
    claims = claimed(ledger, job)
    [taken] = ledger.take([job.id], NOW, timedelta(hours=1))
    assert not deaf.ring(claims, NOW)
    assert ledger.get(job.id).due_at == taken.due_at


def test_nothing_but_ids_is_sent(bell: Bell, ledger: Ledger, broker: Broker) -> None:
    bell.ring(claimed(ledger, stored(ledger), stored(ledger, State.TRAINING)), NOW)
    assert "pictures.example" not in "".join(str(broker.messages(queue)) for queue in QUEUES)
    assert broker.waiting(CLEAN_UP) == 0
