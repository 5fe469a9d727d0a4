"""What callers are told is rung for by the sweep, shown and sent again by commands, and arrives through a real worker at the README's receiver."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from scheduler.cli.notifications import _MOST
from scheduler.producers import CALLER, enqueue
from scheduler.stack.ports import free_port
from scheduler.sweep import Swept, sweep
from tests.broker import Broker
from tests.running import ROOT
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import NOWHERE, SECRET, a_job_in, a_request, opened, settings_in
from tests.scheduler.workers import wait_until, working
from tests.worker.store.made import changed
from worker.app import DELIVER
from worker.assembly import Parts
from worker.core.deliveries import Heard
from worker.core.events import CancelRequested
from worker.core.job import Job
from worker.core.states import State
from worker.settings import Settings
from worker.store.clock import utc_now
from worker.store.notifications import Notification, Status

RECEIVER = ROOT / "tests" / "acceptance" / "receive_notifications.py"


@pytest.fixture
def replicas(home: Path, broker: Broker) -> Commands:
    """The command line on the ledger of `parts`."""
    return commands_in(home, broker)


def cancelled(parts: Parts, url: str = "https://told.example/a") -> Job:
    """A job that was cancelled, whose caller wants to be told."""
    queued = a_job_in(parts)
    asking = changed(parts.ledger, queued, request=replace(queued.request, notify_url=f"{url}?token={SECRET}"))
    return parts.engine.tell(asking.id, CancelRequested())


def word(parts: Parts, job: Job) -> Notification:
    [one] = parts.courier.outbox.recent(10, job_id=job.id)
    return one


def give_up(parts: Parts, job: Job) -> Notification:
    """The job's notification, dead: its time was over at its first attempt."""
    outbox, later = parts.courier.outbox, utc_now() + timedelta(days=4)
    taken = outbox.take(word(parts, job).id, later, parts.settings.lease)
    assert taken is not None
    assert outbox.settle(taken, Heard.REFUSED, "answered 404", later)[0] is Status.DEAD
    return taken


def rung(broker: Broker) -> list[list[str]]:
    return [message["arguments"][0][0] for message in broker.messages(DELIVER)]


def test_what_is_to_be_told_is_rung_for_a_destination_at_a_time_with_ids_alone(parts: Parts, broker: Broker) -> None:
    ids = [word(parts, cancelled(parts)).id for _ in range(2)]
    other = word(parts, cancelled(parts, "https://other.example/b")).id
    broker.client.flushall()
    assert sweep(parts) == Swept(3)
    assert sorted(map(sorted, rung(broker))) == sorted([sorted(ids), [other]])
    assert SECRET not in json.dumps(broker.messages(DELIVER))
    assert {message["headers"]["task"] for message in broker.messages(DELIVER)} == {"notifications.deliver"}
    assert sweep(parts) == Swept(0)


def test_while_messages_wait_no_more_are_sent(parts: Parts, broker: Broker) -> None:
    cancelled(parts)
    sweep(parts)
    cancelled(parts, "https://other.example/b")
    assert sweep(parts) == Swept(0)
    broker.client.delete(DELIVER)
    assert sweep(parts) == Swept(1)


def test_what_the_broker_does_not_take_is_due_at_once(parts: Parts, settings: Settings) -> None:
    one = word(parts, cancelled(parts))
    with opened(settings.model_copy(update={"redis_url": NOWHERE})) as deaf:
        assert deaf.bell.ring_deliveries([[one.id]]) == [one.id]
    claimed = parts.courier.outbox.claim(utc_now(), parts.settings.lease, 1, 1)
    assert claimed.batches == [[one.id]]
    parts.courier.outbox.give_back([one.id], utc_now())
    assert sweep(parts) == Swept(1)


def test_who_asks_for_nothing_has_nothing(parts: Parts) -> None:
    job = a_job_in(parts)
    assert parts.engine.tell(job.id, CancelRequested()).state is State.CANCELLED
    assert parts.courier.outbox.recent(_MOST) == []


def test_list_shows_how_far_each_is_and_what_it_was_answered(replicas: Commands, parts: Parts) -> None:
    assert "no notifications yet" in replicas("notifications", "list").out
    dead, waiting = give_up(parts, cancelled(parts)), word(parts, cancelled(parts))
    shown = json.loads(replicas("notifications", "list", "--json").out)
    assert [(one["id"], one["status"], one["answer"]) for one in shown] == [
        (waiting.id, "waiting", None),
        (dead.id, "dead", "answered 404"),
    ]
    of_status = json.loads(replicas("notifications", "list", "--status", "dead", "--json").out)
    of_job = json.loads(replicas("notifications", "list", "--job", waiting.job_id, "--json").out)
    assert ([one["id"] for one in of_status], [one["id"] for one in of_job]) == ([dead.id], [waiting.id])
    table = replicas("notifications", "list")
    assert "job.cancelled" in table.out
    assert SECRET not in table.out + json.dumps(shown)


