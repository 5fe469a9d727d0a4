"""A running demonstration, with a job that is held and one whose caller was told. It asserts nothing."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from dotenv import dotenv_values

from tests.acceptance.cases import SECRET, Case
from tests.receiver import receiving
from tests.running import ROOT, Stack, running
from worker.core.failures import Failure

OWNER = "the-owners-own-token"
LOGIN = ("ann", "a-password-of-this-test")
PREFIX = "flower"
KINDS = ("replicas.submit", "replicas.poll", "conversations.open", "notifications.deliver")
"""The four kinds of task of every job's way."""
_PATIENCE_SECONDS = 100.0


@dataclass
class Stage:
    """The demonstration. `token`: of a caller who may press buttons; `secrets`: what no page may show, by what it is.

    `job`: one that went all the way, and whose caller was told. `held`: jobs of the token's caller that are held.
    """

    stack: Stack
    job: str = ""
    notify_url: str = ""
    token: str = ""
    held: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def web(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.stack.ports['REPLICAS_PORT']}"

    @property
    def flower(self) -> str:
        """Flower's address."""
        return f"http://127.0.0.1:{self.stack.ports['FLOWER_PORT']}/{PREFIX}"

    @property
    def tavus(self) -> str:
        """The origin of the demonstration's Tavus."""
        return str(dotenv_values(self.stack.home / "demo" / "demo.env")["TAVUS_PUBLIC_API_BASE_URL"]).removesuffix("/v2")

    def call(self, method: str, path: str, document: object = None, token: str = OWNER) -> Any:  # noqa: ANN401 - JSON
        """Call the API. Raises httpx.HTTPError."""
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx.request(method, f"{self.web}/v1{path}", json=document, headers=headers, trust_env=False, timeout=_PATIENCE_SECONDS)
        return answer.raise_for_status().json()

    def enqueue(self, key: str, token: str = OWNER, notify_url: str | None = None, **case: Any) -> str:  # noqa: ANN401 - fields of Case
        """A job; its id."""
        told = {"notify_url": notify_url} if notify_url else {}
        made = self.call("POST", "/jobs", Case(key=key, **case).document(self.tavus) | told, token)
        return str(made["id"])

    def state_of(self, job: str) -> str:
        """The job's state."""
        return str(self.call("GET", f"/jobs/{job}")["state"])

    def was_told(self, job: str, event: str) -> bool:
        """Whether the job's story has this event. What it has come to since is the system's business."""
        return event in json.dumps(self.call("GET", f"/jobs/{job}/story"))

    def make_token(self, caller: str, *scopes: str) -> str:
        """A token of that caller, as the owner makes it."""
        words = [word for scope in scopes for word in ("--scope", scope)]
        [token] = re.findall(r"rwt_[\w-]+", self.command("tokens", "make", caller, *words))
        return str(token)

    def command(self, *words: str) -> str:
        """What the command line says to it."""
        environment = dict(self.stack.environment) | {"REPLICAS_HOME": str(self.stack.home / "demo")}
        command = [str(ROOT / ".venv" / "bin" / "replicas"), *words]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)
        return str(done.stdout)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what comes by itself. Raises TimeoutError."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.2)


@contextmanager
def staged(folder: Path, typical: str = "20s", held: int = 1) -> Iterator[Stage]:
    """The stage, once one job has gone all the way and so many are held. Flower asks for a login, behind a prefix; the API for tokens.

    `typical`: how long a training takes. What is held is what Tavus says of a training that only a person can judge.
    """
    environment = {
        "REPLICAS_API_TOKEN": OWNER,
        "FLOWER_BASIC_AUTH": ":".join(LOGIN),
        "FLOWER_URL_PREFIX": PREFIX,
        "REPLICAS_TRAINING_TYPICAL": typical,
    }
    with receiving() as receiver, running([".venv/bin/replicas", "run", "--demo"], folder, **environment) as stack:
        stage = Stage(stack)
        stack.wait_for("ready: ")
        stage.notify_url = receiver.url
        stage.job = stage.enqueue("told", notify_url=receiver.url)
        stage.token = stage.make_token("shop", "enqueue", "read", "operate")
        stage.secrets = {
            "the owner's token": OWNER,
            "the caller's token": stage.token,
            "Flower's password": LOGIN[1],
            "a presigned query": SECRET,
            "the query of a notify_url": "S3CRETs3cret0123",
        }
        odd: dict[str, Any] = {"outcome": Failure.QUALITY_ISSUE_DETECTED.value, "is_image": False}
        stage.held = [stage.enqueue(f"odd-{number}", stage.token, **odd) for number in range(held)]
        stack.wait_for("From a headshot to a conversation")
        stage.until(lambda: all(stage.state_of(one) == "held" for one in stage.held))
        stage.until(lambda: bool(receiver.told))
        yield stage
