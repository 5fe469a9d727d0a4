"""Jobs as the tests of the ledger need them, each with an id of its own, and threads that set off together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier
from typing import Any, TypeVar

from worker.core.decision import Decision
from worker.core.events import CallbackReceived
from worker.core.job import Attempt, Job, JobId
from worker.core.marks import new_job_id, replica_mark
from worker.core.request import Request
from worker.core.states import State
from worker.store.jobs import Applied, Ledger

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=90)
THREADS = 8
MAIN = "main"
_NUMBERS = count(1)

T = TypeVar("T")


def new_id() -> JobId:
    """An id that no other job of this session has; later ones sort later."""
    return new_job_id(NOW, next(_NUMBERS).to_bytes(10))


def a_job(**changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A new job."""
    request = Request(replica={"train_image_url": "https://pictures.example/head.jpg", "model_name": "phoenix-4"})
    return replace(Job(id=new_id(), account=MAIN, caller="tests", request=request, created_at=NOW), **changes)


def an_attempt(job: Job, number: int = 1, **changes: Any) -> Attempt:  # noqa: ANN401 - fields of Attempt
    """The job's n-th submission."""
    return replace(Attempt(number=number, mark=replica_mark(job.id, number), intended_at=NOW), **changes)


def stored(ledger: Ledger, state: State = State.QUEUED, due_at: datetime | None = NOW, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job that the ledger holds in this state, with nobody rung for it."""
    job = ledger.add(a_job(**changes), "fingerprint", ring=None).job
    return changed(ledger, job, state=state, due_at=due_at)


def changed(ledger: Ledger, job: Job, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """The job after a decision that changed this of it."""
    return ledger.apply(change(job, **changes), NOW)


def change(job: Job, **changes: Any) -> Applied:  # noqa: ANN401 - fields of Job
    """Such a decision, not committed."""
    return Applied(job, CallbackReceived(), Decision(replace(job, **changes), why="a test said so"))


def rung(ledger: Ledger, at: datetime = NOW, **changes: Any) -> JobId:  # noqa: ANN401 - fields of Job
    """A job whose message went out at this moment and has not been taken."""
    job = stored(ledger, due_at=at, **changes)
    assert [claim.job_id for claim in ledger.claim_these([job.id], at, LEASE)] == [job.id]
    return job.id


def at_once(work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    """What `work` answers in each of several threads that set off together. Raises what any of them raised."""
    line = Barrier(threads)

    def run(number: int) -> T:
        line.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))
