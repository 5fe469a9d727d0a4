"""Callers are told, at least once, signed so that Standard Webhooks' own verifier accepts it; a crash loses nothing, and a dead letter stays dead."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet
from standardwebhooks import Webhook, WebhookVerificationError
from typing_extensions import override

from tests.receiver import Receiver, Told
from tests.worker.core.samples import CONVERSATION
from tests.worker.courier.house import JOIN, LINKS, NEAR, QUICK, House
from tests.worker.store.made import LEASE, SECOND
from worker import counted
from worker.core.decide import decide
from worker.core.events import ConversationTold
from worker.core.failures import POLICIES, Failure
from worker.core.job import Conversation, JobId
from worker.core.marks import conversation_mark
from worker.core.request import Start
from worker.core.rules import Rules, phase
from worker.core.states import State
from worker.counted import NOTIFICATIONS, series
from worker.counts import Counts
from worker.guarded import UnansweredError
from worker.posting import Poster
from worker.store.jobs import Applied
from worker.store.notifications import Status
from worker.store.sealing import Sealer
from worker.store.tables import METADATA


@pytest.fixture
def one(house: House) -> Told:
    """One notification as it arrived."""
    house.moved()
    house.sweep()
    [told] = house.receiver.told
    return told


def conversation_of(job_id: JobId) -> Conversation:
    return Conversation(mark=conversation_mark(job_id, 1), id=CONVERSATION, url=JOIN)


def test_the_librarys_own_verifier_accepts_what_is_sent(house: House, one: Told) -> None:
    assert (one.refused, one.status) == (None, 204)
    assert house.statuses() == {Status.DELIVERED: 1}
    assert house.sweep() == 0


def test_a_wrong_secret_and_an_old_time_and_another_body_are_refused_by_it(house: House, one: Told) -> None:
    mine = Webhook(house.receiver.secret or "")
    mine.verify(one.body, dict(one.headers))
    old = datetime.now(UTC) - timedelta(minutes=6)
    stale = {"webhook-timestamp": str(int(old.timestamp())), "webhook-signature": mine.sign(one.id, old, one.body.decode())}
    for verifier, headers, body in (
        (Webhook(house.outbox.secrets("another", house.clock())[0].text), {}, one.body),
        (mine, stale, one.body),
        (mine, {"webhook-id": "msg_another_1"}, one.body),
        (mine, {}, one.body.replace(b"held", b"done")),
    ):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, {**one.headers, **headers})


def test_a_notification_that_is_replayed_is_known_by_its_id(house: House, one: Told) -> None:
    [sent] = house.outbox.recent(1)
    house.outbox.send_again([sent.id], house.clock())
    house.clock.now += SECOND
    house.sweep()
    first, again = house.receiver.told
    assert house.receiver.again == [one.id] == [again.id]
    assert first.document == again.document
    assert first.headers["webhook-timestamp"] != again.headers["webhook-timestamp"]


def test_while_a_secret_takes_anothers_place_receivers_with_either_accept_it(house: House) -> None:
    before = house.receiver.secret
    new, _ = house.outbox.rotate("tests", house.clock(), timedelta(minutes=1))
    for secret in (before, new.text):
        house.receiver.secret = secret
        house.moved()
        house.sweep()
    house.clock.now += timedelta(minutes=1)
    house.moved()
    house.sweep()
    house.receiver.secret = before
    house.moved()
    house.sweep()
    assert [told.status for told in house.receiver.told] == [204, 204, 204, 401]
    assert [len(told.headers["webhook-signature"].split()) for told in house.receiver.told] == [2, 2, 1, 1]


def test_the_payload_says_what_happened_what_to_do_and_which_job(house: House) -> None:
    [job] = house.moved(State.HELD)
    house.sweep()
    document = house.receiver.told[0].document
    assert document["type"] == "job.held"
    assert datetime.fromisoformat(document["timestamp"]) == house.clock()
    data = document["data"]
    assert (data["job_id"], data["version"], data["idempotency_key"]) == (job.id, job.version, job.id)
    assert (data["state"], data["replica_id"], data["account"]) == ("held", "r1", "main")
    assert data["what_happened"] == "what happened, with https://bucket.example/ann.jpg"
    assert data["what_to_do"] == POLICIES[Failure.UNRECOGNISED].told


def test_the_conversations_address_is_told_to_who_asked_for_it_alone(house: House) -> None:
    for asked in (False, True):
        house.moved(State.DONE, notify_conversation_url=asked, conversation=conversation_of(JobId("0" * 26)))
    house.sweep()
    found = [told.document["data"] for told in house.receiver.told]
    assert sorted(data.get("conversation_url") or "" for data in found) == ["", JOIN]
    assert {data["conversation_id"] for data in found} == {CONVERSATION}


def test_a_job_that_is_ready_tells_the_link_that_opens_its_conversation_to_who_asked_for_it_alone(house: House) -> None:
    for asked in (False, True):
        [job] = house.moved(State.READY, start=Start.ON_DEMAND, notify_conversation_url=asked)
    house.moved(State.READY, start=Start.NONE, notify_conversation_url=True)
    house.sweep()
    told = [one.document["data"] for one in house.receiver.told]
    assert {(one["job_id"], one["link"]) for one in told if "link" in one} == {(job.id, LINKS.url_of(job))}


def test_what_tavus_tells_of_a_conversation_is_passed_on_without_queries_to_who_asked_for_it_alone(house: House) -> None:
    says = {"transcript": [{"role": "user", "content": "Hello"}], "at": "https://tavus.example/r?X-Amz-Signature=S3CRETs3cret0123"}
    for asked in (False, True):
        [job] = house.moved(State.DONE, notify_conversation_events=asked, conversation=conversation_of(JobId("0" * 26)))
        heard = ConversationTold(conversation_mark(job.id, 1), "application.transcription_ready", CONVERSATION, "1 turns", says)
        house.ledger.apply(Applied(job, heard, decide(job, heard, house.clock(), Rules())), house.clock())
    house.live(3)
    [told] = [one.document for one in house.receiver.told if not one.document["type"].startswith("job.")]
    assert told["type"] == "conversation.application.transcription_ready"
    assert (told["data"]["job_id"], told["data"]["conversation_id"], told["data"]["state"]) == (job.id, CONVERSATION, "done")
    assert told["data"]["properties"] == says | {"at": "https://tavus.example/r"}
    assert "Hello" not in repr(house.ledger.story(job.id))


def test_a_payload_stays_small_whatever_others_said(house: House) -> None:
    house.moved(State.ABANDONED, detail="\N{SNOWMAN}" * 100_000)
    house.sweep()
    assert len(house.receiver.told[0].body) < 20_000


def test_no_secret_and_no_query_is_in_a_payload_or_a_log(sqlite_url: str, receiver: Receiver) -> None:
    with structlog.testing.capture_logs() as lines:
        house = House(sqlite_url, receiver)
        receiver.decide = lambda number, _id: 500 if number == 1 else 204
        house.moved()
        house.live(5)
        house.moved(url="http://127.0.0.1:1/told?token=S3CRETs3cret0123")
        house.live(60)
    assert {line["event"] for line in lines} >= {"the caller was told", "the caller could not be told; tried again"}
    for told in receiver.told:
        assert b"S3CRET" not in told.body
    assert "S3CRET" not in json.dumps(lines, default=str)
    assert "whsec_" not in json.dumps(lines, default=str)
    house.ledger.close()


@pytest.mark.parametrize("status", [410, 200, 204, 299])
def test_410_and_2xx_end_it(house: House, status: int) -> None:
    house.receiver.decide = lambda _number, _id: status
    house.moved()
    house.live(50)
    assert len(house.receiver.told) == 1
    assert house.statuses() == {Status.GONE if status == 410 else Status.DELIVERED: 1}


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
def test_everything_else_is_tried_again_until_its_time_is_over_and_never_after(house: House, status: int) -> None:
    house.receiver.decide = lambda _number, _id: status
    house.moved()
    house.live(45)
    attempts = len(house.receiver.told)
    assert attempts > 5
    assert house.statuses() == {Status.DEAD: 1}
    house.receiver.decide = lambda _number, _id: 204
    house.live(45)
    assert len(house.receiver.told) == attempts


def test_what_was_committed_and_never_sent_is_sent_by_another_process(sqlite_url: str, receiver: Receiver) -> None:
    first = House(sqlite_url, receiver)
    [job] = first.moved()
    first.ledger.close()  # it died between its commit and everything else
    second = House(sqlite_url, receiver)
    second.sweep()
    assert [told.document["data"]["job_id"] for told in receiver.told] == [job.id]
    second.ledger.close()


class DyingError(BaseException):
    """A process dies here."""


class Dying(Poster):
    """Sends, and dies before anybody learns of it; or dies before it sends."""

    @override
    def post(self, address: str, headers: Any, body: bytes) -> int:
        if self.within > SECOND:
            super().post(address, headers, body)
        raise DyingError


def test_each_dead_letter_is_counted_and_logged_those_too_that_a_dead_host_left_no_time_for(house: House) -> None:
    house.receiver.decide = lambda _number, _id: 503
    counts, ids = Counts(), {job.id for job in house.moved(count=10)}
    counting = replace(house.courier(), counts=counts)
    with structlog.testing.capture_logs() as lines:
        for _ in range(60):
            house.sweep(counting)
            house.clock.now += SECOND
    assert house.statuses() == {Status.DEAD: 10}
    assert counts.take()[series(NOTIFICATIONS, counted.Told.DEAD.value)] == 10
    named = [line["notification_id"] for line in lines if line["log_level"] == "error"]
    assert sorted(one.split("_")[1] for one in named) == sorted(ids)


@pytest.mark.parametrize(("within", "arrivals"), [(timedelta(seconds=10), 2), (SECOND, 1)])
def test_who_dies_around_the_sending_loses_nothing_and_the_id_stays_the_same(house: House, within: timedelta, arrivals: int) -> None:
    house.moved()
    dying = Dying(NEAR, within)
    with pytest.raises(DyingError):
        house.sweep(house.courier(dying))
    assert house.sweep() == 0  # until the lease of the dead one is over
    house.clock.now += LEASE
    house.sweep()
    assert len(house.receiver.told) == arrivals
    assert len({told.id for told in house.receiver.told}) == 1
    assert house.statuses() == {Status.DELIVERED: 1}


def test_a_destination_that_hangs_is_asked_once_and_its_others_are_given_back(house: House) -> None:
    asked: list[str] = []

    class Silent(Poster):
        @override
        def post(self, address: str, headers: Any, body: bytes) -> int:
            asked.append(headers["webhook-id"])
            raise UnansweredError("was not answered in time", "See that its server answers quickly.")

    house.moved(count=20)
    house.sweep(house.courier(Silent(NEAR, SECOND)))
    assert len(asked) == 1
    assert house.sweep() == 1  # by somebody who reaches it
    assert len(house.receiver.accepted) == 19


def test_what_cannot_be_made_does_not_come_back_for_ever(house: House) -> None:
    class Odd(Poster):
        @override
        def post(self, address: str, headers: Any, body: bytes) -> int:
            raise LookupError(address)

    [job] = house.moved()
    for _ in range(50):
        house.sweep(house.courier(Odd(NEAR, SECOND)))
        house.clock.now += SECOND
    [found] = house.outbox.recent(10)
    assert (found.job_id, found.status, found.answer) == (job.id, Status.DEAD, "it could not be made: LookupError")


def test_what_is_sealed_under_another_key_keeps_nothing_behind_it(house: House) -> None:
    house.moved()
    elsewhere = Sealer([Fernet.generate_key().decode()])
    with house.ledger._database.begin() as connection:
        about = elsewhere.seal_document({"said": "something"})
        connection.execute(METADATA.tables["notification"].update().values(about=about))
    house.moved(count=3)
    house.sweep()
    assert house.statuses() == {Status.RUNG: 1, Status.DELIVERED: 3}


def test_a_thousand_reach_a_receiver_that_fails_at_three_in_ten_and_none_comes_after_its_dead_letter(house: House) -> None:
    house.patient(replace(QUICK, whole=timedelta(minutes=2)))
    ids = [f"msg_{job.id}_{job.version}" for job in house.moved(count=1000)]
    doomed = set(ids[::100])
    house.receiver.decide = lambda number, one: 500 if one in doomed or phase(f"weather:{number}") < 0.3 else 204
    house.live_until_nothing_waits()
    assert house.receiver.accepted == set(ids) - doomed
    assert {told.refused for told in house.receiver.told} == {None}  # the verifier has nothing against any of them
    assert house.statuses() == {Status.DELIVERED: 990, Status.DEAD: 10}
    before = len(house.receiver.told)
    house.receiver.decide = lambda _number, _id: 204
    house.live(20)
    assert len(house.receiver.told) == before
    assert set(house.outbox.send_again([one.id for one in house.outbox.recent(100, status=Status.DEAD)], house.clock())) == doomed
    house.live_until_nothing_waits()
    assert house.receiver.accepted == set(ids)
