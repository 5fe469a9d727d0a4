"""The workflow and the process that runs it: `python -m tests.benchmarks.peer.app`. Its settings come from the environment."""

import os
import signal
import sys
from functools import cache
from typing import Any

import httpx
from dbos import DBOS, DBOSConfig

QUEUE, WORKFLOW, VERSION = "trainings", "train", "1"
_FIRST, _CAP = float(os.environ.get("PEER_POLL_FIRST", "5")), float(os.environ.get("PEER_POLL_CAP", "600"))
_RETRIES: dict[str, Any] = {"retries_allowed": True, "max_attempts": 8, "interval_seconds": _FIRST, "backoff_rate": 2.0}


@cache
def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=os.environ["PEER_TAVUS_URL"], headers={"x-api-key": os.environ["PEER_TAVUS_KEY"]}, timeout=30)


def _json(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


@DBOS.step(**_RETRIES)
async def submit(key: str, picture: str) -> str:
    """Begin a training; its replica's id."""
    body = {"train_image_url": picture, "voice_name": "anna", "replica_name": key, "model_name": "phoenix-4"}
    return str(_json(await _client().post("/replicas", json=body))["replica_id"])


@DBOS.step(**_RETRIES)
async def look(replica_id: str) -> str:
    """How it goes."""
    return str(_json(await _client().get(f"/replicas/{replica_id}"))["status"])


@DBOS.step(**_RETRIES)
async def converse(replica_id: str) -> str:
    """Open the conversation; its address."""
    return str(_json(await _client().post("/conversations", json={"replica_id": replica_id}))["conversation_url"])


@DBOS.workflow(name=WORKFLOW)
async def train(key: str, picture: str) -> str:
    """One job from its submission to its conversation."""
    replica_id = await submit(key, picture)
    wait = _FIRST
    while True:
        await DBOS.sleep_async(wait)
        status = await look(replica_id)
        if status != "started":
            break
        wait = min(wait * 2, _CAP)
    return str(await converse(replica_id)) if status == "completed" else status


def main() -> None:
    """Work until the signal to end."""
    config: DBOSConfig = {
        "name": "peer", "system_database_url": os.environ["PEER_DATABASE_URL"], "application_version": VERSION,
    }  # fmt: skip
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(QUEUE)
    sys.stdout.write("peer: ready\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    DBOS.destroy()


if __name__ == "__main__":
    main()