def test_redeliver_sends_dead_letters_again_and_those_that_are_named(replicas: Commands, parts: Parts, broker: Broker) -> None:
    dead = [give_up(parts, cancelled(parts)) for _ in range(3)]
    broker.client.flushall()
    assert "1 notifications" in replicas("notifications", "redeliver", dead[0].id).out
    assert "1 notifications" in replicas("notifications", "redeliver", dead[1].job_id).out
    assert "1 notifications" in replicas("notifications", "redeliver", "--dead").out
    assert sweep(parts) == Swept(3)
    assert sorted(one for ids in rung(broker) for one in ids) == sorted(one.id for one in dead)


@pytest.mark.parametrize("name", ["msg_nobody_1", "nobody"])
def test_redeliver_says_which_it_does_not_know(replicas: Commands, parts: Parts, name: str) -> None:
    del parts
    said = replicas("notifications", "redeliver", name)
    assert (said.status, said.out) == (1, "")
    assert name in said.err
    assert "replicas notifications list" in said.err


@pytest.mark.parametrize("words", [(), ("--dead", "msg_one_1")])
def test_redeliver_needs_to_know_what_is_meant(replicas: Commands, parts: Parts, words: tuple[str, ...]) -> None:
    del parts
    assert replicas("notifications", "redeliver", *words).status == 2


def test_a_secret_is_shown_and_rotated_with_the_one_before_beside_it(replicas: Commands, parts: Parts) -> None:
    [first] = json.loads(replicas("notifications", "secret", "show", "--json").out)
    assert [one.text for one in parts.courier.outbox.secrets(CALLER, utc_now())] == [first["secret"]]
    new, before = json.loads(replicas("notifications", "secret", "rotate", "--overlap", "2h", "--json").out)
    assert (before["secret"], new["valid_until"]) == (first["secret"], None)
    assert new["secret"] in replicas("notifications", "secret", "show").out
    [only] = json.loads(replicas("notifications", "secret", "rotate", "--overlap", "0s", "--json").out)
    assert only["secret"] not in {new["secret"], before["secret"]}
    assert replicas("notifications", "secret", "show", "--caller", "shop").out.startswith("whsec_")
    assert "is not a duration" in replicas("notifications", "secret", "rotate", "--overlap", "soon").err


@contextmanager
def listening(folder: Path, secret: str) -> Iterator[tuple[int, Path]]:
    """The README's receiver as a process: its port, and what it prints."""
    port, output = free_port(), folder / "receiver.log"
    environment = dict(os.environ) | {"WEBHOOK_SECRET": secret, "PORT": str(port)}
    with output.open("wb") as said:
        process = subprocess.Popen([sys.executable, str(RECEIVER)], env=environment, stdout=said, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _status(port) == 501)  # it knows no GET
        yield port, output
    finally:
        process.kill()
        process.wait()


def _status(port: int) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code
    except httpx.TransportError:
        return 0


def test_a_real_worker_tells_the_receiver_of_the_readme_and_no_stranger_can(home: Path, broker: Broker, tmp_path: Path) -> None:
    allowed = {"REPLICAS_ALLOW_HTTP": "true", "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true"}
    with opened(settings_in(home, redis_url=broker.url)) as parts:
        [secret] = parts.courier.outbox.secrets(CALLER, utc_now())
        with (
            listening(tmp_path, secret.text) as (port, printed),
            working(home, REDIS_URL=broker.url, REPLICAS_HOME=str(home), **allowed) as worker,
        ):
            job = cancelled(parts, f"http://127.0.0.1:{port}/told")
            assert sweep(parts) == Swept(1)
            wait_until(lambda: word(parts, job).status is Status.DELIVERED)
            stranger = httpx.post(f"http://127.0.0.1:{port}/told", json={"type": "job.done"}, trust_env=False)
            assert stranger.status_code == 401
        assert f"job.cancelled {job.id} Nothing follows." in printed.read_text()
        assert "the caller was told" in worker.said
        assert SECRET not in worker.said
        assert secret.text not in worker.said


def test_the_conversations_address_is_asked_for_in_the_request(parts: Parts) -> None:
    asked = enqueue(parts, a_request(notify_url="https://told.example/a", notify_conversation_url=True)).job
    assert parts.ledger.get(asked.id).request.notify_conversation_url
