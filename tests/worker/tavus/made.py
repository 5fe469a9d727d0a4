"""What the tests of this room begin with: a key, a mark, effects, and a performer for an address."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from tests.sandbox.server import Sandbox
from worker.core.effects import DeleteReplica, LookUpConversation, LookUpMark, OpenConversation, PollReplica, SubmitReplica
from worker.core.job import JobId, ReplicaId
from worker.core.marks import conversation_mark, marked_name, replica_mark
from worker.links import Links
from worker.tavus import polls
from worker.tavus.batches import Batches
from worker.tavus.callbacks import Callbacks
from worker.tavus.client import Answer, Tavus
from worker.tavus.perform import Performer

ACCOUNT = "default"
KEY = "k3y-0f-the-account"
TIMEOUT = timedelta(seconds=5)  # for what answers: far more than it takes
SHORT = timedelta(seconds=0.3)  # for what does not
SECOND = timedelta(seconds=1)  # for what first does not, and then does
PATIENCE = timedelta(seconds=20)
DONE = timedelta(hours=6)  # past the slowest training that a seed is likely to draw

JOB = JobId("0000000000000000mm00000001")
MARK = replica_mark(JOB, 1)
TALK = conversation_mark(JOB, 1)
PAGE_OF_HTML = b"<html><head><title>Oops</title></head><body><h1>Oops</h1></body></html>"


@contextmanager
def calling(url: str, timeout: timedelta = TIMEOUT, key: str | None = KEY) -> Iterator[Tavus]:
    """A client for the address."""
    tavus = Tavus(url, {} if key is None else {ACCOUNT: SecretStr(key)}, timeout, threads=4)
    try:
        yield tavus
    finally:
        tavus.close()


@contextmanager
def performing(
    url: str,
    timeout: timedelta = TIMEOUT,
    key: str | None = KEY,
    callbacks: Callbacks | None = None,
    patience: timedelta = PATIENCE,
    links: Links | None = None,
) -> Iterator[Performer]:
    """A performer for the address."""
    with calling(url, timeout, key) as tavus:
        yield Performer(tavus, callbacks or Callbacks(None, None), patience, links or Links(None, None))


def body(picture: str = "https://pictures.example/a.jpg", **fields: object) -> dict[str, Any]:
    """A Create Replica body that carries the mark."""
    return {"train_image_url": picture, "voice_name": "anna", "replica_name": marked_name("Ann", MARK), **fields}


def submit(replica: Mapping[str, Any] | None = None) -> SubmitReplica:
    """The effect that pays."""
    return SubmitReplica(ACCOUNT, MARK, body() if replica is None else replica)


def open_with(replica_id: str, **fields: object) -> OpenConversation:
    """The effect that opens a conversation."""
    wanted = {"replica_id": replica_id, "conversation_name": marked_name("Ann", TALK), **fields}
    return OpenConversation(ACCOUNT, TALK, wanted, JOB)


def look(replica_id: str, model: str = "phoenix-4") -> PollReplica:
    """The question how a training goes."""
    return PollReplica(ACCOUNT, ReplicaId(replica_id), model)


def delete(replica_id: str, *, failed: bool, hard: bool = False) -> DeleteReplica:
    """The order to delete what the ledger believes failed, or trained."""
    return DeleteReplica(ACCOUNT, ReplicaId(replica_id), failed, hard)


LOOK_UP = LookUpMark(ACCOUNT, MARK)
LOOK_UP_TALK = LookUpConversation(ACCOUNT, TALK)


def train(tavus: Tavus, sandbox: Sandbox, query: str = "", **fields: object) -> ReplicaId:
    """A replica of the sandbox, in training; the query scripts how that goes."""
    reply = tavus.create_replica(ACCOUNT, body(sandbox.picture(query), **fields))
    assert isinstance(reply, Answer)
    assert isinstance(reply.document, dict), reply.said
    return ReplicaId(reply.document["replica_id"])


def asked_of(sandbox: Sandbox) -> dict[str, int]:
    """How many requests of each kind the sandbox has had."""
    return dict(sandbox.ledger()["requests"]["by_kind"])


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)


def poll(tavus: Tavus, looks: Sequence[PollReplica], patience: timedelta) -> Mapping[ReplicaId, polls.PollEvent]:
    """As a worker asks that knows nothing of the list's limits yet."""
    return polls.poll(tavus, looks, patience, Batches())
