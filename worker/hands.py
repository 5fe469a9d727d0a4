"""Rings that are answered in the process that rings: each is the very task that a message would have begun. It may not know what a task does.

For a worker that hears nothing of its broker. A ring that is lost here, because the process ends, is lost as a message is: the next sweep rings.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from celery import Celery

from worker.posts import Message

_IDLE = 30.0  # seconds after which a thread without work ends: it was needed while the broker was silent

log = structlog.get_logger("hands")


class Hands:
    """At most so many threads, which begin when there is work. A `worker.posts.Post`; used from any number of threads."""

    def __init__(self, app: Celery, threads: int) -> None:
        """`app` has the tasks."""
        self._app, self._most = app, threads
        self._turn = threading.Condition()
        # By queue, and taken in turn, as a worker takes messages: a flood of one kind keeps no other waiting.
        self._todo: dict[str, deque[tuple[str, Sequence[Any], Mapping[str, Any]]]] = {}
        self._threads: set[threading.Thread] = set()
        self._idle, self._is_over = 0, False

    def send(self, message: Message) -> None:
        """Have it done."""
        self.take(*message)

    def send_all(self, pending: list[Message]) -> None:
        """Have them all done."""
        while pending:
            self.take(*pending.pop(0))

    def waiting(self, queue: str) -> int:
        """How many of the queue nobody has begun with."""
        with self._turn:
            return len(self._todo.get(queue, ()))

    def take(self, task: str, arguments: Sequence[Any] = (), named: Mapping[str, Any] | None = None, *, once: bool = False) -> None:
        """Have the task done. `once`: not if it waits already."""
        queue = self._queue_of(task)
        with self._turn:
            todo = self._todo.setdefault(queue, deque())
            if self._is_over or (once and any(waits[0] == task for waits in todo)):
                return
            todo.append((task, arguments, named or {}))
            if self._idle < sum(map(len, self._todo.values())) and len(self._threads) < self._most:
                thread = threading.Thread(target=self._work, name="hands", daemon=True)
                self._threads.add(thread)
                thread.start()
            self._turn.notify()

    def close(self, within: timedelta) -> None:
        """Begin nothing any more, and wait so long for what is under way."""
        until = time.monotonic() + within.total_seconds()
        with self._turn:
            self._is_over = True
            self._turn.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _queue_of(self, task: str) -> str:
        return str(self._app.conf.task_routes[task]["queue"])

    def _work(self) -> None:
        while (todo := self._next()) is not None:
            task, arguments, named = todo
            try:
                # Celery's own way to run a task here: with its request, its signals and what it logs of a failure.
                self._app.tasks[task].apply(args=arguments, kwargs=named, routing_key=self._queue_of(task))
            except Exception:  # a thread that ended would be missed by nobody
                log.exception("a task could not be begun", kind=task)

    def _next(self) -> tuple[str, Sequence[Any], Mapping[str, Any]] | None:
        """What this thread does now; None: it ends."""
        with self._turn:
            self._idle += 1
            has_work = self._turn.wait_for(lambda: self._is_over or any(self._todo.values()), _IDLE)
            self._idle -= 1
            if self._is_over or not has_work:
                self._threads.discard(threading.current_thread())
                return None
            queue = next(name for name, todo in self._todo.items() if todo)
            todo = self._todo.pop(queue)
            self._todo[queue] = todo  # its turn comes after all others'
            return todo.popleft()
