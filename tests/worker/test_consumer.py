"""A task that ends wakes the thread that listens to the broker only if that has something to do, and always if it has stopped listening."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message
from kombu.messaging import Consumer as Listener

from tests.broker import Broker
from worker import transport
from worker.app import CREATE, RINGS, SWEEP
from worker.consumer import Consumer


class Loop:
    """Keeps what it is asked to do on its own thread."""

    def __init__(self) -> None:
        self.asked: list[Callable[[], Any]] = []

    def call_soon(self, callback: Callable[[], Any]) -> None:
        """See `kombu.asynchronous.Hub`."""
        self.asked.append(callback)


@contextmanager
def taken(broker: Broker, queue: str, *, listens: bool = True) -> Iterator[tuple[Consumer, Message]]:
    """A message of the queue, and who has taken it; `listens`: and has asked for the next."""
    transport.register()
    consumer, heard = object.__new__(Consumer), list[Message]()
    consumer.hub = Loop()
    with Connection(broker.url, transport_options={"wakes": RINGS}) as connection:
        with connection.SimpleQueue(queue) as line:
            line.put("go", serializer="json")
        with Listener(connection, [Queue(queue)], on_message=heard.append, no_ack=queue in RINGS):
            connection.drain_events(timeout=20)
            if listens:
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.1)
            (message,) = heard
            yield consumer, message


@pytest.mark.parametrize(
    ("queue", "listens", "wakes"), [(SWEEP, True, 0), (SWEEP, False, 1), (CREATE, True, 1)], ids=["idle", "full", "acknowledged"]
)
def test_a_message_that_nobody_acknowledges_wakes_nobody_who_listens(broker: Broker, queue: str, listens: Any, wakes: int) -> None:  # noqa: ANN401 - a parameter's value
    with taken(broker, queue, listens=listens) as (consumer, message):
        consumer.call_soon_ack(message.ack_log_error, None, ())
        assert len(consumer.hub.asked) == wakes
        for callback in consumer.hub.asked:
            callback()
    assert message.acknowledged
    assert broker.client.hlen("unacked") == 0


def test_a_message_that_is_refused_is_refused_by_whoever_listens(broker: Broker) -> None:
    with taken(broker, SWEEP) as (consumer, message):
        consumer.call_soon_ack(message.reject_log_error, None, ())
        assert len(consumer.hub.asked) == 1
