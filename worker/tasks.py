"""The worker's Celery tasks, under names that a person understands in Flower. They may not hold more than a few lines: the engine does the work.

Arguments are ids only. Every task may come twice, late or never: taking the job settles who works on it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from celery import Celery

from worker.app import CLEAN_UP, DELIVER, LOOK_UP, OPEN, POLL, SUBMIT
from worker.asking import Moved
from worker.assembly import Parts
from worker.bell import TASKS, TOGETHER
from worker.core.job import Job, JobId
from worker.engine import Engine
from worker.store.notifications import NotificationId

_ITSELF = 0.1  # of the longest call: a task that has run for less goes on with what it found, for a message costs more; then others share the rest


def add_tasks(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register the tasks; `parts` gives those of the process that runs them. Not shared: tasks of one app are not to work on another's parts."""

    @app.task(name=SUBMIT, shared=False)
    def submit(*job_ids: str) -> None:
        """Submit queued jobs, one after the other."""
        first, *others = map(JobId, job_ids)
        go_on(parts(), lambda engine: engine.advance(first), others)

    @app.task(name=LOOK_UP, shared=False)
    def look_up(job_ids: list[str]) -> None:
        """Look for submissions and conversations that may have been lost, in one pass over the list of each account."""
        go_on(parts(), lambda engine: engine.advance_many([JobId(job_id) for job_id in job_ids]))

    @app.task(name=POLL, shared=False)
    def poll(job_ids: list[str]) -> None:
        """Ask how the trainings of many jobs go, in one call for each account."""
        go_on(parts(), lambda engine: engine.advance_many([JobId(job_id) for job_id in job_ids]))

    @app.task(name=OPEN, shared=False)
    def open_conversation(job_id: str) -> None:
        """Open the conversation that is due."""
        go_on(parts(), lambda engine: engine.advance(JobId(job_id)))

    @app.task(name=CLEAN_UP, shared=False)
    def clean_up(job_id: str) -> None:
        """Go on with the deletions of a job that are due."""
        parts().engine.delete_due(JobId(job_id))

    @app.task(name=DELIVER, shared=False)
    def deliver(notification_ids: list[str]) -> None:
        """Tell a caller what became of his jobs: notifications of one destination, one after the other."""
        parts().courier.deliver([NotificationId(one) for one in notification_ids])


def go_on(parts: Parts, look: Callable[[Engine], Sequence[Moved]], others: Sequence[JobId] = ()) -> None:
    """Go on with the others, and with what the looks make due at once, such as the conversation of a training that is over.

    What there is no time for is rung for: other threads may be free.
    """
    engine, left = parts.engine, list(others)
    until = engine.clock() + parts.settings.http_timeout * (_ITSELF if parts.settings.go_on else 0)
    moved = look(engine)
    while (due := _due(moved, now := engine.clock())) or left:
        if now >= until:
            parts.bell.ring_due(due, now)
            parts.bell.pass_on(left)
            return
        moved = due[1:] + (engine.go_on(due[0]) if due else engine.advance(left.pop(0)))


def _due(moved: Sequence[Moved], now: datetime) -> list[Job]:
    """What is to be done; what is to be asked waits for the sweep, which asks for many at once."""
    jobs = (one for one in moved if isinstance(one, Job) and TASKS[one.state] not in TOGETHER)
    return [job for job in jobs if job.due_at is not None and job.due_at <= now]
