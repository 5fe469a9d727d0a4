"""No call goes out without a permit, and every reply is told to the pace. What is held back was certainly not sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr

from tests.worker.tavus.made import ACCOUNT, KEY, LOOK_UP, LOOK_UP_TALK, MARK, PATIENCE, TALK, TIMEOUT, look, open_with, submit
from tests.worker.tavus.scripted import Said, Scripted
from worker.core import events
from worker.core.failures import Failure
from worker.core.job import ConversationId, ReplicaId
from worker.pacing.kinds import Held, Kind, Reason, Verdict
from worker.pacing.pacer import Ticket, Unpaced
from worker.tavus.callbacks import Callbacks
from worker.tavus.paced import PacedTavus
from worker.tavus.perform import Performer

WAIT = timedelta(seconds=90)


class Written(Unpaced):
    """A pace that writes down what it is told. `held`: what it says to every call."""

    def __init__(self, held: Held | None = None) -> None:
        self.held = held
        self.told: list[tuple[Kind, Verdict, timedelta | None]] = []
        self.asked: list[Kind] = []

    def enter(self, account: str, kind: Kind) -> Ticket | Held:
        self.asked.append(kind)
        return self.held or Ticket(account, kind, "", 0)

    def saw(self, ticket: Ticket, verdict: Verdict, retry_after: timedelta | None = None) -> None:
        self.told.append((ticket.kind, verdict, retry_after))


@contextmanager
def paced(url: str, pace: Written, key: str | None = KEY) -> Iterator[PacedTavus]:
    tavus = PacedTavus(url, {} if key is None else {ACCOUNT: SecretStr(key)}, TIMEOUT, 4, pace)
    try:
        yield tavus
    finally:
        tavus.close()


def every_call(tavus: PacedTavus) -> None:
    """Each operation of the client, once."""
    tavus.create_replica(ACCOUNT, {})
    tavus.create_conversation(ACCOUNT, {})
    for replica_id in (ReplicaId("r1"),):
        tavus.get_replica(ACCOUNT, replica_id)
        tavus.list_replicas(ACCOUNT, replica_ids=[replica_id])
    tavus.list_voices(ACCOUNT)
    tavus.get_conversation(ACCOUNT, ConversationId("c1"))
    tavus.list_conversations(ACCOUNT)
    tavus.rename_replica(ACCOUNT, ReplicaId("r1"), "Ann")
    tavus.delete_replica(ACCOUNT, ReplicaId("r1"), hard=True)
    tavus.end_conversation(ACCOUNT, ConversationId("c1"))


KINDS = [Kind.SUBMIT, Kind.CONVERSE, *[Kind.LOOK] * 5, *[Kind.OTHER] * 3]


def test_every_call_asks_for_a_permit_of_its_kind_and_tells_its_reply() -> None:
    pace = Written()
    with Scripted(Said(200, {})) as server, paced(server.url, pace) as tavus:
        every_call(tavus)
        assert len(server.asked) == len(KINDS)
    assert pace.asked == KINDS
    assert pace.told == [(kind, Verdict.OK, None) for kind in KINDS]


def test_without_a_permit_nothing_is_sent() -> None:
    with Scripted(Said(200, {})) as server, paced(server.url, Written(Held(WAIT, Reason.BUDGET))) as tavus:
        every_call(tavus)
        assert server.asked == []


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (Said(200, {"replica_id": "r1"}), Verdict.OK),
        (Said(400, {"error": "no"}), Verdict.OK),
        (Said(401, {"message": "no"}), Verdict.OK),
        (Said(404, b"<html>"), Verdict.OK),
        (Said(429, {}), Verdict.LIMITED),
        (Said(429, b"<html>"), Verdict.LIMITED),
        (Said(500, {}), Verdict.FAILED),
        (Said(503, b"<html>"), Verdict.FAILED),
        (Said(line=lambda _: None), Verdict.FAILED),
    ],
)
def test_what_a_reply_says_of_the_pace(said: Said, verdict: Verdict) -> None:
    pace = Written()
    with Scripted(said) as server, paced(server.url, pace) as tavus:
        tavus.create_replica(ACCOUNT, {})
    assert pace.told == [(Kind.SUBMIT, verdict, None)]


def test_nobody_there_is_a_failure_and_a_missing_key_is_none() -> None:
    pace = Written()
    for key in (KEY, None):
        with paced("http://127.0.0.1:1/v2", pace, key) as tavus:
            tavus.list_voices(ACCOUNT)
    assert [verdict for _, verdict, _ in pace.told] == [Verdict.FAILED, Verdict.OK]


def test_a_full_house_is_told_of_conversations_alone() -> None:
    pace = Written()
    full = Said(400, {"message": "User has reached maximum concurrent conversations"})
    with Scripted(full) as server, paced(server.url, pace) as tavus:
        tavus.create_conversation(ACCOUNT, {})
        tavus.create_replica(ACCOUNT, {})
    assert [verdict for _, verdict, _ in pace.told] == [Verdict.FULL, Verdict.OK]


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_told_whatever_it_comes_with(status: int) -> None:
    pace = Written()
    with Scripted(Said(status, {}, {"Retry-After": "7"})) as server, paced(server.url, pace) as tavus:
        tavus.list_voices(ACCOUNT)
    assert [retry_after for _, _, retry_after in pace.told] == [timedelta(seconds=7)]


def test_what_is_held_back_was_not_done_and_says_when_to_come_again() -> None:
    with Scripted(Said(200, {})) as server, paced(server.url, Written(Held(WAIT, Reason.BUDGET))) as tavus:
        performer = Performer(tavus, Callbacks(None, None), PATIENCE)
        posted, opened = performer.perform(submit()), performer.perform(open_with("r1"))
        assert isinstance(posted, events.SubmissionRefused)
        assert isinstance(opened, events.ConversationRefused)
        assert (posted.mark, posted.failure, posted.retry_after) == (MARK, Failure.PACED, WAIT)
        assert (opened.mark, opened.failure, opened.retry_after) == (TALK, Failure.PACED, WAIT)
        for question in (LOOK_UP, LOOK_UP_TALK, look("r1")):
            unread = performer.perform(question)
            assert isinstance(unread, events.LookupUnread | events.ConversationUnread | events.PollUnread)
            assert (unread.retry_after, unread.account_fault) == (WAIT, None)
            assert unread.detail.startswith("not asked: ")
        assert server.asked == []
