"""Tavus' callbacks. A callback is a hint: it makes the job due now. It may not be believed, for anybody could have written it: a look follows."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from scheduler.api.guard import Here
from scheduler.api.problems import ProblemError
from worker.core import events
from worker.core.job import ReplicaId
from worker.tavus.callbacks import PATH
from worker.tavus.wire import replica_of

routes = APIRouter(tags=["callbacks"])
_MOST = 65_536  # bytes that are read of a body; Tavus' own have a few hundred


async def named_replica(request: Request) -> ReplicaId | None:
    """The replica that the body names, if it is a body and names one. Raises nothing: a hint without a name is a hint all the same."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST:
            return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    replica = replica_of(document)
    return replica.id if replica is not None else None


@routes.post(f"{PATH}/{{token}}", status_code=204, summary="Tavus says that a training ended")
def training_ended(parts: Here, token: str, replica_id: Annotated[ReplicaId | None, Depends(named_replica)]) -> Response:
    """204 for a token of ours, 404 for any other, with nothing to tell the one from the other before."""
    mark = parts.callbacks.mark_of(token)
    job_id = parts.ledger.find_by_mark(mark) if mark is not None else None
    if job_id is None:
        raise ProblemError(404, "not-found", "Not Found")
    # Not rung for: the next sweep takes it, with all others that came meanwhile, in one call.
    parts.engine.tell(job_id, events.CallbackReceived(mark, replica_id))
    return Response(status_code=204)
