"""No message is in one process's memory alone, not for a moment: whoever is killed with one in its hands gives it back."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message
from kombu.messaging import Consumer

from tests.broker import Broker
from tests.scheduler.made import settings_in
from worker import transport
from worker.app import CREATE, QUEUES, RINGS, SWEEP, make_app
from worker.channel import _SOON, Channel

_PATIENCE = 20.0  # seconds; on a host that is not busy milliseconds
_VISIBILITY = 1  # seconds until what somebody killed has had is given to others


@pytest.fixture(autouse=True)
def registered() -> None:
    """Kombu takes our transports."""
    transport.register()


@contextmanager
def connected(url: str, **options: Any) -> Iterator[Connection]:  # noqa: ANN401 - kombu's
    kept = {"visibility_timeout": _VISIBILITY, "unacked_restore_throttle": 1, "wakes": RINGS, **options}
    with Connection(url, transport_options=kept) as connection:
        yield connection


def send(broker: Broker, queue: str, *bodies: str, **options: Any) -> None:  # noqa: ANN401 - kombu's
    with connected(broker.url) as connection, connection.SimpleQueue(queue) as line:
        for body in bodies:
            line.put(body, serializer="json", **options)


def _die_with_it(url: str, queue: str) -> None:
    """Take a message, and be killed before a line of what handles it has run."""

    def killed(_transport: object, _message: object, _queue: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    transport.register()
    transport.Transport._deliver = killed  # type: ignore[method-assign] # what kombu calls first
    with connected(url) as connection, Consumer(connection, [Queue(queue)], callbacks=[lambda *_: None]):
        connection.drain_events(timeout=_PATIENCE)


def consumed(url: str, queue: str, count: int, *, acknowledge: bool = True, **options: Any) -> list[str]:  # noqa: ANN401 - kombu's
    """So many bodies, as they come."""
    bodies: list[str] = []

    def keep(body: str, message: Any) -> None:  # noqa: ANN401 - kombu's
        bodies.append(body)
        if acknowledge and not options.get("no_ack"):
            message.ack()

    with connected(url) as connection, Consumer(connection, [Queue(queue)], callbacks=[keep], **options):
        until = time.monotonic() + _PATIENCE
        while len(bodies) < count and time.monotonic() < until:
            try:
                connection.drain_events(timeout=1)
            except TimeoutError:
                continue
    return bodies


def asked_by_script(broker: Broker) -> int:
    """How often."""
    known: dict[str, Any] = broker.client.info("commandstats")
    return int(known.get("cmdstat_eval", {}).get("calls", 0))


def out(broker: Broker) -> int:
    """How many messages are written down as out."""
    return int(broker.client.hlen("unacked"))


def test_a_message_outlives_whoever_is_killed_at_the_moment_that_it_comes(broker: Broker) -> None:
    send(broker, CREATE, "a headshot")
    # Forked off a process without threads: one of this process' own may hold a lock just then, which nobody in the child would ever give back.
    child = multiprocessing.get_context("forkserver").Process(target=_die_with_it, args=(broker.url, CREATE))
    child.start()
    child.join(_PATIENCE)
    assert child.exitcode == -signal.SIGKILL
    assert (broker.waiting(CREATE), out(broker)) == (0, 1)
    assert consumed(broker.url, CREATE, 1) == ["a headshot"]
    assert (broker.waiting(CREATE), out(broker)) == (0, 0)


def test_what_is_not_acknowledged_is_given_back_in_order_and_the_urgent_comes_first(broker: Broker) -> None:
    send(broker, CREATE, "one", "two")
    send(broker, CREATE, "urgent", priority=9)
    taken = consumed(broker.url, CREATE, 3, acknowledge=False, prefetch_count=3)
    assert sorted(taken) == ["one", "two", "urgent"]
    assert taken.index("one") < taken.index("two")
    assert sorted(consumed(broker.url, CREATE, 3)) == sorted(taken)
    assert out(broker) == 0


def test_what_others_may_send_is_looked_for_by_priority_and_a_ring_in_one_place(broker: Broker) -> None:
    send(broker, SWEEP, "a ring", "another")
    send(broker, CREATE, "one")
    send(broker, CREATE, "urgent", priority=9)
    with connected(broker.url) as connection:
        channel = connection.default_channel
        assert isinstance(channel, Channel)
        lists = channel._lists([SWEEP, CREATE])
        assert (list(lists)[:2], list(lists.values())) == ([SWEEP, CREATE], [SWEEP, *[CREATE] * 4])
        assert [transport.waiting(connection, queue) for queue in (SWEEP, CREATE)] == [2, 2]


def test_what_may_not_be_lost_is_not_asked_for_at_each_ring_and_comes_soon_all_the_same(broker: Broker) -> None:
    bodies: list[str] = []
    with (
        connected(broker.url) as connection,
        Consumer(connection, [Queue(SWEEP, no_ack=True), Queue(CREATE)], callbacks=[lambda body, _: bodies.append(body)]),
    ):
        asked, began = asked_by_script(broker), time.monotonic()
        for count in range(1, 11):
            Timer(0.05, send, (broker, SWEEP, "a ring")).start()  # while it waits
            while len(bodies) < count:
                connection.drain_events(timeout=_PATIENCE)
        assert asked_by_script(broker) - asked <= 2 + (time.monotonic() - began) / _SOON
        send(broker, CREATE, "a headshot")
        began = time.monotonic()
        while len(bodies) < 11:
            connection.drain_events(timeout=_PATIENCE)
    assert bodies == [*["a ring"] * 10, "a headshot"]
    assert time.monotonic() - began < 2 * _SOON


def test_what_nobody_acknowledges_is_not_remembered(broker: Broker) -> None:
    send(broker, "answers", "pong")
    assert consumed(broker.url, "answers", 1, no_ack=True) == ["pong"]
    assert out(broker) == 0


def test_what_nobody_acknowledges_comes_in_turn_with_what_is_remembered_until_somebody_does(broker: Broker) -> None:
    send(broker, CREATE, *map(str, range(20)))
    send(broker, SWEEP, *("ring",) * 3)
    taken: list[str] = []

    def keep(body: str, message: Message) -> None:
        taken.append(body)
        if body == "ring":
            message.ack()  # as Celery does, whatever it was

    with connected(broker.url) as connection, Consumer(connection, [Queue(CREATE), Queue(SWEEP, no_ack=True)], callbacks=[keep]):
        until = time.monotonic() + _PATIENCE
        while len(taken) < 23 and time.monotonic() < until:
            connection.drain_events(timeout=_PATIENCE)
        assert sorted(taken) == sorted([*map(str, range(20)), *("ring",) * 3])
        assert "ring" in taken[:3]
        assert out(broker) == 20


@pytest.mark.parametrize("queue", [CREATE, SWEEP])
def test_a_message_that_comes_to_somebody_who_waits_is_taken(broker: Broker, queue: str) -> None:
    with connected(broker.url) as connection, connection.channel() as channel:
        bodies: list[str] = []
        with Consumer(channel, [Queue(CREATE), Queue(SWEEP)], callbacks=[_kept(bodies)]):
            with pytest.raises(TimeoutError):
                connection.drain_events(timeout=0.2)
            send(broker, queue, "late")
            until = time.monotonic() + _PATIENCE
            while not bodies and time.monotonic() < until:
                try:
                    connection.drain_events(timeout=1)
                except TimeoutError:
                    continue
    assert bodies == ["late"]
    assert (broker.waiting(queue), out(broker)) == (0, 0)


def _kept(bodies: list[str]) -> Callable[[str, Any], None]:
    def keep(body: str, message: Any) -> None:  # noqa: ANN401 - kombu's
        bodies.append(body)
        message.ack()

    return keep


@pytest.mark.parametrize("raw", [b"[]", b"{", b'{"properties": 5}', b'{"properties": {"delivery_tag": 7}, "body": "", "headers": {}}'])
def test_what_no_kombu_has_sent_is_thrown_away_and_keeps_nothing_else_from_coming(broker: Broker, raw: bytes) -> None:
    broker.client.lpush(CREATE, raw)
    send(broker, CREATE, "after it")
    assert consumed(broker.url, CREATE, 1) == ["after it"]
    assert out(broker) == 0


def test_an_error_of_whoever_works_on_a_message_is_his_whether_or_not_the_message_is_remembered(broker: Broker) -> None:
    def fail(_body: str, _message: Any) -> None:  # noqa: ANN401 - kombu's
        raise TypeError("of the work")

    for no_ack in (True, False):
        send(broker, CREATE, "work")
        with (
            connected(broker.url) as connection,
            Consumer(connection, [Queue(CREATE)], callbacks=[fail], no_ack=no_ack),
            pytest.raises(TypeError, match="of the work"),
        ):
            connection.drain_events(timeout=_PATIENCE)


_TO = b'{"delivery_tag": "t", "delivery_info": {"exchange": "", "routing_key": "replicas.create"}%s}'


@pytest.mark.parametrize(
    "raw",
    [
        b'{"headers": {}, "body": "a\nb", "properties": ' + _TO % b"" + b"}",
        b'{"headers": {}, "body": "b", "properties": ' + _TO % b', "body_encoding": "rot13"' + b"}",
    ],
    ids=["a newline in a string", "a body in no code"],
)
def test_what_redis_can_read_and_nobody_else_is_thrown_away_once(broker: Broker, raw: bytes) -> None:
    broker.client.lpush(CREATE, raw)
    send(broker, CREATE, "after it")
    assert consumed(broker.url, CREATE, 1) == ["after it"]
    assert out(broker) == 0


def test_every_queue_is_served_and_those_that_may_lose_a_message_hold_none_that_stands_nowhere_else(tmp_path: Path, broker: Broker) -> None:
    app = make_app(settings_in(tmp_path, redis_url=broker.url))
    assert tuple(app.conf.broker_transport_options["wakes"]) == RINGS
    assert set(QUEUES) - set(RINGS) == {"replicas.create", "replicas.cancel", "replicas.delete", "conversations.start"}
