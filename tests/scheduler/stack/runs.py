"""A `replicas run` of a test: a project of small parts, the supervisor as a real process, and what is left of it. It asserts nothing."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from scheduler.stack.ports import free_port

_PART = Path(__file__).with_name("part.py")
_PATIENCE_SECONDS = 40.0  # a busy host; nothing here takes a tenth of it otherwise
_LOOK_SECONDS = 0.02
_START = "import sys; from pathlib import Path; from scheduler.stack import run; sys.exit(run(demo=sys.argv[2] == 'demo', project=Path(sys.argv[1])))"


class Project:
    """A folder with a Procfile whose processes are small."""

    def __init__(self, folder: Path) -> None:
        """Make it, with web, worker, beat and flower."""
        self.folder = folder / "project"
        self.folder.mkdir()
        self.home = folder / "home"
        self.journal = folder / "journal"
        self.journal.touch()
        self.web, self.flower = free_port(), free_port()
        self.procfile(web='"$REPLICAS_PORT"', worker="", beat="", flower='"$FLOWER_PORT"')

    def procfile(self, **manners: str) -> None:
        """Write a Procfile of parts with these manners."""
        self.parts = len(manners)
        lines = [f"{name}: exec {sys.executable} {_PART} {self.journal} {name} {manner}" for name, manner in manners.items()]
        (self.folder / "Procfile").write_text("\n".join(["# parts", "", *lines]))

    @property
    def environment(self) -> dict[str, str]:
        """What a run of it is started with."""
        own = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("REPLICAS_", "FLOWER_", "TAVUS_", "REDIS_", "DATABASE_"))
        }
        return own | {"REPLICAS_HOME": str(self.home), "REPLICAS_PORT": str(self.web), "FLOWER_PORT": str(self.flower)}

    def events(self, kind: str) -> list[str]:
        """The names of those who started, or ended, in the order of it."""
        return [line.split()[1] for line in self.journal.read_text().splitlines() if line.startswith(kind)]

    def pid(self, name: str) -> int:
        """The latest process of that name."""
        return int(re.findall(rf"start {name} (\d+)", self.journal.read_text())[-1])

    def processes(self, word: str = "") -> list[psutil.Process]:
        """Every process that has to do with this project, or those with `word` in their command."""
        return [one for one in psutil.process_iter() if self._is_ours(one, word)]

    def _is_ours(self, process: psutil.Process, word: str) -> bool:
        try:
            command = " ".join(process.cmdline())
            ours = str(self.home) in command or process.environ().get("REPLICAS_HOME", "").startswith(str(self.home))
        except psutil.Error:  # it is gone, or a zombie, or not this user's
            return False
        return ours and word in command


class Run:
    """A supervisor of a project, for as long as a `with` lasts; whatever it leaves is ended then."""

    def __init__(
        self, project: Project, *, cwd: Path | None = None, demo: bool = False, environment: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """`environment` and `more`: on top of the project's."""
        self._project, self._cwd, self._demo = project, cwd or project.folder, demo
        self._environment: Mapping[str, str] = {**project.environment, **(environment or {}), **more}
        self._said = project.folder.parent / f"said-{time.monotonic_ns()}"

    def __enter__(self) -> Self:
        """Start it."""
        self._earlier = len(self._project.events("start"))
        with self._said.open("w") as said:
            words = [sys.executable, "-c", _START, str(self._project.folder), "demo" if self._demo else ""]
            self.process = subprocess.Popen(words, cwd=self._cwd, env=self._environment, stdout=said, stderr=said, start_new_session=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        """All that reached the terminal."""
        return self._said.read_text()

    def ready(self) -> Self:
        """Wait for the ready line, and for every part to have come so far that it takes signals."""
        whole = self._earlier + self._project.parts
        wait_until(lambda: ("ready: " in self.said and len(self._project.events("start")) >= whole) or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise AssertionError(self.said)
        return self

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send the signal, as a terminal does: to the supervisor's whole process group; the exit status."""
        os.killpg(self.process.pid, number)
        return self.process.wait(_PATIENCE_SECONDS)


def wait_until(holds: Callable[[], bool], patience: float = _PATIENCE_SECONDS) -> None:
    """Wait for what comes by itself, or raise TimeoutError."""
    until = time.monotonic() + patience
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(_LOOK_SECONDS)
