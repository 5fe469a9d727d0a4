"""Tavus' own client in its own virtual environment, and a sandbox process that it takes for Tavus. It asserts nothing about either."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_PROJECT = Path(__file__).parents[2]
_PLACE = _PROJECT / ".venv-tavus"
KEY = "key-of-the-official-client"
# Run by the other interpreter: what the package's own classes make of each call, one after the other.
_CALLS = """
import asyncio, json, sys
from tavus_mcp.sdk.client.http import TavusClient
from tavus_mcp.sdk.errors import TavusApiError

async def main():
    async with TavusClient.from_env() as client:
        for collection, action, positional, named in json.load(sys.stdin):
            try:
                made = await getattr(getattr(client, collection), action)(*positional, **named)
            except TavusApiError as error:
                made = {"status_code": error.status_code, "body": error.body}
            print(json.dumps(made))

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Official:
    """The client, at this address, in this folder."""

    url: str
    folder: Path

    def command(self, *words: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
        """Run `tavus` with these words."""
        return self._run([str(_PLACE / "bin" / "tavus"), *words], key)

    def asked(self, *calls: tuple[str, str, list[Any], dict[str, Any]], key: str = KEY) -> list[Any]:
        """What its Python classes give for calls of (collection, method, positional, named); an error as its status and body."""
        done = self._run([str(_PLACE / "bin" / "python"), "-c", _CALLS], key, json.dumps(calls))
        done.check_returncode()
        return [json.loads(line) for line in done.stdout.splitlines()]

    def train(self, name: str) -> str:
        """The id of a face that is trained; its client makes none."""
        with httpx.Client(base_url=self.url, headers={"x-api-key": KEY}, trust_env=False) as http:
            picture = f"{self.url.removesuffix('/v2')}/headshot.jpg?face={name}"
            body = {"train_image_url": picture, "voice_name": "anna", "face_name": name}
            face_id = str(http.post("/faces", json=body).raise_for_status().json()["face_id"])
            http.post(f"{self.url.removesuffix('/v2')}/_sandbox/clock", json={"advance": "12h"}).raise_for_status()
        return face_id

    def _run(self, words: list[str], key: str, given: str = "") -> subprocess.CompletedProcess[str]:
        own = {"TAVUS_API_KEY": key, "TAVUS_PUBLIC_API_BASE_URL": self.url, "HOME": str(self.folder), "NO_PROXY": "127.0.0.1"}
        looks = {"PATH": os.environ["PATH"], "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1"}
        return subprocess.run(words, cwd=self.folder, env=own | looks, input=given, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def official(folder: Path) -> Iterator[Official]:
    """The client and its sandbox, for as long as a `with` lasts. `make test` has installed it by then; without `make` it is done now, once."""
    subprocess.run(["make", "--silent", f"{_PLACE.name}/stamp"], cwd=_PROJECT, check=True, timeout=150)
    command = [sys.executable, "-m", "tests.sandbox", "--key", KEY]
    sandbox = subprocess.Popen(command, cwd=_PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert sandbox.stdout is not None
        yield Official(sandbox.stdout.readline().split()[-1], folder)
    finally:
        sandbox.terminate()
        sandbox.communicate(timeout=30)
