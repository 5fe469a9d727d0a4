"""One server for the tests of a file."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.worker.preflight.served import Serve, Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture
def serve(server: Server) -> Callable[[Serve], str]:
    """Puts something at an address of its own, and says where."""

    def put(what: Serve) -> str:
        path = f"/{len(server.serves)}/head.jpg"
        server.serves[path] = what
        return server.url + path

    return put
