"""The demonstration's Tavus, and the settings that go with it: time in seconds, data in a folder of its own. It may not mix with real jobs."""

import secrets
import shlex
import shutil
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from dotenv import dotenv_values

from scheduler.stack.child import Program
from scheduler.stack.errors import StackError
from scheduler.stack.ports import as_seen_from_here, free_port

_FOLDER = "demo"
_SETTINGS = "demo.env"
_LEDGER = ("ledger.db", "ledger.db-wal", "ledger.db-shm")
_SEEN = ("flower", "flower.db", "flower.dat", "flower.dir")  # by Flower, in a file or files as this Python's dbm has it
_GRACE = timedelta(seconds=5)
# Twenty seconds stand for three and a half hours: long enough to watch the polls, short enough to wait for. The rest is scaled so that everything
# that may go wrong in that time is also found and mended in it; the order of the ladder stays.
_SCALED = {
    "REPLICAS_TRAINING_TYPICAL": "20s",
    "REPLICAS_TRAINING_DEADLINE": "200s",
    "REPLICAS_TRAINING_SOFT_DEADLINE": "70s",
    "REPLICAS_LEARN_INTERVAL": "5s",
    "REPLICAS_SWEEP_INTERVAL": "0.5s",
    "REPLICAS_HTTP_TIMEOUT": "3s",
    "REPLICAS_TASK_LIMIT": "5s",
    "REPLICAS_LEASE": "6s",
    "REPLICAS_VISIBILITY_TIMEOUT": "8s",
    "REPLICAS_SETTLE_TIME": "6s",
    "REPLICAS_REFUND_HOLD": "60s",
    "REPLICAS_RETRY_BASE": "0.5s",
    "REPLICAS_RETRY_CAP": "4s",
    "REPLICAS_PAID_RETRY_DELAY": "2s",
    "REPLICAS_INPUT_PATIENCE": "20s",
    "REPLICAS_INPUT_TIMEOUT": "3s",
    "REPLICAS_MISSING_CONFIRM": "3s",
    "REPLICAS_GO_ON": "false",  # each step is a task of its own, to be seen in Flower: where there is little to do, the sweep would do it by the way
    "REPLICAS_ALLOW_HTTP": "true",
    "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true",
}
_TYPICAL = "REPLICAS_TRAINING_TYPICAL"


def home_of(home: Path) -> Path:
    """Where the demonstration keeps its data, beside that of real jobs."""
    return home / _FOLDER


def forget_earlier(home: Path) -> None:
    """Remove what an earlier demonstration left: its Tavus is gone, and nobody could tell how its jobs went on."""
    shutil.rmtree(home / "broker", ignore_errors=True)
    for name in (*_LEDGER, *_SEEN):
        (home / name).unlink(missing_ok=True)


def settings_under(home: Path) -> dict[str, str]:
    """The settings of the demonstration whose data lies in `home`: whoever looks at it must see its Tavus and its time. Empty for real jobs."""
    return {name: text for name, text in dotenv_values(home / _SETTINGS).items() if text is not None}


class Sandbox:
    """The small Tavus of the tests, as one more process of the stack."""

    def __init__(self, project: Path, given: Mapping[str, str]) -> None:
        """`given`: the environment; what it sets itself is not scaled. Raises StackError when the project's tests are not there."""
        if not (project / "tests" / "sandbox" / "__main__.py").is_file():
            raise StackError(
                f"the demonstration needs the sandbox, a small Tavus that lies in {project / 'tests'}, and there is none. Run `make run` "
                "in a clone of the project; or set TAVUS_API_KEY to work with the real Tavus, which costs money, and use `replicas run`."
            )
        port = free_port()
        self.origin = as_seen_from_here("127.0.0.1", port)
        self.environment = _SCALED | {name: text for name, text in given.items() if name in _SCALED}
        self.environment |= {"TAVUS_PUBLIC_API_BASE_URL": f"{self.origin}/v2", "TAVUS_API_KEY": "sandbox"}
        # Links, and nobody's for long.
        self.environment.setdefault("REPLICAS_SECRET", given.get("REPLICAS_SECRET") or secrets.token_urlsafe(32))
        command = [sys.executable, "-m", "tests.sandbox", "--port", str(port), "--typical", self.environment[_TYPICAL]]
        self.program = Program("sandbox", f"exec {shlex.join(command)}", _GRACE, is_ground=True)

    def publish(self, home: Path) -> None:
        """Leave the settings where commands that are typed in another terminal find them."""
        (home / _SETTINGS).write_text("".join(f"{name}={text}\n" for name, text in self.environment.items()))

    @property
    def headshot(self) -> str:
        """The URL of a real JPEG, so that the checks before payment run for real."""
        return f"{self.origin}/headshot.jpg"
