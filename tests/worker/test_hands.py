"""Rings that are answered in the same process: by the very tasks, so many at once and no more, no kind before all others, and gone when it ends."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery

from tests.scheduler.made import settings_in
from tests.scheduler.workers import wait_until
from worker.app import CANARY, DELIVER, LEARN, OPEN, SUBMIT, SWEEP, make_app
from worker.hands import Hands

THREADS = 3
LONG = timedelta(seconds=30)


class Gate:
    """Shut at first; lets one at a time through, or all."""

    def __init__(self) -> None:
        self._is_open, self._passes = threading.Event(), threading.Semaphore(0)

    def wait(self) -> None:
        while not self._is_open.is_set() and not self._passes.acquire(timeout=0.02):
            pass

    def let_one(self) -> None:
        self._passes.release()

    def set(self) -> None:
        self._is_open.set()


class Floor:
    """Tasks that note what they are begun with, and end when they are let."""

    def __init__(self, folder: Path) -> None:
        self.begun: list[tuple[str, tuple[object, ...]]] = []
        self.named: list[dict[str, object]] = []
        self.at_work = self.most = 0
        self.gate = Gate()
        self._lock = threading.Lock()
        self.app: Celery = make_app(settings_in(folder))
        for name in (SUBMIT, OPEN, DELIVER, SWEEP, LEARN):
            self._add(name)
        self.hands = Hands(self.app, THREADS)

    def _add(self, name: str) -> None:
        @self.app.task(name=name, shared=False)  # type: ignore[untyped-decorator] # Celery has no types
        def task(*arguments: object, **named: object) -> None:
            with self._lock:
                self.begun.append((name, arguments))
                self.named.append(named)
                self.at_work += 1
                self.most = max(self.most, self.at_work)
            self.gate.wait()
            with self._lock:
                self.at_work -= 1
            if arguments == ("wrong",):
                raise ValueError


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    """Tasks, and hands for them."""
    one = Floor(tmp_path)
    yield one
    one.gate.set()
    one.hands.close(LONG)


def test_a_ring_begins_the_task_that_a_message_would_have_begun_with_the_same_arguments(floor: Floor) -> None:
    floor.gate.set()
    pending: list[tuple[str, list[object]]] = [(SUBMIT, ["one", "two"]), (DELIVER, [["three"]])]
    floor.hands.send_all(pending)  # type: ignore[arg-type] # a list of more than sequences
    floor.hands.send((OPEN, ["four"]))
    floor.hands.take(LEARN, named={"five": 5})
    assert pending == []
    wait_until(lambda: len(floor.begun) == 4)
    assert sorted(floor.begun) == [(OPEN, ("four",)), (DELIVER, (["three"],)), (SUBMIT, ("one", "two")), (LEARN, ())]
    assert {"five": 5} in floor.named


def test_no_more_are_at_work_at_once_than_there_are_threads_and_the_others_wait(floor: Floor) -> None:
    for number in range(10):
        floor.hands.send((SUBMIT, [str(number)]))
    wait_until(lambda: floor.at_work == THREADS)
    assert floor.hands.waiting(SUBMIT) == 10 - THREADS
    assert floor.hands.waiting(OPEN) == 0
    floor.gate.set()
    wait_until(lambda: len(floor.begun) == 10)
    assert floor.most == THREADS


def test_a_flood_of_one_kind_keeps_no_other_waiting(floor: Floor) -> None:
    for number in range(50):
        floor.hands.send((SUBMIT, [str(number)]))
    wait_until(lambda: floor.at_work == THREADS)
    floor.hands.send((OPEN, ["the other"]))
    for begun in (THREADS + 1, THREADS + 2):  # one at a time: who has taken a task may be slow to begin it
        floor.gate.let_one()
        wait_until(lambda: len(floor.begun) == begun)  # noqa: B023 - asked at once
    assert (OPEN, ("the other",)) in floor.begun
    floor.gate.set()
    wait_until(lambda: len(floor.begun) == 51)


def test_what_is_wanted_once_does_not_pile_up_and_keeps_no_neighbour_of_its_queue_away(floor: Floor) -> None:
    for number in range(THREADS):
        floor.hands.send((SUBMIT, [str(number)]))
    wait_until(lambda: floor.at_work == THREADS)
    for task in (SWEEP, SWEEP, LEARN, SWEEP):
        floor.hands.take(task, once=True)
    assert floor.hands.waiting(SWEEP) == 2  # which is the queue of both


def test_a_task_that_fails_costs_no_thread(floor: Floor) -> None:
    floor.gate.set()
    for _ in range(2 * THREADS):
        floor.hands.send((SUBMIT, ["wrong"]))
    floor.hands.send((SWEEP, []))
    wait_until(lambda: len(floor.begun) == 2 * THREADS + 1)
    assert CANARY not in floor.app.tasks
    floor.hands.send((CANARY, []))  # which nobody has registered
    floor.hands.send((OPEN, ["after"]))
    wait_until(lambda: (OPEN, ("after",)) in floor.begun)


def test_at_the_end_nothing_more_is_begun_and_what_is_under_way_is_waited_for(floor: Floor) -> None:
    for number in range(2 * THREADS):
        floor.hands.send((SUBMIT, [str(number)]))
    wait_until(lambda: floor.at_work == THREADS)
    floor.hands.close(timedelta(seconds=0.2))  # nobody ends
    assert floor.at_work == THREADS
    floor.gate.set()
    floor.hands.close(LONG)
    assert (floor.at_work, len(floor.begun)) == (0, THREADS)
    floor.hands.send((OPEN, ["late"]))
    assert floor.hands.waiting(OPEN) == 0
