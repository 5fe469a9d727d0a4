"""Another service asks for a replica and a conversation with it. It needs nothing but celery[redis] and the broker's address."""

import os
import sys

from celery import Celery

picture, voice = sys.argv[1:]

app = Celery(broker=os.environ["REDIS_URL"])
task = app.send_task(
    "replicas.create",
    kwargs={
        "replica": {"train_image_url": picture, "voice_name": voice},
        "conversation": {"start": "on_ready"},
    },
    queue="replicas.create",
)
print(task.id)  # noqa: T201 - the job's idempotency key, as none was given: the same task sent twice is one job
