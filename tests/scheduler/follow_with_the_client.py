"""Another service hands over a headshot over HTTP, follows it step by step, and has its conversation."""

import os
import sys

from scheduler.client import Client, InvalidError

picture, voice, order = sys.argv[1:]
request = {"replica": {"train_image_url": picture, "voice_name": voice}}

with Client(os.environ["API_URL"], os.environ.get("API_TOKEN")) as replicas:
    try:
        job = replicas.enqueue(request, key=order)  # sent again it is the same job
    except InvalidError as refused:
        sys.exit(f"{refused.problems}")
    for step in replicas.events(job.id):
        print(step.number, step.state, step.why)  # noqa: T201 - what this one does with it
    print(replicas.get(job.id).conversation_url)  # noqa: T201 - the same
