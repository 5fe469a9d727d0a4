"""Another service wants the conversation of a job now. It needs nothing but celery[redis] and the broker's address."""

import os
import sys

from celery import Celery

[job_id] = sys.argv[1:]

app = Celery(broker=os.environ["REDIS_URL"])
app.send_task("conversations.start", kwargs={"job_id": job_id}, queue="conversations.start")
