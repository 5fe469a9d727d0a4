"""Webhooks: flat, once, and sometimes never or twice."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.sandbox import messages
from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from tests.test_sandbox.customer import Customer

DONE = timedelta(hours=6)


class _Server(ThreadingHTTPServer):
    """Takes a burst: with the usual queue of five, connections past it are dropped and tried again a second later."""

    request_queue_size = 256


class Receiver:
    """A real HTTP server that keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        got = self.got

        class Taker(BaseHTTPRequestHandler):
            """Keeps the body and says 200."""

            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = _Server(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/callback?token=secret"

    def wait_for(self, number: int) -> list[dict[str, Any]]:
        """What has come, once it is that many."""
        deadline = time.monotonic() + 5
        while len(self.got) < number and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.got


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that listens."""
    one = Receiver()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


def _settled(tavus: Sandbox) -> dict[str, int]:
    """The ledger's callbacks, once nothing more is on its way."""
    deadline = time.monotonic() + 5
    counts: dict[str, int] = tavus.ledger()["callbacks"]
    while counts["due"] != counts["lost"] + counts["sent"] - counts["doubled"] and time.monotonic() < deadline:
        time.sleep(0.005)
        counts = tavus.ledger()["callbacks"]
    return counts


def test_completion_says_ready_and_nothing_else(customer: Customer, receiver: Receiver) -> None:
    one = customer.train(callback_url=receiver.url)
    customer.tavus.advance(DONE)
    assert receiver.wait_for(1) == [{"replica_id": one, "status": "ready"}]


def test_an_error_carries_its_message(customer: Customer, receiver: Receiver) -> None:
    one = customer.film("sandbox_outcome=video_fps", callback_url=receiver.url).json()["replica_id"]
    customer.tavus.advance(DONE)
    assert receiver.wait_for(1) == [{"replica_id": one, "status": "error", "error_message": messages.VIDEO["video_fps"]}]


def test_a_callback_comes_by_itself_when_the_time_has_come(receiver: Receiver) -> None:
    rules = Rules(typical=timedelta(minutes=10), callback_delay=timedelta(seconds=1))
    with Sandbox(rules, speed=6000) as tavus, Customer(tavus) as customer:
        one = customer.train(callback_url=receiver.url)
        assert receiver.wait_for(1) == [{"replica_id": one, "status": "ready"}]


def test_no_callback_comes_for_a_replica_that_was_deleted_or_asked_for_none(customer: Customer, receiver: Receiver) -> None:
    gone = customer.train("a", callback_url=receiver.url)
    customer.train("b", callback_url="")
    last = customer.train("c", callback_url=receiver.url)
    customer.http.delete(f"/replicas/{gone}")
    customer.tavus.advance(DONE)
    assert receiver.wait_for(1) == [{"replica_id": last, "status": "ready"}]


def test_some_callbacks_are_lost_and_some_come_twice_by_the_seed(receiver: Receiver) -> None:
    with Sandbox(Rules(callback_loss=0.3, callback_double=0.2, seed=4)) as tavus, Customer(tavus) as customer:
        for number in range(100):
            customer.http.post("/replicas", json={"train_video_url": f"https://films.example/{number}.mp4", "callback_url": receiver.url})
        tavus.advance(DONE)
        counts = _settled(tavus)
        assert counts["due"] == 100
        assert 15 < counts["lost"] < 45
        assert 5 < counts["doubled"] < 30
        assert len(receiver.wait_for(counts["sent"])) == counts["sent"] == 100 - counts["lost"] + counts["doubled"]


def test_a_receiver_that_is_not_there_is_counted_and_harms_nobody(customer: Customer) -> None:
    customer.train(callback_url="http://127.0.0.1:9/nobody")
    customer.tavus.advance(DONE)
    deadline = time.monotonic() + 5
    while not customer.tavus.ledger()["callbacks"]["undelivered"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert customer.tavus.ledger()["callbacks"]["undelivered"] == 1


def test_phoenix_45_calls_at_the_preview_and_at_the_end(customer: Customer, receiver: Receiver) -> None:
    one = customer.train("sandbox_outcome=tuning", model_name="phoenix-4.5", callback_url=receiver.url)
    customer.tavus.advance(timedelta(minutes=5))
    assert receiver.wait_for(1) == [{"replica_id": one, "status": "ready"}]
    customer.tavus.advance(DONE)
    assert receiver.wait_for(2)[1]["status"] == "error"


def _kinds(got: list[dict[str, Any]]) -> list[str]:
    return sorted(str(one["event_type"]) for one in got)


def test_a_conversation_tells_who_came_why_it_ended_and_what_there_is_of_it(customer: Customer, receiver: Receiver) -> None:
    replica = customer.train()
    customer.tavus.advance(DONE)
    recorded = {"properties": {"enable_recording": True, "participant_absent_timeout": 60}, "callback_url": receiver.url}
    one = customer.converse(replica, **recorded).json()["conversation_id"]
    customer.tavus.advance(timedelta(minutes=2))
    got = receiver.wait_for(4)
    told = ["application.recording_ready", "application.transcription_ready", "system.replica_joined", "system.shutdown"]
    assert _kinds(got) == told
    assert {news["conversation_id"] for news in got} == {one}
    [shutdown] = [news for news in got if news["event_type"] == "system.shutdown"]
    assert shutdown["message_type"] == "system"
    assert shutdown["properties"]["shutdown_reason"] == "participant_absent_timeout reached"


def test_a_conversation_that_is_ended_twice_is_over_once_and_a_test_or_one_without_address_tells_nothing(
    customer: Customer, receiver: Receiver
) -> None:
    replica = customer.train()
    customer.tavus.advance(DONE)
    customer.converse(replica, test_mode=True, callback_url=receiver.url)
    customer.converse(replica)
    one = customer.converse(replica, callback_url=receiver.url).json()["conversation_id"]
    for _ in range(2):
        customer.http.post(f"/conversations/{one}/end")
    customer.tavus.advance(timedelta(hours=2))
    assert _settled(customer.tavus)["sent"] == 3
    got = receiver.wait_for(3)
    assert _kinds(got) == ["application.transcription_ready", "system.replica_joined", "system.shutdown"]
    assert [news["properties"].get("shutdown_reason") for news in got].count("end_conversation_endpoint_hit") == 1
