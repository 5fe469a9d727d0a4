"""What happens around every task: its lines in the log say which it is, and it is counted. It may not do any of the work."""

from collections.abc import Callable
from typing import Any

from celery import Celery, Task
from celery.signals import task_postrun, task_prerun
from structlog.contextvars import bind_contextvars, clear_contextvars

from worker.app import QUEUES
from worker.assembly import Parts

_OTHER = "other"


def watch(app: Celery, parts: Callable[[], Parts]) -> None:
    """Watch the tasks of this app; `parts` gives those of the process that runs them."""

    def begins(task_id: str, task: Task, **_signal: Any) -> None:  # noqa: ANN401 - whatever Celery sends along
        if task.app is app:
            clear_contextvars()  # a thread keeps what a task bound that ended in an odd way
            bind_contextvars(task=task.name, task_id=task_id)

    def is_over(task: Task, **_signal: Any) -> None:  # noqa: ANN401 - the same
        if task.app is app:
            clear_contextvars()
            queue = (task.request.delivery_info or {}).get("routing_key")
            parts().counts.worked(queue if queue in QUEUES else _OTHER)

    task_prerun.connect(begins, weak=False)
    task_postrun.connect(is_over, weak=False)
