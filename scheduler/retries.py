"""Tries an abandoned job again, with new input where it is given. It may not let in what a new request could not hold."""

from collections.abc import Mapping
from typing import Any

from scheduler.producers import door_of
from worker.assembly import Parts
from worker.core import events
from worker.core.job import Job

_SOURCES = ("train_image_url", "train_video_url")


def try_again(parts: Parts, job: Job, fields: Mapping[str, Any]) -> Job:
    """The job, queued again and rung for. `fields`: those of Create Replica that are new; another source takes the place of the first.

    Raises RequestInvalidError for fields that the door does not let in, IllegalTransition for a job that is not abandoned.
    """
    replica: Mapping[str, Any] | None = None
    if fields:
        kept = {
            name: value for name, value in job.request.replica.items() if not (name in _SOURCES and any(one in fields for one in _SOURCES))
        }
        # What nobody asks for anew stays, and was let in before.
        beside = {"source_url_provider": job.request.source_url_provider, "consent": job.request.consent}
        order = door_of(parts).read({"replica": kept | dict(fields), "account": job.account, **beside}, parts.engine.clock())
        replica = order.request.replica
    told = parts.engine.tell(job.id, events.RetryRequested(replica))
    parts.bell.ring_due([told], parts.engine.clock())
    return told
