"""A typed client of the HTTP API, for services that would rather not speak Celery: `Client` waits, `AsyncClient` is for an event loop.

It may not do anything twice: every request carries a key, or changes nothing, so that one without an answer is sent again by itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from scheduler import client_words as words
from scheduler.client_words import ApiError, Document, InvalidError, Job, NotAllowedError, NotFoundError, NotPossibleError, Step

__all__ = ["ApiError", "AsyncClient", "Client", "InvalidError", "Job", "NotAllowedError", "NotFoundError", "NotPossibleError", "Step"]


class _Base:
    def __init__(self, url: str, token: str | None = None) -> None:
        """`url` of the API, without /v1; `token` as `replicas tokens make` shows it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._given: dict[str, Any] = {"base_url": url, "headers": headers, "timeout": words.TIMEOUT}


class Client(_Base):
    """Waits for each answer. Use it in a `with`; from any number of threads."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__(url, token)
        self._http = httpx.Client(**self._given)

    def __enter__(self) -> Self:
        """For a `with`."""
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None) -> None:
        """Close the connections."""
        self._http.close()

    def enqueue(self, request: Document, *, key: str | None = None) -> Job:
        """The job for this request: the same key and request are the same job, however often they are sent."""
        return words.job_of(self._do(words.enqueue(request, key)))

    def enqueue_many(self, requests: Sequence[Document]) -> list[str | ApiError]:
        """The ids of their jobs, in order, or why there is none; up to a thousand at once. One that is refused spoils no other."""
        return words.outcomes(self._do(words.enqueue_many(requests)))

    def get(self, job_id: str) -> Job:
        """The job as it is now."""
        return words.job_of(self._do(words.get(job_id)))

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Step]:
        """Each step as it happens, after the first so many, until the job rests for good. A connection that breaks is taken up again."""
        lines, failures = words.Lines(after), 0
        while not lines.is_over:
            try:
                with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=words.headers_of(lines), timeout=words.STREAM) as answer:
                    if words.rests_already(answer):
                        return
                    if not answer.is_success:
                        answer.read()
                        words.read(answer)
                    for line in answer.iter_lines():
                        if (step := lines.feed(line)) is not None:
                            failures = 0
                            yield step
            except (httpx.TransportError, ApiError) as error:
                failures = words.next_failure(failures, error)
            if not lines.is_over:
                time.sleep(words.pause(failures, None))

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """The job once it rests: `done`, or `ready`, or waiting for somebody, or over. Raises TimeoutError after so many seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        number = 0
        while not (job := self.get(job_id)).rests:
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"job {job_id} is still {job.state}")
            time.sleep(words.patience(number, until))
            number += 1
        return job

    def _do(self, ask: words.Ask) -> Any:  # noqa: ANN401 - JSON
        for number in range(words.TRIES):
            answer: httpx.Response | None = None
            try:
                answer = self._http.request(ask.method, ask.path, **ask.arguments)
            except httpx.TransportError:
                if number == words.TRIES - 1:
                    raise
            if answer is not None and (answer.status_code not in words.AGAIN or number == words.TRIES - 1):
                return words.read(answer)
            time.sleep(words.pause(number, answer))
        raise AssertionError  # the last try answers or raises


class AsyncClient(_Base):
    """The same for an event loop. Use it in an `async with`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        super().__init__(url, token)
        self._http = httpx.AsyncClient(**self._given)

    async def __aenter__(self) -> Self:
        """For an `async with`."""
        return self

    async def __aexit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def enqueue(self, request: Document, *, key: str | None = None) -> Job:
        """See `Client.enqueue`."""
        return words.job_of(await self._do(words.enqueue(request, key)))

    async def enqueue_many(self, requests: Sequence[Document]) -> list[str | ApiError]:
        """See `Client.enqueue_many`."""
        return words.outcomes(await self._do(words.enqueue_many(requests)))

    async def get(self, job_id: str) -> Job:
        """See `Client.get`."""
        return words.job_of(await self._do(words.get(job_id)))

    async def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[Step]:
        """See `Client.events`."""
        lines, failures = words.Lines(after), 0
        while not lines.is_over:
            try:
                async with self._http.stream(
                    "GET", f"/v1/jobs/{job_id}/events", headers=words.headers_of(lines), timeout=words.STREAM
                ) as answer:
                    if words.rests_already(answer):
                        return
                    if not answer.is_success:
                        await answer.aread()
                        words.read(answer)
                    async for line in answer.aiter_lines():
                        if (step := lines.feed(line)) is not None:
                            failures = 0
                            yield step
            except (httpx.TransportError, ApiError) as error:
                failures = words.next_failure(failures, error)
            if not lines.is_over:
                await asyncio.sleep(words.pause(failures, None))

    async def wait(self, job_id: str, *, timeout: float | None = None) -> Job:  # noqa: ASYNC109 - the same words as its twin's
        """See `Client.wait`."""
        until = None if timeout is None else time.monotonic() + timeout
        number = 0
        while not (job := await self.get(job_id)).rests:
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"job {job_id} is still {job.state}")
            await asyncio.sleep(words.patience(number, until))
            number += 1
        return job

    async def _do(self, ask: words.Ask) -> Any:  # noqa: ANN401 - JSON
        for number in range(words.TRIES):
            answer: httpx.Response | None = None
            try:
                answer = await self._http.request(ask.method, ask.path, **ask.arguments)
            except httpx.TransportError:
                if number == words.TRIES - 1:
                    raise
            if answer is not None and (answer.status_code not in words.AGAIN or number == words.TRIES - 1):
                return words.read(answer)
            await asyncio.sleep(words.pause(number, answer))
        raise AssertionError  # the last try answers or raises
