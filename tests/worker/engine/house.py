"""Where the tests of the engine work: one ledger, one sandbox, and a clock that stands still until a test lets time pass."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text
from typing_extensions import override

from tests.sandbox.server import Sandbox
from worker.core.events import Event, InputPassed
from worker.core.job import Job, JobId
from worker.core.marks import new_job_id
from worker.core.request import Request, Start
from worker.core.rules import Rules
from worker.core.states import FINAL, State
from worker.engine import Engine
from worker.preflight import Limits, Preflight
from worker.store.jobs import Ledger
from worker.tavus.callbacks import Callbacks
from worker.tavus.client import Tavus
from worker.tavus.perform import Performer

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
DONE = timedelta(hours=6)  # past the slowest training that a seed is likely to draw
CALL = timedelta(seconds=5)  # for what answers: far more than it takes
SHORT = timedelta(seconds=0.3)  # for what does not
PATIENCE = timedelta(seconds=20)
MAIN, OTHER = "main", "other"
KEYS = {MAIN: SecretStr("key-of-main"), OTHER: SecretStr("key-of-other")}
RULES = Rules()
LEASE = RULES.lease
_NUMBERS = count(1)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class HastyTavus(Tavus):
    """A client that does not rest between two calls of one effect: time here is a clock that tests move."""

    @override
    def wait(self, seconds: float) -> None:
        """On at once."""


def a_client(url: str, call: timedelta = CALL) -> Tavus:
    """A client with the keys of both accounts."""
    return HastyTavus(url, KEYS, call, threads=16)


def a_preflight(kind: Callable[[Limits], Preflight] = Preflight) -> Preflight:
    """A look at inputs that allows the sandbox's pictures."""
    return kind(Limits(allow_http=True, allow_private=True))


class House:
    """One ledger, one sandbox, one clock, and engines over them: `engine` is the healthy one."""

    def __init__(self, sandbox: Sandbox, ledger: Ledger) -> None:
        self.sandbox, self.ledger, self.clock = sandbox, ledger, Clock()
        self._clients: list[Tavus] = []
        self.engine = self.another()

    def another(
        self,
        url: str | None = None,
        *,
        call: timedelta = CALL,
        ledger: Ledger | None = None,
        tavus: Tavus | None = None,
        preflight: Preflight | None = None,
    ) -> Engine:
        """Another worker's engine. `url`: of whoever stands in front of the sandbox."""
        if tavus is None:
            tavus = a_client(url or self.sandbox.url, call)
            self._clients.append(tavus)
        performer = Performer(tavus, Callbacks(None, None), PATIENCE)
        return Engine(ledger or self.ledger, performer, preflight or a_preflight(), RULES, call=CALL, clock=self.clock)

    def close(self) -> None:
        """Close the clients' connections."""
        for client in self._clients:
            client.close()

    def enqueue(self, query: str = "", *, account: str = MAIN, start: Start = Start.ON_READY, **replica: object) -> JobId:
        """A new job that is due. The query scripts how its training goes."""
        number = next(_NUMBERS)
        fields = {"train_image_url": self.sandbox.picture(f"n={number}&{query}"), "voice_name": "anna", "model_name": "phoenix-4"}
        request = Request(replica=fields | replica, conversation={"conversation_name": "Interview"}, start=start)
        job_id = new_job_id(self.clock.now, number.to_bytes(10))
        job = Job(id=job_id, account=account, caller="tests", request=request, created_at=self.clock.now)
        return self.ledger.add(job, "fingerprint", ring=None).job.id

    def training(self, query: str = "", **given: Any) -> JobId:  # noqa: ANN401 - as `enqueue` takes them
        """A job that was paid for, without a look at its picture."""
        job_id = self.enqueue(query, **given)
        assert self.engine.tell(job_id, InputPassed()).state is State.TRAINING
        return job_id

    def opening(self, **given: Any) -> JobId:  # noqa: ANN401 - as `enqueue` takes them
        """A job whose replica is trained and whose conversation is due."""
        job_id = self.training(**given)
        self.wait(DONE)
        assert self.step(job_id).state is State.OPENING
        return job_id

    def wait(self, time: timedelta) -> None:
        """Let time pass, here and at Tavus."""
        self.clock.now += time
        self.sandbox.advance(time)

    def until_due(self, job_id: JobId) -> None:
        """Let time pass until the job is due."""
        due_at = self.job(job_id).due_at
        assert due_at is not None
        self.wait(max(due_at - self.clock.now, timedelta(0)))

    def step(self, job_id: JobId, engine: Engine | None = None) -> Job:
        """The job after one message for it."""
        (engine or self.engine).advance(job_id)
        return self.job(job_id)

    def go_on(self, job_id: JobId, engine: Engine | None = None, *, while_in: State | None = None) -> Job:
        """The job after as many due moments as it has (`while_in` a state), each answered as it comes; a training's looks are cut short."""
        for _ in range(60):
            job = self.job(job_id)
            if job.due_at is None or while_in not in {None, job.state}:
                return job
            self.until_due(job_id)
            if job.state in {State.TRAINING, *FINAL}:  # one that is over is watched to the end of its training
                self.wait(DONE)
            self.step(job_id, engine)
        raise AssertionError(self.told(job_id))

    def by_hand(self, job_id: JobId, **columns: str | None) -> None:
        """Change the job's row as a person with a database client would."""
        with self.ledger._database.begin() as connection:
            for name, value in columns.items():
                order = text(f"UPDATE job SET {name} = :value WHERE id = :id")  # noqa: S608 - the test's own names
                connection.execute(order, {"value": value, "id": job_id})

    def job(self, job_id: JobId) -> Job:
        """The job as it is written."""
        return self.ledger.get(job_id)

    def tell(self, job_id: JobId, event: Event) -> Job:
        """The job after somebody's word."""
        return self.engine.tell(job_id, event)

    def told(self, job_id: JobId) -> list[str]:
        """The events of its story."""
        return [line.event for line in self.ledger.story(job_id)]

    def paid(self, job_id: JobId) -> list[str]:
        """The replicas that Tavus charged for the job, whatever our ledger says."""
        replica = self.job(job_id).request.replica
        payments = self.sandbox.ledger()["payments"].get(replica.get("train_image_url") or replica["train_video_url"], [])
        return [payment["replica_id"] for payment in payments]

    def opened(self, job_id: JobId) -> list[str]:
        """The conversations that Tavus opened for the job."""
        conversations: Mapping[str, list[str]] = self.sandbox.ledger()["conversations"]
        return [one for replica_id in self.paid(job_id) for one in conversations.get(replica_id, [])]

    def asked(self) -> dict[str, int]:
        """How many requests of each kind Tavus has had."""
        return dict(self.sandbox.ledger()["requests"]["by_kind"])
