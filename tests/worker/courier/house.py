"""What the tests of the courier begin with: a ledger, a clock that stands, a caller's server, and jobs that move. It asserts nothing."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from tests.receiver import Receiver
from tests.worker.store.made import LEASE, SECOND, THREADS, a_job, an_attempt
from worker.core.decision import Decision
from worker.core.deliveries import Patience
from worker.core.events import CallbackReceived
from worker.core.failures import Failure
from worker.core.job import Job, Outcome, ReplicaId
from worker.core.notifications import word_of
from worker.core.states import State
from worker.courier import Courier
from worker.guarded import Guard
from worker.links import Links
from worker.posting import Poster
from worker.store.database import open_database
from worker.store.jobs import Applied, Ledger, New
from worker.store.notifications import Status
from worker.store.outbox import Outbox
from worker.store.sealing import UNSEALED

QUICK = Patience(whole=timedelta(seconds=40), base=SECOND, cap=4 * SECOND, shut_base=SECOND, shut_cap=2 * SECOND)
LINKS = Links("https://replicas.example", SecretStr("a secret of ours"))
NEAR = Guard(allow_http=True, allow_private=True)
JOIN = "https://tavus.daily.co/c1"
WHY = "what happened, with https://bucket.example/ann.jpg?X-Amz-Signature=S3CRETs3cret0123"


class Clock:
    """A clock that stands until somebody moves it. It begins now, for verifiers want a recent time."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class House:
    """One ledger, one clock, one caller's server, and a courier between them."""

    def __init__(self, url: str, receiver: Receiver) -> None:
        self.receiver, self.clock = receiver, Clock()
        self.ledger = Ledger(open_database(url, THREADS))
        self.patient(QUICK)
        receiver.secret = self.outbox.secrets("tests", self.clock())[0].text

    def patient(self, patience: Patience) -> None:
        """Be so patient from now on."""
        self.outbox = Outbox(self.ledger._database, UNSEALED, patience)

    def courier(self, poster: Poster | None = None) -> Courier:
        """A worker's courier."""
        near = poster or Poster(NEAR, timedelta(seconds=10))
        return Courier(self.outbox, self.ledger, near, LEASE, timedelta(hours=1), self.clock, LINKS)

    def moved(self, state: State = State.HELD, url: str | None = None, count: int = 1, **changes: Any) -> list[Job]:  # noqa: ANN401 - fields of Job
        """So many jobs that have come into this state, and whose caller wants to be told."""
        asked = {name: changes.pop(name) for name in ("notify_conversation_url", "notify_conversation_events", "start") if name in changes}
        plain = [a_job(created_at=self.clock()) for _ in range(count)]
        jobs = [
            replace(one, request=replace(one.request, notify_url=url or self.receiver.url, **asked), idempotency_key=one.id)
            for one in plain
        ]
        self.ledger.add_many([New(one, "fingerprint") for one in jobs], ring=None)
        return self.ledger.apply_batch(
            [_move(one, state, **changes) for one in self.ledger.get_many([one.id for one in jobs])], self.clock()
        )

    def sweep(self, courier: Courier | None = None) -> int:
        """Deliver what is due, as a worker does that is rung for; how many destinations that were."""
        one = courier or self.courier()
        claimed = one.claim(8, 50)
        for ids in claimed:
            one.deliver(ids)
        return len(claimed)

    def statuses(self) -> Counter[Status]:
        with self.ledger._database.connect() as connection:
            found = connection.execute(text("SELECT status, COUNT(*) AS number FROM notification GROUP BY status"))
            return Counter({Status(row.status): row.number for row in found})

    def live(self, rounds: int) -> None:
        """Let so many seconds pass, with a sweep in each."""
        for _ in range(rounds):
            self.sweep()
            self.clock.now += SECOND

    def live_until_nothing_waits(self) -> None:
        """The same until everything has arrived, or was given up."""
        while set(self.statuses()) - {Status.DELIVERED, Status.DEAD}:
            self.live(1)


def _move(job: Job, state: State, **changes: Any) -> Applied:  # noqa: ANN401 - fields of Job
    attempts = (an_attempt(job, outcome=Outcome.TRAINED, replica_id=ReplicaId("r1")),)
    failure = Failure.UNRECOGNISED if state in {State.HELD, State.ABANDONED} else None
    after = replace(job, **{"state": state, "due_at": None, "attempts": attempts, "failure": failure, **changes})
    return Applied(job, CallbackReceived(), Decision(after, word_of(after, WHY), WHY))
