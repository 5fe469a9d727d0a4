"""A worker without work sleeps."""

from time import monotonic
from typing import Any

from kombu.asynchronous import Hub
from kombu.connection import Connection

from tests.broker import Broker
from worker import transport


def test_an_idle_worker_is_woken_every_few_seconds_at_most_and_still_keeps_its_bindings(broker: Broker) -> None:
    transport.register()
    hub, looked = Hub(), list[float]()
    with Connection(broker.url, transport_options={"unacked_restore_interval": 5}) as connection:
        cycle: Any = connection.transport.cycle
        cycle.maybe_refresh_binding_expiry = lambda: looked.append(monotonic())
        began = monotonic()
        for _ in range(2):  # as after the broker was away
            connection.register_with_event_loop(hub)
        waiting = [event for event in hub.timer.queue if not event.entry.canceled]
        assert min(event.eta for event in waiting) >= began + 5
        for event in waiting:
            event.entry()
    hub.close()
    assert len(looked) == 1
