"""One customer of the sandbox, as a few words over httpx. It asserts nothing."""

import ssl
from types import TracebackType
from typing import Any, Self

import httpx

from tests.sandbox.server import Sandbox

# Never used over plain HTTP, but httpx builds one for every client unless it is given one, and that takes longer than most tests.
_TLS = ssl.create_default_context()


class Customer:
    """Calls the sandbox with one key."""

    def __init__(self, tavus: Sandbox, key: str = "key-1") -> None:
        self.tavus = tavus
        # A second is far more than an answer takes, and short enough to meet a hang.
        self.http = httpx.Client(base_url=tavus.url, headers={"x-api-key": key}, timeout=1.0, verify=_TLS)

    def __enter__(self) -> Self:
        """Open for a `with`."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        self.http.close()

    def order(self, query: str = "", **fields: object) -> httpx.Response:
        """POST a replica for the picture with this query."""
        body = {"train_image_url": self.tavus.picture(query), "voice_name": "anna", "replica_name": "mark", **fields}
        return self.http.post("/replicas", json=body)

    def film(self, query: str = "", **fields: object) -> httpx.Response:
        """POST a replica for a video."""
        return self.http.post("/replicas", json={"train_video_url": f"https://films.example/a.mp4?{query}", **fields})

    def train(self, query: str = "", **fields: object) -> str:
        """The id of a new replica."""
        return str(self.order(query, **fields).raise_for_status().json()["replica_id"])

    def look(self, replica_id: str) -> dict[str, Any]:
        """GET it."""
        row: dict[str, Any] = self.http.get(f"/replicas/{replica_id}", params={"verbose": "true"}).raise_for_status().json()
        return row

    def list(self, **query: str | int) -> tuple[list[str], int]:
        """Ids of a list's page, and its total_count."""
        page = self.http.get("/replicas", params=query).raise_for_status().json()
        return [row["replica_id"] for row in page["data"]], page["total_count"]

    def converse(self, replica_id: str, **fields: object) -> httpx.Response:
        """POST a conversation."""
        return self.http.post("/conversations", json={"replica_id": replica_id, **fields})
