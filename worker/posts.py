"""How a ring travels: as a message of the broker, without waiting long for one that hangs, or another way. It may not decide whom a ring is for.

`worker.hands` is the other way: rings that are answered in the process that rings.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker.transport import waiting

# AttributeError: what kombu 5.7 raises (`_connparams`) when another thread finds the connection lost while this one sends over it.
NO_BROKER = (OperationalError, OSError, AttributeError)

Message = tuple[str, Sequence[Any]]
"""A task's name, and its arguments."""
Given = TypeVar("Given")

_PATIENCE = 1.0  # seconds that who answers people waits for the broker: it takes some milliseconds, and the next sweep rings too


class Post(Protocol):
    """What a bell rings with. All raise one of NO_BROKER, or RedisError, where nobody takes the message."""

    def send(self, message: Message) -> None:
        """Send one."""

    def send_all(self, pending: list[Message]) -> None:
        """Send them over one line, in order. Each is taken off the list when it is sent."""

    def waiting(self, queue: str) -> int:
        """How many wait in the queue."""


class Messages:
    """Over the broker. Used from any number of threads."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, message: Message) -> None:
        """See `Post`."""
        task, arguments = message
        self._app.send_task(task, args=arguments)

    def send_all(self, pending: list[Message]) -> None:
        """See `Post`."""
        with self._app.producer_or_acquire() as producer:
            while pending:
                task, arguments = pending[0]
                self._app.send_task(task, args=arguments, producer=producer)
                pending.pop(0)

    def waiting(self, queue: str) -> int:
        """See `Post`."""
        with self._app.pool.acquire(block=True) as connection:
            return waiting(connection, queue)


class Unhurried:
    """The same for whoever answers people: a broker that hangs keeps nobody waiting for longer than a second, and others not at all meanwhile.

    A line that is half open, or a broker that stands still, is an error to Celery after 5 to 20 seconds. What is under way then goes on by itself:
    at worst its rings come beside those of the sweep, which does no harm.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._late: Future[Any] | None = None

    def send(self, message: Message) -> None:
        """See `Post`."""
        self._soon(lambda: self._post.send(message))

    def send_all(self, pending: list[Message]) -> None:
        """See `Post`."""
        mine = list(pending)
        try:
            self._soon(lambda: self._post.send_all(mine))
        finally:
            if self._late is None:  # else it may still be sent, and counts as not taken
                pending[:] = mine

    def waiting(self, queue: str) -> int:
        """See `Post`."""
        return self._soon(lambda: self._post.waiting(queue))

    def _soon(self, act: Callable[[], Given]) -> Given:
        if self._late is not None and not self._late.done():
            raise OperationalError("the broker still owes an answer")
        self._late = None
        asked: Future[Given] = Future()
        threading.Thread(target=_run, args=(act, asked), name="ringing", daemon=True).start()
        try:
            return asked.result(_PATIENCE)
        except TimeoutError:
            if asked.done():  # it is the broker's own
                raise
            self._late = asked
            raise OperationalError(f"the broker did not answer within {_PATIENCE:g} s") from None


def _run(act: Callable[[], Given], asked: "Future[Given]") -> None:
    try:
        asked.set_result(act())
    except Exception as error:  # noqa: BLE001 - whoever waits for it raises it
        asked.set_exception(error)


class Switch:
    """The post that is used now. Whoever holds this need not know which."""

    def __init__(self, usual: Post) -> None:
        self.usual = self._used = usual

    def to(self, post: Post) -> None:
        """Use that one from now on."""
        self._used = post

    def send(self, message: Message) -> None:
        """See `Post`."""
        self._used.send(message)

    def send_all(self, pending: list[Message]) -> None:
        """See `Post`."""
        self._used.send_all(pending)

    def waiting(self, queue: str) -> int:
        """See `Post`."""
        return self._used.waiting(queue)


UNTAKEN = (*NO_BROKER, RedisError)
"""What whoever asks how many wait may meet: that is no publish, and kombu passes on what redis-py raises."""
