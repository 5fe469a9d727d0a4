"""The whole stack as people start it: `make run`, or `replicas run`, with a home and ports of its own. It asserts nothing."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from scheduler.stack.ports import free_port

ROOT = Path(__file__).parents[1]
_PATIENCE_SECONDS = 100.0  # a busy host; an idle one takes a third of it
_LOOK_SECONDS = 0.1
_FOREIGN = ("REPLICAS_", "FLOWER_", "TAVUS_", "REDIS_", "DATABASE_")


@dataclass
class Stack:
    """One running stack. `output`: what a person sees of it."""

    home: Path
    process: subprocess.Popen[bytes]
    output: Path
    ports: Mapping[str, int]
    environment: Mapping[str, str] = field(repr=False)

    def seen(self) -> str:
        """Everything on the screen so far."""
        return self.output.read_text()

    def wait_for(self, words: str) -> str:
        """The screen, once it shows `words`. Raises AssertionError when it never does."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while words not in self.seen():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{words!r} never came:\n{self.seen()}")
            time.sleep(_LOOK_SECONDS)
        return self.seen()

    def press_ctrl_c(self) -> None:
        """What a terminal does: SIGINT for everybody in the foreground, `make` among them."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(_PATIENCE_SECONDS)

    def leftovers(self) -> list[str]:
        """Processes that still have this home in their environment, and ports that still answer."""
        processes = [" ".join(one.cmdline()) for one in psutil.process_iter() if self._is_ours(one)]
        return processes + [name for name, port in self.ports.items() if _answers(port)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("REPLICAS_HOME", "").startswith(str(self.home))
        except psutil.Error:  # gone, or not this user's
            return False


@contextmanager
def running(command: list[str], folder: Path, **more: str) -> Iterator[Stack]:
    """Start `command` in the project's folder; whatever it leaves behind is ended."""
    ports = {"REPLICAS_PORT": free_port(), "FLOWER_PORT": free_port()}
    clean = {name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)}
    environment = clean | {"REPLICAS_HOME": str(folder / "home")} | {name: str(port) for name, port in ports.items()} | more
    folder.mkdir(exist_ok=True)
    output = folder / "screen"
    with output.open("wb") as screen:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=screen, stderr=subprocess.STDOUT, start_new_session=True)
    stack = Stack(folder / "home", process, output, ports, environment)
    try:
        yield stack
    finally:
        if process.poll() is None:
            stack.press_ctrl_c()
        for one in psutil.process_iter():
            if stack._is_ours(one):
                one.kill()


def _answers(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0
