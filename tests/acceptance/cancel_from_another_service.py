"""Another service no longer wants a job that it asked for. It needs nothing but celery[redis] and the broker's address."""

import os
import sys

from celery import Celery

[key] = sys.argv[1:]

app = Celery(broker=os.environ["REDIS_URL"])
app.send_task("replicas.cancel", kwargs={"idempotency_key": key}, queue="replicas.cancel")
