"""The routes of what callers are told: whether it arrived, and having it sent again. They may not send anything: a sweep has it sent."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from scheduler.api import documents, examples
from scheduler.api.described import answer, described
from scheduler.api.guard import Here, Whose
from scheduler.api.parameters import Word
from scheduler.api.problems import unknown_notification
from scheduler.views import notification_document
from worker.store.notifications import NotificationId, Status

routes = APIRouter(prefix="/v1/notifications", tags=["notifications"])
_One = Annotated[str, Path(description="The notification's id.", examples=[examples.NOTIFICATION["id"]])]
_FIRST = [
    ("redeliverNotification", {"notification_id": "$response.body#/notifications/0/id"}),
    ("getJob", {"job_id": "$response.body#/notifications/0/job_id"}),
]


@routes.get(
    "",
    **described(
        "listNotifications",
        "The newest notifications",
        answer(200, "The newest first.", documents.Notifications, examples.NOTIFICATIONS, _FIRST),
        problems=("invalid-request",),
    ),
)
def listing(
    parts: Here,
    caller: Whose,
    status: Annotated[Status | None, Query(description="Only those; `dead` are the ones that were given up.", examples=["dead"])] = None,
    job_id: Annotated[Word | None, Query(description="Only those about this job.", examples=[examples.ID])] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="So many at most.", examples=[50])] = 50,
) -> dict[str, Any]:
    """What was told of the caller's jobs, or is about to be: how far it is, and what the last attempt was answered."""
    found = parts.courier.outbox.recent(limit, status=status, job_id=job_id, caller=caller.sees)
    return {"notifications": [notification_document(one) for one in found]}


@routes.post(
    "/{notification_id}/redeliver",
    **described(
        "redeliverNotification",
        "Send a notification again",
        answer(200, "It is due at once.", documents.Notification, examples.NOTIFICATION | {"status": "waiting", "tries": 0}),
        problems=("unknown-notification",),
    ),
)
def redeliver(parts: Here, caller: Whose, notification_id: _One) -> dict[str, Any]:
    """Whatever became of it: from the next sweep on it is sent with the same id, and tried as long as a new one."""
    outbox, one = parts.courier.outbox, NotificationId(notification_id)
    # What else a path may hold is not for every database.
    known = outbox.find(one) if notification_id.replace("_", "").isalnum() else None
    if known is None or caller.sees not in {None, known.caller}:
        raise unknown_notification(notification_id)  # the same word: nobody learns that others have it
    outbox.send_again([one], parts.engine.clock())
    return notification_document(outbox.find(one) or known)
