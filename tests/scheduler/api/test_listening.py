"""Several processes of the API listen on one port, each gets its share of the connections, and who dies is replaced."""

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import psutil
import pytest

from scheduler.api.listening import DEALS, take_port
from scheduler.stack.errors import StackError
from scheduler.stack.ports import free_port
from tests.scheduler.made import NOWHERE, OURS
from worker.store.migrate import prepare

PATIENCE = 120.0


class Served:
    """The API of two processes."""

    def __init__(self, home: Path) -> None:
        """Start it, and wait until both listen."""
        url = f"sqlite:///{home}/ledger.db"
        prepare(url)
        self.port = free_port()
        clean = {name: text for name, text in os.environ.items() if not name.startswith(OURS)}
        own = {"DATABASE_URL": url, "REDIS_URL": NOWHERE, "TAVUS_API_KEY": "k", "REPLICAS_HOME": str(home), "REPLICAS_PORT": str(self.port)}
        command = [sys.executable, "-m", "scheduler.api"]
        self.process = psutil.Popen(command, env=clean | own | {"REPLICAS_WEB_PROCESSES": "2"}, stderr=subprocess.DEVNULL)
        self.wait_for_two()

    def wait_for_two(self) -> set[int]:
        """The processes that listen, once there are two."""
        until = time.monotonic() + PATIENCE
        while len(listening := self._with("LISTEN")) < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
        return set(listening)

    def held(self) -> Counter[int]:
        """How many connections each holds."""
        return self._with("ESTABLISHED")

    def _with(self, status: str) -> Counter[int]:
        found = Counter[int]()
        for one in self.process.children(recursive=True):
            try:
                connections = one.net_connections("tcp")
            except psutil.NoSuchProcess:
                continue
            found[one.pid] += sum(line.status == status and line.laddr.port == self.port for line in connections)
        return +found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The API of two processes."""
    one = Served(tmp_path)
    yield one
    one.process.terminate()
    one.process.wait(PATIENCE)


@pytest.mark.skipif(not DEALS, reason="only Linux deals connections out")
def test_connections_that_come_at_once_are_dealt_out_and_who_dies_is_replaced(served: Served) -> None:
    first = served.wait_for_two()
    with ExitStack() as stack:
        lines = [stack.enter_context(closing(socket.create_connection(("127.0.0.1", served.port)))) for _ in range(64)]
        until = time.monotonic() + PATIENCE
        while (held := served.held()).total() < len(lines):  # they are taken up one after the other
            assert time.monotonic() < until
            time.sleep(0.1)
        assert set(held) == first
    psutil.Process(dead := min(first)).kill()
    until = time.monotonic() + PATIENCE
    while (second := served.wait_for_two()) == first or dead in second:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert {httpx.get(f"http://127.0.0.1:{served.port}/livez").status_code for _ in range(16)} == {200}


def test_a_port_that_somebody_else_has_is_not_shared_with_him() -> None:
    with closing(take_port("127.0.0.1", free_port())) as taken:
        taken.listen()
        with pytest.raises(StackError, match="taken"):
            take_port(*taken.getsockname())


def test_without_settings_and_on_a_taken_port_it_says_what_to_do(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        own = {
            "REPLICAS_PORT": str(other.getsockname()[1]),
            "REPLICAS_WEB_PROCESSES": "2",
            "TAVUS_API_KEY": "k",
            "REPLICAS_HOME": str(tmp_path),
        }
        assert "set REPLICAS_PORT to a free port" in said(own)
    assert said({"REPLICAS_PORT": "no number"}).startswith("replicas: ")


@pytest.mark.parametrize("processes", ["1", "2"])
def test_where_strangers_reach_it_and_there_is_no_token_it_does_not_listen(tmp_path: Path, processes: str) -> None:
    own = {
        "REPLICAS_HOST": "0.0.0.0",  # noqa: S104 - which it must refuse
        "REPLICAS_PORT": str(free_port()),
        "REPLICAS_WEB_PROCESSES": processes,
        "TAVUS_API_KEY": "k",
        "REPLICAS_HOME": str(tmp_path),
    }
    assert said(own).startswith("replicas: REPLICAS_API_TOKEN")


def said(variables: dict[str, str]) -> str:
    """What it says before it gives up."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(OURS)}
    ended = subprocess.run(
        [sys.executable, "-m", "scheduler.api"], env=clean | variables, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 1
    return ended.stderr
