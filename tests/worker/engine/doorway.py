"""A server in front of the sandbox where a test can stand: it sees each request before the sandbox does, and may act in between."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from tests.sandbox.server import Sandbox
from tests.worker.engine.house import PATIENCE
from tests.worker.tavus.scripted import Asked, Said, Scripted


@contextmanager
def a_doorway(sandbox: Sandbox, watch: Callable[[Asked], object], then: Callable[[Asked], object] | None = None) -> Iterator[str]:
    """The base URL of a way to the sandbox. `watch`: called before a request goes on; `then`: before its answer comes back."""
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and a full one takes longer than most tests
    with httpx.Client(base_url=sandbox.origin, timeout=PATIENCE.total_seconds(), verify=plain) as onward:

        def pass_on(asked: Asked) -> Said:
            watch(asked)
            reply = onward.request(asked.method, asked.target, content=asked.body, headers={"x-api-key": asked.headers["x-api-key"]})
            if then is not None:
                then(asked)
            return Said(reply.status_code, reply.content)

        with Scripted(pass_on) as door:
            yield door.url


def is_submission(asked: Asked) -> bool:
    """Whether the request pays for a training."""
    return asked.method == "POST" and asked.path.endswith("/replicas")


def is_opening(asked: Asked) -> bool:
    """Whether the request opens a conversation."""
    return asked.method == "POST" and asked.path.endswith("/conversations")
