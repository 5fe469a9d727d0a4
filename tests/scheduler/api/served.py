"""The API on a loopback port, over real HTTP, as the Procfile serves it. It asserts nothing."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from scheduler.api import create_app
from worker.assembly import Parts
from worker.settings import Settings

_PATIENCE_SECONDS = 30.0  # a busy host, and a database that is away; nothing else takes a tenth of it
TYPE = "urn:replica-worker:problem:"


@dataclass(frozen=True)
class Api:
    """A running API: a client of it, the parts behind it, and itself."""

    client: httpx.Client
    parts: Parts
    app: FastAPI

    def post(self, path: str, document: object = None, **headers: str) -> httpx.Response:
        """POST a document as JSON."""
        return self.client.post(path, json=document, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def send(self, body: bytes, **headers: str) -> httpx.Response:
        """POST these bytes to the jobs; as JSON, unless the headers say otherwise."""
        given = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post("/v1/jobs", content=body, headers=given)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET it."""
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@contextmanager
def serving(settings: Settings) -> Iterator[Api]:
    """The API with these settings, for as long as a `with` lasts."""
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + _PATIENCE_SECONDS
    while not server.started:
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE_SECONDS, trust_env=False) as client:
        yield Api(client, app.state.parts, app)
    server.should_exit = True
    thread.join(_PATIENCE_SECONDS)


def problem(answer: httpx.Response, status: int, kind: str) -> Mapping[str, Any]:
    """The problem document of the answer. Raises AssertionError when it is no such."""
    if (answer.status_code, answer.headers["content-type"]) != (status, "application/problem+json"):
        raise AssertionError(f"{answer.status_code} {answer.headers['content-type']}: {answer.text}")
    document: dict[str, Any] = answer.json()
    if (document["type"], document["status"]) != (f"{TYPE}{kind}", status) or not document["title"] or not document["detail"]:
        raise AssertionError(answer.text)
    return document
