"""Two hundred visits of one link at the same moment, to real processes over PostgreSQL: one conversation. And another when that has ended."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.stack.ports import free_port
from tests.acceptance.stack import Stack
from worker.core.job import Job
from worker.core.states import State

VISITS = 200
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
_PATIENCE_SECONDS = 60.0


class Linked(Stack):
    """The same with an API of two processes, which Tavus can call."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(folder, database_url)
        self.port = free_port()
        self.web = f"http://127.0.0.1:{self.port}"

    @property
    @override
    def environment(self) -> Mapping[str, str]:
        ours = {"PORT": str(self.port), "WEB_PROCESSES": "2", "PUBLIC_URL": self.web, "SECRET": "a secret of this test"}
        return {**super().environment, **{f"REPLICAS_{name}": text for name, text in ours.items()}}


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory, postgres_url: Callable[[], str]) -> Iterator[Linked]:
    """It, running."""
    with Linked(tmp_path_factory.mktemp("linked"), postgres_url()) as stack:
        for name in ("web", "worker", "beat"):
            stack.start(name)
        stack.wait_until(lambda: _answers(stack.web), "the API answers")
        yield stack


def test_two_hundred_simultaneous_visits_make_one_conversation_and_as_many_a_second_when_that_has_ended(linked: Linked) -> None:
    job_id, link = _enqueued(linked)
    linked.wait_until(lambda: _job(linked).state is State.READY, "the replica is trained")
    first = asyncio.run(_all_visit(link))
    assert len(first) == 1
    assert _opened(linked) == 1

    linked.tavus.advance(timedelta(minutes=6))  # nobody came into the room
    linked.wait_until(lambda: _has_ended(_job(linked)), "Tavus has told that it ended, and was asked")
    second = asyncio.run(_all_visit(link))
    assert len(second) == 1
    assert second != first
    assert _opened(linked) == 2

    told = [line for line in linked.ledger.story(_job(linked).id) if line.event == "ConversationTold"]
    assert [line.why.partition(": ")[2] for line in told if "shutdown" in line.why] == [
        "system.shutdown (shutdown_reason participant_absent_timeout reached)"
    ]
    assert link.rpartition("/")[2] not in linked.said()
    assert job_id in linked.said()


async def _all_visit(link: str) -> set[str]:
    """Where they all are led, each by a line of his own and at the same moment; a page that waits asks again, as browsers do."""
    limits = httpx.Limits(max_connections=VISITS, max_keepalive_connections=0)
    async with httpx.AsyncClient(headers=BROWSER, limits=limits, timeout=_PATIENCE_SECONDS, trust_env=False) as client:

        async def visit() -> str:
            answer = await client.get(link)
            while answer.status_code == 200:
                assert "?waiting" in answer.text
                await asyncio.sleep(0.5)
                answer = await client.get(f"{link}?waiting")
            assert answer.status_code == 303, answer.text
            return answer.headers["location"]

        async with asyncio.timeout(_PATIENCE_SECONDS):
            return set(await asyncio.gather(*(visit() for _ in range(VISITS))))


def _enqueued(stack: Linked) -> tuple[str, str]:
    document = {
        "replica": {"train_image_url": f"{stack.tavus.origin}/headshot.jpg", "voice_name": "anna"},
        "conversation": {"start": "on_demand"},
    }
    job = httpx.post(f"{stack.web}/v1/jobs", json=document, trust_env=False, timeout=_PATIENCE_SECONDS).raise_for_status().json()
    return job["id"], job["link"]


def _job(stack: Linked) -> Job:
    [job] = stack.ledger.recent(1)
    return job


def _has_ended(job: Job) -> bool:
    return job.conversation is not None and job.conversation.ended_at is not None


def _opened(stack: Linked) -> int:
    return sum(map(len, stack.tavus.ledger()["conversations"].values()))


def _answers(web: str) -> bool:
    try:
        return httpx.get(f"{web}/livez", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
