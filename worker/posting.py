"""Tells a caller's server something, through the guarded client. It may not retry or judge, nor read more of an answer than its status."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from worker.guarded import Guard


@dataclass(frozen=True, slots=True)
class Poster:
    """One for a process, used from any number of threads. `within`: for one request, names and TLS included."""

    guard: Guard
    within: timedelta

    def post(self, address: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status that a POST of JSON is answered with; a redirect is an answer like any other. Raises `CallError` where there is none."""
        told = {"Content-Type": "application/json", **headers}
        return self.guard.call("POST", address, within=self.within, headers=told, body=body).status
