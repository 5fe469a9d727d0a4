"""Who answers people does not wait for a broker that stands still: not for longer than a second, and not at all while it still owes an answer."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from tests.broker import Broker
from tests.scheduler.made import settings_in
from tests.scheduler.workers import wait_until
from worker.app import OPEN, SUBMIT, make_app
from worker.posts import Message, Messages, Switch, Unhurried

FEW_SECONDS = 4.0
"""More than the second that is promised, and less than Celery itself takes to give up."""
THREE: list[Message] = [(SUBMIT, ["one"]), (SUBMIT, ["two"]), (OPEN, ["three"])]


@pytest.fixture
def post(tmp_path: Path, broker: Broker) -> Unhurried:
    """A post over a real broker."""
    app = make_app(settings_in(tmp_path, redis_url=broker.url))
    _ = app.producer_pool
    return Unhurried(Messages(app))


@contextmanager
def standing_still(broker: Broker) -> Iterator[None]:
    """It takes connections, and answers nothing."""
    os.kill(broker.process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.process_id, signal.SIGCONT)


def test_messages_go_to_their_queues_and_are_taken_off_the_list(post: Unhurried, broker: Broker) -> None:
    pending = list(THREE)
    post.send_all(pending)
    post.send((OPEN, ["four"]))
    assert pending == []
    assert (post.waiting(SUBMIT), post.waiting(OPEN)) == (broker.waiting(SUBMIT), broker.waiting(OPEN)) == (2, 2)


def test_a_broker_that_stands_still_keeps_nobody_waiting_for_long_and_others_not_at_all(post: Unhurried, broker: Broker) -> None:
    post.send((OPEN, ["before"]))
    with standing_still(broker):
        pending, began = list(THREE), time.monotonic()
        with pytest.raises(OperationalError, match="within 1 s"):
            post.send_all(pending)
        assert pending == THREE  # none counts as taken: each is rung for again
        for _ in range(100):
            with pytest.raises(OperationalError, match="owes"):
                post.waiting(OPEN)
        assert time.monotonic() - began < FEW_SECONDS

    def is_taken() -> bool:
        try:
            post.send((OPEN, ["after"]))
        except OperationalError:
            return False
        return True

    wait_until(is_taken)
    assert broker.waiting(OPEN) >= 2


def test_what_a_broker_refuses_is_raised_as_it_is_and_what_was_taken_is_off_the_list(post: Unhurried, broker: Broker) -> None:
    broker.client.set(OPEN, "no list")
    pending = list(THREE)
    with pytest.raises(OperationalError, match="WRONGTYPE"):
        post.send_all(pending)
    assert pending == THREE[2:]
    assert broker.waiting(SUBMIT) == 2


def test_a_switch_sends_the_way_that_was_chosen_last(post: Unhurried) -> None:
    class Basket:
        """Keeps what it is given."""

        def __init__(self) -> None:
            self.kept: list[Message] = []

        def send(self, message: Message) -> None:
            self.kept.append(message)

        def send_all(self, pending: list[Message]) -> None:
            self.kept += pending
            pending.clear()

        def waiting(self, queue: str) -> int:
            return sum(task == queue for task, _ in self.kept)

    basket, switch = Basket(), Switch(post)
    switch.send(THREE[2])
    switch.to(basket)
    switch.send(THREE[0])
    switch.send_all([THREE[1]])
    assert (basket.kept, switch.waiting(SUBMIT), switch.waiting(OPEN)) == (THREE[:2], 2, 0)
    switch.to(switch.usual)
    assert (switch.waiting(SUBMIT), switch.waiting(OPEN)) == (0, 1)
