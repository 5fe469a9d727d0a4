"""The way of one job, over the HTTP API alone: enqueued, and followed until it has its conversation or will have none. It shows nothing itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = 180.0  # nine times the typical training of the demonstration, as long as a training counts as under way
_ANSWER_SECONDS = 10.0
_OVER = frozenset({"done", "held", "abandoned", "cancelled"})

Line = Mapping[str, Any]


class NotEnqueuedError(Exception):
    """The API did not take the job; the text is its answer."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One look at the job: what the API says of it, and the lines of its story that were not seen before."""

    job: Mapping[str, Any]
    news: tuple[Line, ...]
    elapsed: float
    """Seconds since it was enqueued."""

    @property
    def is_last(self) -> bool:
        """Whether the job is over, or rests until a person acts."""
        return self.job["state"] in _OVER

    @property
    def conversation_url(self) -> str | None:
        """Where the conversation is, once it is open."""
        conversation: Mapping[str, Any] = self.job.get("conversation") or {}
        url: str | None = conversation.get("url")
        return url


class Journey:
    """A caller of the API, as any other service is one."""

    def __init__(self, origin: str, token: str | None) -> None:
        """`token`: what the API asks for, when it asks for one."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # trust_env: a proxy of the environment is not for loopback.
        self._api = httpx.AsyncClient(base_url=f"{origin}/v1", headers=headers, timeout=_ANSWER_SECONDS, trust_env=False)

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Hang up."""
        await self._api.aclose()

    async def enqueue(self, headshot: str) -> str:
        """Ask for a replica of the picture and a conversation with it; the job's id. Raises NotEnqueuedError."""
        replica = {"train_image_url": headshot, "voice_name": "anna", "replica_name": "Demonstration"}
        try:
            answer = await self._api.post("/jobs", json={"replica": replica, "conversation": {"start": "on_ready"}})
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise NotEnqueuedError(f"POST /v1/jobs answered {error.response.status_code}: {error.response.text}") from None
        except httpx.HTTPError as error:
            raise NotEnqueuedError(f"POST /v1/jobs failed: {type(error).__name__}: {error}") from None
        job: str = answer.json()["id"]
        return job

    async def follow(self, job: str) -> AsyncIterator[Glance]:
        """Look until the job is over, or patience is. An API that is being started again is waited for."""
        began, seen = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < _PATIENCE_SECONDS:
            try:
                # The story second, so that it has all that led to the state.
                state, story = await self._get(f"/jobs/{job}"), await self._get(f"/jobs/{job}/story")
            except httpx.HTTPError:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            lines = story["lines"]
            glance = Glance(state, tuple(lines[seen:]), elapsed)
            seen = len(lines)
            yield glance
            if glance.is_last:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _get(self, path: str) -> dict[str, Any]:
        answer = await self._api.get(path)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body
