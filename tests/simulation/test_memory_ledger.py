"""The ledger in memory is the ledger: whatever is done to both, both answer alike, and the same jobs are in them afterwards."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.simulation import orders
from tests.simulation.ledgers import MEMORY, SQLITE, ledger_of
from tests.simulation.pipeline import BEGIN
from worker.core.decision import Decision
from worker.core.effects import StopAccount
from worker.core.events import CallbackReceived
from worker.core.failures import Failure
from worker.core.job import Attempt, Conversation, Job, Outcome, ReplicaId
from worker.core.marks import conversation_mark, replica_mark
from worker.core.states import State
from worker.store.jobs import Added, Applied, KeyReusedError, New, StaleJobError

_LEASE = timedelta(seconds=90)
_STATES = tuple(State)


@pytest.fixture
def both() -> Iterator[tuple[Any, Any]]:
    """One of each, empty."""
    with ledger_of(MEMORY) as memory, ledger_of(SQLITE) as sqlite:
        yield memory, sqlite


class Doings:
    """The same things done to both, one after the other."""

    def __init__(self, seed: int) -> None:
        self.chance, self.now, self.jobs = random.Random(seed), BEGIN, list[Job]()

    def one(self, both: tuple[Any, Any]) -> list[Any]:
        """Do something to both; what each answered."""
        self.now += timedelta(seconds=self.chance.choice((0, 1, 30, 120)), microseconds=1)
        act = self.chance.choice((
            self.add, self.add_many, self.claim_due, self.claim_of_caller, self.claim_nearly, self.claim_looks, self.claim_these, self.unclaim,
            self.take, self.read, self.put_off, self.look_again, self.apply, self.apply, self.apply, self.account, self.visited,
        ))  # fmt: skip
        done = act()
        return [_answer(done, ledger) for ledger in both]

    def add(self) -> Any:  # noqa: ANN401 - something to be done to a ledger
        new, ring = self._new(), self.chance.choice((None, _LEASE))
        return lambda ledger: ledger.add(new.job, new.fingerprint, ring=ring)

    def add_many(self) -> Any:  # noqa: ANN401 - the same
        new, ring = [self._new() for _ in range(self.chance.randrange(4))], self.chance.choice((None, _LEASE))
        return lambda ledger: [_said(one) for one in ledger.add_many(new, ring=ring)]

    def claim_due(self) -> Any:  # noqa: ANN401 - the same
        states, limit = self.chance.sample(_STATES, 4), 100  # of two that are due at one moment neither ledger says who is first
        before, account = self.chance.choice((None, self.now - timedelta(seconds=15))), self.chance.choice((orders.MAIN, orders.OTHER))
        return lambda ledger: ledger.claim_due(states, account, self.now, _LEASE, limit, rung_before=before)

    def claim_of_caller(self) -> Any:  # noqa: ANN401 - the same
        state, caller = self.chance.choice((State.QUEUED, State.OPENING)), self.chance.choice(("tests", "nobody"))
        before = self.chance.choice((None, self.now - timedelta(seconds=15)))
        return lambda ledger: ledger.claim_due([state], orders.MAIN, self.now, _LEASE, 100, caller=caller, rung_before=before)

    def claim_nearly(self) -> Any:  # noqa: ANN401 - the same
        until = self.now + timedelta(seconds=60)
        return lambda ledger: ledger.claim_nearly(orders.MAIN, self.now, until, _LEASE, 100)

    def claim_looks(self) -> Any:  # noqa: ANN401 - the same
        until, account = self.now + timedelta(seconds=60), self.chance.choice((orders.MAIN, orders.OTHER))

        def claim_looks(ledger: Any) -> Any:  # noqa: ANN401 - the same
            claimed = ledger.claim_looks(account, self.now, until, _LEASE, 100)
            return sorted(claimed.looks, key=lambda look: look.id), sorted(claimed.others)

        return claim_looks

    def read(self) -> Any:  # noqa: ANN401 - the same
        some, now, before = self._some(), self.now, self.now - timedelta(seconds=15)
        account = self.chance.choice((orders.MAIN, orders.OTHER))
        return self.chance.choice(
            (
                lambda ledger: sorted(ledger.answered(some, now), key=lambda job: job.id),
                lambda ledger: sorted(ledger.looks(some, now), key=lambda look: look.id),
                lambda ledger: ledger.due(now, rung_before=before),
                lambda ledger: ledger.callers(State.QUEUED, account, now, before),
            )
        )

    def put_off(self) -> Any:  # noqa: ANN401 - the same
        some, stale, due_at = self._some(), self.chance.random() < 0.2, self.now + timedelta(seconds=self.chance.choice((1, 200)))

        def put_off(ledger: Any) -> Any:  # noqa: ANN401 - the same
            before = [replace(job, version=job.version - stale) for job in ledger.get_many(some)]
            decided = [Decision(replace(job, due_at=due_at, progress="7/100", tries=3)) for job in before]
            looks = [Applied(job, CallbackReceived(), decision) for job, decision in zip(before, decided, strict=True)]
            return sorted(ledger.put_off(looks, self.now)) if looks else []

        return put_off

    def look_again(self) -> Any:  # noqa: ANN401 - the same
        some, stale, due_at = self._some(), self.chance.random() < 0.2, self.now + timedelta(seconds=self.chance.choice((1, 200)))

        def look_again(ledger: Any) -> Any:  # noqa: ANN401 - the same
            looks = [replace(look, version=look.version - stale) for look in ledger.looks(some, self.now)]
            made = [(look, replace(look, version=look.version + 1, due_at=due_at, progress="7/100", tries=3)) for look in looks]
            return sorted(ledger.look_again(made, self.now)) if made else []

        return look_again

    def claim_these(self) -> Any:  # noqa: ANN401 - the same
        some, now = self._some(), self.now
        return lambda ledger: ledger.claim_these(some, now, _LEASE)

    def unclaim(self) -> Any:  # noqa: ANN401 - the same
        some, now = self._some()[:1], self.now
        return lambda ledger: ledger.unclaim(some, now)

    def take(self) -> Any:  # noqa: ANN401 - the same
        some, now = self._some(), self.now
        return lambda ledger: ledger.take(some, now, _LEASE)

    def apply(self) -> Any:  # noqa: ANN401 - the same
        changes, stale = self._changes(), self.chance.random() < 0.2
        stops = (StopAccount(orders.MAIN, Failure.KEY_REJECTED, deaf=True),) if self.chance.random() < 0.05 else ()
        why = self.chance.choice(("", "for a reason"))

        def applied(ledger: Any) -> Any:  # noqa: ANN401 - the same
            found = ledger.get_many([job.id for job in self.jobs])
            if not found:
                return None
            before = sorted(found, key=lambda job: job.id)[0 if len(found) < 2 else len(self.jobs) % len(found)]
            after = replace(before, **changes, attempts=(*before.attempts, *self._attempts(before)), conversation=self._talk(before))
            asked = replace(before, version=before.version - 1) if stale else before
            return ledger.apply(Applied(asked, CallbackReceived(), Decision(after, stops, why)), self.now)

        return applied

    def account(self) -> Any:  # noqa: ANN401 - the same
        name, deaf = self.chance.choice((orders.MAIN, orders.OTHER)), self.chance.random() < 0.5
        if self.chance.random() < 0.5:
            return lambda ledger: ledger.resume_account(name, self.now)
        return lambda ledger: ledger.stop(StopAccount(name, Failure.OUT_OF_CREDIT, deaf=deaf), self.now)

    def visited(self) -> Any:  # noqa: ANN401 - the same
        some, now, since = self._some()[:2], self.now, self.now - timedelta(seconds=self.chance.choice((0, 60)))

        def visited(ledger: Any) -> Any:  # noqa: ANN401 - the same
            for job_id in some:
                ledger.visited(job_id, now)
            return ledger.waiting_before(orders.MAIN, since)

        return visited

    def _new(self) -> New:
        entropy = self.chance.randbytes(10)
        job = orders.a_job(len(self.jobs), self.now, entropy, account=self.chance.choice((orders.MAIN, orders.OTHER)))
        key = self.chance.choice((None, "a key", "another", "a third"))
        job = replace(job, idempotency_key=key, priority=self.chance.randrange(3))
        self.jobs.append(job)
        return New(job, self.chance.choice("fg"))

    def _some(self) -> list[Any]:
        return [job.id for job in self.jobs if self.chance.random() < 0.5]

    def _changes(self) -> dict[str, Any]:
        due = self.chance.choice((None, self.now, self.now + timedelta(seconds=self.chance.random() * 200)))
        changes = {
            "state": self.chance.choice(_STATES),
            "tries": self.chance.randrange(3),
            "failure": self.chance.choice((None, Failure.UNRECOGNISED)),
        }
        return changes | ({} if self.chance.random() < 0.3 else {"due_at": due})

    def _attempts(self, job: Job) -> tuple[Attempt, ...]:
        if len(job.attempts) > 1:
            return ()
        number = len(job.attempts) + 1
        attempt = Attempt(
            number=number, mark=replica_mark(job.id, number), intended_at=self.now, outcome=Outcome.CHARGED, replica_id=ReplicaId("r")
        )
        if self.now.microsecond % 2:
            well = Outcome.TRAINED if self.now.microsecond % 4 == 1 else Outcome.FAILED
            attempt = replace(attempt, outcome=well, ended_at=self.now, called_at=None if job.attempts else self.now)
        return (attempt,)

    def _talk(self, job: Job) -> Conversation | None:
        return Conversation(mark=conversation_mark(job.id, 1), intended_at=self.now if len(job.attempts) % 2 else None)


def _said(one: Added | KeyReusedError) -> object:
    return one if isinstance(one, Added) else one.job_id


def _answer(done: Any, ledger: Any) -> object:  # noqa: ANN401 - something to be done to a ledger
    try:
        answer = done(ledger)
    except (StaleJobError, KeyReusedError) as refused:
        return type(refused)
    return sorted(answer, key=str) if isinstance(answer, list) else answer


def test_both_claim_the_first_by_priority_and_then_the_longest_due(both: tuple[Any, Any]) -> None:
    chance = random.Random(0)
    jobs = [replace(orders.a_job(n, BEGIN + n * timedelta(seconds=1), chance.randbytes(10)), priority=n % 3) for n in range(9)]
    for ledger in both:
        for job in chance.sample(jobs, 9):
            ledger.add(job, "f", ring=None)
        claimed = [one.job_id for one in ledger.claim_due([State.QUEUED], orders.MAIN, BEGIN + _LEASE, _LEASE, 4, caller=jobs[0].caller)]
        assert claimed == [jobs[n].id for n in (2, 5, 8, 1)]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_done_both_ledgers_answer_alike(both: tuple[Any, Any], seed: int) -> None:
    doings = Doings(seed)
    for step in range(150):
        memory, sqlite = doings.one(both)
        assert memory == sqlite, f"step {step}"
        ids = [job.id for job in doings.jobs]
        jobs, others = ({job.id: job for job in ledger.get_many(ids)} for ledger in both)
        assert jobs == others, f"step {step}"
        for ask in ("counts", "stops", "subjects"):
            assert getattr(both[0], ask)() == getattr(both[1], ask)(), f"step {step}"
        for subject in both[0].subjects():
            since = doings.now - timedelta(seconds=200)
            assert both[0].trainings(subject, doings.now, 5, since) == both[1].trainings(subject, doings.now, 5, since), f"step {step}"
        assert both[0].endings(orders.MAIN, 99) == both[1].endings(orders.MAIN, 99), f"step {step}"
    assert [both[0].story(job_id) for job_id in ids] == [both[1].story(job_id) for job_id in ids]
    assert [sorted(both[0].held(name)) for name in orders.KEYS] == [sorted(both[1].held(name)) for name in orders.KEYS]


def test_both_keep_the_newest_lesson_of_each_subject(both: tuple[Any, Any]) -> None:
    for ledger in both:
        assert ledger.lessons() == {}
        for subject, document in (("training:a", {"trained": [1]}), ("callbacks:b", {"missed": 0.5}), ("training:a", {"trained": [2, 3]})):
            ledger.keep_lesson(subject, document, BEGIN)
        assert ledger.lessons() == {"training:a": {"trained": [2, 3]}, "callbacks:b": {"missed": 0.5}}
