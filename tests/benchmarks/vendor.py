"""The sandbox as a process of its own, so that what Tavus' part of the work costs is on nobody's bill. It may not judge."""

import json
import sys
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx

from scheduler.stack.ports import free_port
from tests.acceptance.processes import Processes
from tests.benchmarks.options import REAL_TYPICAL

KEY = "key-of-default"
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_PAGE_SECONDS = 60.0  # the ledger of ten thousand trainings is some megabytes


class Vendor:
    """A small Tavus with real time compressed, so that a usual training takes `typical` seconds."""

    def __init__(self, typical: float, seed: int, port: int | None = None) -> None:
        """`port`: how trainings go is drawn from their URLs, so the same port gives everybody the same trainings."""
        self.typical, self.speed = typical, REAL_TYPICAL / typical
        self._seed, self._port = seed, port or free_port()
        self.process: Popen[bytes] | None = None
        self._pages = httpx.Client(base_url=f"{self.origin}/_sandbox", timeout=_PAGE_SECONDS, trust_env=False)

    @property
    def origin(self) -> str:
        """Where the pictures are."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"{self.origin}/v2"

    def start(self, processes: Processes, folder: Path, *options: str) -> None:
        """Start it. Returns when it answers."""
        # Nobody ends a conversation here, and what became of those that were left is no part of what is measured.
        words = [
            sys.executable, "-m", "tests.sandbox", "--port", str(self._port), "--speed", str(self.speed), "--seed", str(self._seed),
            "--key", KEY, *options,
        ]  # fmt: skip
        project = Path(__file__).parents[2]
        quoted = " ".join(f"'{word}'" for word in words)
        self.process = processes.start("sandbox", f"exec {quoted}", {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(project)}, folder)
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if time.monotonic() > until:
                raise TimeoutError("the sandbox does not answer")
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        """Ask no more."""
        self._pages.close()

    def pictures(self, count: int, name: str = "job") -> dict[str, str]:
        """A picture's URL for each job, by the job's key."""
        return {f"{name}-{number}": f"{self.origin}/headshot.jpg?job={name}-{number}" for number in range(count)}

    def progress(self) -> dict[str, int]:
        """How far things are."""
        return {name: int(number) for name, number in self._get("progress").items()}

    def ledger(self) -> dict[str, Any]:
        """Everything that it knows."""
        books: dict[str, Any] = self._get("ledger")
        return books

    def arrivals(self) -> list[tuple[float, str]]:
        """When each request came, in seconds since the first, and of what kind."""
        return [(float(at), str(kind)) for at, kind in self._get("arrivals")]

    def train(self, count: int, query: str = "") -> list[str]:
        """So many trainings that somebody began earlier; the ids of their replicas. `query`: scripts them all."""
        asked = {"url": f"{self.origin}/headshot.jpg?job=earlier-{{number}}{query}", "count": count}
        answer = self._pages.post(f"/trainings/{KEY}", json=asked).raise_for_status().json()
        return [str(one) for one in answer["data"]]

    def forget_looks(self) -> None:
        """Count anew whom somebody asks about."""
        self._pages.delete("/looks").raise_for_status()

    def set_faults(self, *lines: dict[str, Any]) -> None:
        """Replace the fault script."""
        self._pages.post("/faults", content=json.dumps({"faults": lines})).raise_for_status()

    def _get(self, page: str) -> Any:  # noqa: ANN401 - JSON
        return self._pages.get(f"/{page}").raise_for_status().json()

    def _answers(self) -> bool:
        try:
            return self._pages.get("/health").is_success
        except httpx.TransportError:
            return False
