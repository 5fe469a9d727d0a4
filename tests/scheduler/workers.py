"""A real worker process of a test, started as the Procfile starts it, and what it says. It asserts nothing."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery

from tests.scheduler.made import OURS

_PATIENCE_SECONDS = 40.0  # a busy host; an idle one takes a twentieth of it
_WORDS = (
    "--quiet", "--app", "scheduler", "worker", "--without-gossip", "--without-mingle", "--loglevel", "INFO",
)  # fmt: skip
BIN = Path(sys.executable).parent


@dataclass
class Worker:
    """One running worker."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        """All that it logged and printed."""
        return self.output.read_text()


@contextmanager
def working(folder: Path, pool: str = "threads", options: str = "--concurrency 2 --events", **variables: str) -> Iterator[Worker]:
    """A worker with these variables and no others of ours, for as long as a `with` lasts."""
    output = folder / "worker.log"
    words = [str(BIN / "celery"), *_WORDS, "--pool", pool, *options.split()]
    with output.open("wb") as said:
        process = subprocess.Popen(words, cwd=folder, env=variables_of(**variables), stdout=said, stderr=said)
    try:
        yield Worker(process, output)
    finally:
        process.kill()  # an orderly end takes seconds, and is not what these tests are about
        process.wait()


@contextmanager
def listening(app: Celery) -> Iterator[list[dict[str, Any]]]:
    """Every event that workers send, as Flower hears them, for as long as a `with` lasts."""
    heard: list[dict[str, Any]] = []
    with app.connection() as line:
        receiver = app.events.Receiver(line, handlers={"*": heard.append})
        thread = threading.Thread(target=lambda: receiver.capture(limit=None, wakeup=False), daemon=True)
        thread.start()
        yield heard
        receiver.should_stop = True
        thread.join(_PATIENCE_SECONDS)


def variables_of(**variables: str) -> dict[str, str]:
    """The environment of this process with these variables and no others of ours."""
    return {name: text for name, text in os.environ.items() if not name.upper().startswith(OURS)} | variables


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for what comes by itself, or raise TimeoutError."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.05)
