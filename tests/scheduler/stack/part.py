"""One small process of a test's stack: writes down when it starts and ends, and serves if it has a port. It imports nothing of ours.

Arguments: the journal, its name, and what it does: `PORT`, `deaf` (ignores SIGTERM), `slow` (takes a while to end), or nothing.
"""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

_METRICS = b'flower_worker_online{worker="celery@here"} 1.0\n'
_SLOW_SECONDS = 0.5
_PAUSE_SECONDS = 0.02  # not signal.pause(): a signal that comes just before it is not heard until the next


def main(journal: Path, name: str, manner: str = "") -> None:
    """Live until SIGTERM."""

    def leave(_number: int, _frame: object) -> NoReturn:
        time.sleep(_SLOW_SECONDS if manner == "slow" else 0)
        _note(journal, f"end {name} {os.getpid()}")
        os._exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if manner == "deaf" else leave)
    home = Path(os.environ["REPLICAS_HOME"])
    ground = all(path.exists() for path in (home / "broker" / "valkey.sock", home / "ledger.db"))
    _note(journal, f"start {name} {os.getpid()} {'on broker and database' if ground else 'on nothing'}")
    print(f"{name} speaks, in {os.getcwd()}, and TEST_WORD is {os.environ.get('TEST_WORD')}")  # noqa: PTH109, T201 - its output is the test's matter
    if manner.isdigit():
        threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", int(manner)), _Page).serve_forever, daemon=True).start()
    while True:
        time.sleep(_PAUSE_SECONDS)


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Everything is well."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(_METRICS)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _note(journal: Path, line: str) -> None:
    with journal.open("a") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
