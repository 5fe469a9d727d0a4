"""Talks to Tavus over one client a process. An answer that is no success is an httpx.HTTPError."""

from functools import cache
from typing import Any

import httpx

from tests.benchmarks.naive.settings import SETTINGS


@cache
def client() -> httpx.Client:
    """Made at first use, after the fork."""
    return httpx.Client(base_url=SETTINGS.tavus_url, headers={"x-api-key": SETTINGS.tavus_key}, timeout=30)


def create_replica(picture: str, name: str) -> str:
    """Begin a training; its replica's id."""
    body = {"train_image_url": picture, "voice_name": "anna", "replica_name": name, "model_name": "phoenix-4"}
    return str(_json(client().post("/replicas", json=body))["replica_id"])


def look(replica_id: str) -> dict[str, Any]:
    """The replica."""
    return _json(client().get(f"/replicas/{replica_id}"))


def create_conversation(replica_id: str) -> str:
    """Open a conversation; its address."""
    return str(_json(client().post("/conversations", json={"replica_id": replica_id}))["conversation_url"])


def _json(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.raise_for_status().json()
    return found
