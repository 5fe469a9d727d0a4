"""One idempotency key at two API processes at the same moment, over PostgreSQL: whoever comes second waits for the first, and is told the same job.

The IETF's draft would have the second told to come again (409); waiting spares him that, and what he is told is as true.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from scheduler.stack.ports import free_port
from tests.acceptance.cases import Case
from tests.acceptance.stack import Stack

_PATIENCE_SECONDS = 60.0
_WAITING = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND relation = 'job'::regclass"


class TwoDoors(Stack):
    """A ledger with two API processes in front of it, each at an address of its own."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(folder, database_url)
        self.database_url = database_url
        self.doors = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]

    def open(self) -> None:
        """Start both."""
        for door in self.doors:
            port = door.rpartition(":")[2]
            own = {"REPLICAS_PORT": port, "REPLICAS_WEB_PROCESSES": "1"}
            self._processes.start(f"web-{port}", self._lines["web"], {**self.environment, **own}, self._folder)
        self.wait_until(lambda: all(_answers(door) for door in self.doors), "both answer")

    def post(self, door: str, document: dict[str, Any], key: str) -> httpx.Response:
        """Ask for a job there."""
        return httpx.post(f"{door}/v1/jobs", json=document, headers={"Idempotency-Key": key}, trust_env=False, timeout=_PATIENCE_SECONDS)

    def in_flight(self, *documents: dict[str, Any], key: str) -> list[httpx.Response]:
        """The answers to requests of which, before any is answered, one at each process has come as far as the ledger."""
        with psycopg.connect(self.database_url) as holder, ThreadPoolExecutor(len(documents)) as threads:
            holder.execute("LOCK TABLE job IN SHARE MODE")  # everybody may read, and whoever writes waits
            coming: list[Future[httpx.Response]] = [
                threads.submit(self.post, self.doors[number % 2], document, key) for number, document in enumerate(documents)
            ]
            self.wait_until(lambda: _first(holder, _WAITING) == 2, "a request waits at each process")
            assert not any(one.done() for one in coming)
            holder.commit()
            return [one.result() for one in coming]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, postgres_url: Callable[[], str]) -> Iterator[TwoDoors]:
    """It, running."""
    with TwoDoors(tmp_path_factory.mktemp("two"), postgres_url()) as stack:
        stack.open()
        yield stack


def test_requests_under_one_key_in_flight_at_two_processes_are_one_job_that_every_answer_names(two: TwoDoors) -> None:
    document = _request(two, "one")
    answers = two.in_flight(*[document] * 6, key="one")
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert {answer.json()["id"] for answer in answers} == {two.jobs()["one"].id}
    assert [job.idempotency_key for job in two.ledger.recent(99)].count("one") == 1


def test_of_two_requests_under_one_key_in_flight_at_two_processes_one_is_refused_with_the_job_of_the_other(two: TwoDoors) -> None:
    document = _request(two, "two")
    answers = two.in_flight(document, {**document, "priority": 1}, key="two")
    made, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert (made.status_code, refused.status_code) == (201, 422)
    assert refused.json()["job_id"] == made.json()["id"] == two.jobs()["two"].id


def _request(stack: Stack, key: str) -> dict[str, Any]:
    return Case(key=key).document(stack.tavus.origin)


def _first(connection: psycopg.Connection, question: str) -> object:
    row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/livez", trust_env=False, timeout=_PATIENCE_SECONDS).is_success
    except httpx.TransportError:
        return False
