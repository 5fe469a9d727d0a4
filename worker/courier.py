"""Tells callers what became of their jobs: signed, one after the other, and written down. It may not decide when it is tried again: the core does.

At least once: what was sent and could not be written down is sent again, with the same id. In no promised order: each says the job's `version`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import cache
from typing import Any

import structlog

from worker.core.deliveries import Heard, heard
from worker.core.job import Job
from worker.core.notifications import Kind
from worker.counted import Told
from worker.counts import UNCOUNTED, Counts
from worker.guarded import CallError
from worker.links import Links
from worker.posting import Poster
from worker.signatures import signed
from worker.store.clock import Clock
from worker.store.database import UNREACHABLE
from worker.store.jobs import Ledger
from worker.store.notifications import Notification, NotificationId, Status
from worker.store.outbox import Outbox
from worker.store.sealing import UnsealableError

_Secrets = Callable[[str], Sequence[str]]
"""The secrets of a caller."""
_WORTH_TELLING = frozenset({Status.DELIVERED, Status.GONE})
_TOLD = {Status.DELIVERED: Told.DELIVERED, Status.GONE: Told.GONE, Status.DEAD: Told.DEAD}

log = structlog.get_logger("courier")


@dataclass(frozen=True, slots=True)
class Courier:
    """One a process, used from any number of threads. `within`: how long one message may keep a thread."""

    outbox: Outbox
    ledger: Ledger
    poster: Poster
    lease: timedelta
    within: timedelta
    clock: Clock
    links: Links
    counts: Counts = UNCOUNTED

    def claim(self, lines: int, batch: int) -> list[list[NotificationId]]:
        """What is to be sent now, some of each destination. What a destination that is shut has left no time for is told of, for it dies unsent."""
        claimed = self.outbox.claim(self.clock(), self.lease, lines, batch)
        for one in claimed.given_up:
            log.error(
                "a caller's host was away until there was no time left: given up until somebody has it sent again", notification_id=one
            )
            self.counts.told(Told.DEAD)
        return claimed.batches

    def deliver(self, ids: Sequence[NotificationId]) -> None:
        """Deliver what is due of these, all of one destination. Once it does not answer, or time is over, the others are given back."""
        left, until = list(ids), self.clock() + self.within
        secrets = cache(lambda caller: [secret.text for secret in self.outbox.secrets(caller, self.clock())])
        while left and self.clock() < until:
            taken = self._take(left.pop(0))
            if taken is not None and not self._deliver(taken, secrets):
                break
        self.outbox.give_back(left, self.clock())

    def _take(self, one: NotificationId) -> Notification | None:
        """Take it. A row that cannot be read is named and comes back when its lease is over; those behind it must not wait for that."""
        try:
            return self.outbox.take(one, self.clock(), self.lease)
        except UnsealableError:
            log.exception("a notification is sealed under a key that this process does not have", notification_id=one)
            return None

    def _deliver(self, taken: Notification, secrets: _Secrets) -> bool:
        """Whether the destination may be asked for the next one at once."""
        what, answer = self._attempt(taken, secrets)
        status, breaker = self.outbox.settle(taken, what, answer, self.clock())
        _tell_the_log(taken, status, answer)
        self.counts.told(_TOLD.get(status, Told.AGAIN) if status else Told.AGAIN)
        return what is not Heard.SILENT and breaker.shut_until is None

    def _attempt(self, taken: Notification, secrets: _Secrets) -> tuple[Heard, str]:
        """One attempt, and what came of it. An odd row must not come back for ever: it is refused, and at last given up."""
        try:
            job, now = self.ledger.get(taken.job_id), self.clock()
            body = json.dumps(document_of(taken, job, self.links), separators=(",", ":"))
            headers = signed(taken.id, now, body, secrets(taken.caller))
            status = self.poster.post(job.request.notify_url or "", headers, body.encode("ascii"))
        except UNREACHABLE:
            raise
        except CallError as error:
            return heard(None), error.problem
        except Exception as error:
            log.exception("this notification could not be made", notification_id=taken.id)
            return Heard.REFUSED, f"it could not be made: {type(error).__name__}"
        return heard(status), f"answered {status}"


def document_of(one: Notification, job: Job, links: Links) -> dict[str, Any]:
    """The payload: what was true when it happened, and the conversation's address if that was asked for and still is the same conversation."""
    data = {"job_id": one.job_id, "version": int(one.id.rpartition("_")[2]), "idempotency_key": job.idempotency_key, **one.about}
    if job.request.notify_conversation_url:
        data |= _way_in(one, job, links)
    return {"type": one.kind, "timestamp": one.at.astimezone(UTC).isoformat(), "data": data}


def _way_in(one: Notification, job: Job, links: Links) -> dict[str, str | None]:
    """How the conversation is joined: its address once there is one, and before that the link that opens it."""
    talk = job.conversation
    if talk is not None and talk.id is not None and talk.id == one.about.get("conversation_id"):
        return {"conversation_url": talk.url}
    link = links.url_of(job) if one.kind == Kind.READY else None
    return {} if link is None else {"link": link}


def _tell_the_log(taken: Notification, status: Status | None, answer: str) -> None:
    about = {
        "notification_id": taken.id,
        "job_id": taken.job_id,
        "caller": taken.caller,
        "kind": taken.kind,
        "tries": taken.tries,
        "answer": answer,
    }
    if status is Status.DEAD:
        log.error("a caller could not be told: given up until somebody has it sent again", **about)
    elif status in _WORTH_TELLING:
        log.info("the caller was told", **about)
    else:
        log.info("the caller could not be told; tried again", **about)
