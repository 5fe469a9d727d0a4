"""Watches the ledger for those who follow jobs: one question a second for all of them together. It may not read a story: it says who has news."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from fastapi.concurrency import run_in_threadpool

from worker.core.job import JobId
from worker.store.database import UNREACHABLE

PACE = 1.0
"""Seconds between two questions: a job's steps are minutes and hours apart."""


class Watch:
    """One an API, used from its event loop. `versions` blocks; it says how often each of the jobs was written."""

    def __init__(self, versions: Callable[[Sequence[JobId]], Mapping[JobId, int]], pace: float = PACE) -> None:
        self._versions, self._pace = versions, pace
        self._waiting: defaultdict[JobId, set[asyncio.Event]] = defaultdict(set)
        self._seen: dict[JobId, int] = {}
        self._asking: asyncio.Task[None] | None = None

    @contextmanager
    def news_of(self, job_id: JobId) -> Iterator[asyncio.Event]:
        """Set whenever the job was written, for as long as a `with` lasts; whoever has read the news clears it."""
        news = asyncio.Event()
        self._waiting[job_id].add(news)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        try:
            yield news
        finally:
            self._waiting[job_id].discard(news)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
                self._seen.pop(job_id, None)

    async def _ask(self) -> None:
        while self._waiting:
            with suppress(*UNREACHABLE):  # they wait on: the next question is asked all the same
                found = await run_in_threadpool(self._versions, list(self._waiting))
                for job_id, version in found.items():
                    if self._seen.get(job_id) != version and job_id in self._waiting:
                        self._seen[job_id] = version
                        for news in self._waiting[job_id]:
                            news.set()
            await asyncio.sleep(self._pace)
        self._asking = None
