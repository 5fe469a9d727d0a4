"""What every task that other services send over the broker has in common: nobody is shown its arguments, and it ends in one of three ways.

Done; refused, which fails once and says why; or back in its queue, when the ledger could not be asked. It may not know what a message means.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from celery import Task
from celery.exceptions import Reject
from celery.worker.request import Request as MessageRequest

from scheduler.refusals import Problem, RequestInvalidError
from worker.core.decision import IllegalTransition
from worker.store.database import UNREACHABLE
from worker.store.jobs import KeyReusedError, StaleJobError

log = structlog.get_logger("messages")
_PAUSE = 1.0  # seconds before a message goes back to its queue because the ledger is away
_LATER = (*UNREACHABLE, StaleJobError)


class UnknownJobError(LookupError):
    """The message names no job that is there."""


class NotPossibleError(RuntimeError):
    """What the message asks for cannot be done with the job as it is now."""


REFUSALS = (RequestInvalidError, KeyReusedError, UnknownJobError, NotPossibleError)
"""How such a task fails: the sender's mistake, which no second try mends. Flower shows the words, and they hold nothing that was sent."""


class QuietRequest(MessageRequest):
    """A message whose arguments nobody is shown: it may carry addresses, and events, Flower and `inspect` would repeat them."""

    @property
    def argsrepr(self) -> str:
        """For events."""
        return "()"

    @property
    def kwargsrepr(self) -> str:
        """For events."""
        return "{...}"

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002, ARG002 - Celery's signature
        """For `inspect active`."""
        return {**super().info(safe=True), "args": self.argsrepr, "kwargs": self.kwargsrepr}


class QuietTask(Task):
    """A task for other services. What is refused is no bug of ours, and is logged without a stack."""

    Request = QuietRequest
    throws = REFUSALS


@contextmanager
def answered(task: Task) -> Generator[None]:
    """Ends the task as the head of this file says. Everything inside may be done twice."""
    try:
        yield
    except REFUSALS as refusal:
        _note(task, refusal)
        raise
    except IllegalTransition as refusal:
        impossible = NotPossibleError(f"The job is {refusal.job.state}. {refusal.reason}")
        _note(task, impossible)
        raise impossible from None
    except _LATER as error:
        # The one sort of message that is not rung again by the sweep: it goes back to the queue until the ledger has it.
        time.sleep(_PAUSE)
        raise Reject(reason=type(error).__name__, requeue=True) from None


def by_name(positional: Sequence[object], named: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The fields of a message, of which those with these names may come without them, in this order. Raises RequestInvalidError."""
    fields = dict(zip(names, positional, strict=False))
    if len(positional) > len(names) or fields.keys() & named.keys():
        raise RequestInvalidError([Problem("request", "has arguments that nobody can tell apart: send each field by its name, in kwargs")])
    return fields | dict(named)


def _note(task: Task, refusal: Exception) -> None:
    log.warning("a request was refused, and nothing was stored", task=task.name, task_id=task.request.id, reason=str(refusal))
