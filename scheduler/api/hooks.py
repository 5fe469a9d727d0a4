"""Tavus' callbacks. A callback is a hint: it makes the job due now and nothing else; its body is never read, for anybody could have written it."""

from fastapi import APIRouter, Response

from scheduler.api.guard import Here
from scheduler.api.problems import ProblemError
from worker.core import events
from worker.tavus.callbacks import PATH

routes = APIRouter(tags=["callbacks"])


@routes.post(f"{PATH}/{{token}}", status_code=204, summary="Tavus says that a training ended")
def training_ended(parts: Here, token: str) -> Response:
    """204 for a token of ours, 404 for any other, with nothing to tell the one from the other before."""
    mark = parts.callbacks.mark_of(token)
    job_id = parts.ledger.find_by_mark(mark) if mark is not None else None
    if job_id is None:
        raise ProblemError(404, "not-found", "Not Found")
    job = parts.engine.tell(job_id, events.CallbackReceived())
    parts.bell.ring_due([job], parts.engine.clock())
    return Response(status_code=204)
