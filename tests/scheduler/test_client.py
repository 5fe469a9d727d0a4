"""The client over a real server: one job however often an answer is lost, every step once, and errors that say what is wrong."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from scheduler import client_words
from scheduler.client import ApiError, AsyncClient, Client, InvalidError, NotAllowedError, NotFoundError, Step
from tests.broker import Broker
from tests.running import ROOT
from tests.scheduler.api.served import Api, serving
from tests.scheduler.made import PICTURE, a_job_in, a_request, in_hours, settings_in
from tests.worker.tavus.scripted import Asked, Said, Scripted
from worker.core import events
from worker.core.job import JobId
from worker.core.states import State

TOKEN = "t0ken"  # noqa: S105 - it opens what lives for one file
EXAMPLE = Path(__file__).with_name("follow_with_the_client.py")
CUT = Said(line=lambda handler: handler.connection.close())
JOB = {"id": "a", "state": "done", "conversation": {"id": "c1", "url": "https://t.example/c1"}}


@pytest.fixture(scope="module")
def served(home_of: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, session_broker: Broker) -> Iterator[Api]:
    """An API that asks for a token."""
    home = home_of(tmp_path_factory.mktemp("client"))
    with serving(settings_in(home, redis_url=session_broker.url, api_token=SecretStr(TOKEN))) as api:
        yield api


@pytest.fixture
def client(served: Api) -> Iterator[Client]:
    with Client(str(served.client.base_url), TOKEN) as one:
        yield one


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test need not wait for."""
    monkeypatch.setattr(client_words, "_PAUSE", 0.01)


def test_the_same_key_is_the_same_job_and_without_one_each_is_its_own(client: Client) -> None:
    first, again = (client.enqueue(a_request(), key="order-1") for _ in range(2))
    assert (first.id, first.state, first.conversation_url) == (again.id, "queued", None)
    assert client.get(first.id).document["idempotency_key"] == "order-1"
    assert len({client.enqueue(a_request()).id for _ in range(2)}) == 2


def test_what_is_wrong_is_named_and_nothing_is_stored(client: Client) -> None:
    with pytest.raises(InvalidError, match="422 invalid-request") as raised:
        client.enqueue({"replica": {"train_image_url": PICTURE}})
    assert [one["field"] for one in raised.value.problems] == ["replica.voice_name"]
    with pytest.raises(NotFoundError, match="unknown-job"):
        client.get("0000000000000000mm00000001")


def test_a_token_that_is_not_accepted_is_told(served: Api) -> None:
    with Client(str(served.client.base_url), "another") as stranger, pytest.raises(NotAllowedError):
        stranger.enqueue(a_request())


def test_of_many_each_has_its_job_or_what_is_wrong_with_it(client: Client) -> None:
    good, bad, other = client.enqueue_many([a_request(), {}, a_request(idempotency_key="mine")])
    assert [client.get(one).state for one in (good, other) if isinstance(one, str)] == ["queued", "queued"]
    assert isinstance(bad, InvalidError)
    assert bad.problems


def test_every_step_comes_once_and_the_last_ends_it(client: Client, served: Api) -> None:
    job = a_job_in(served.parts, State.HELD)
    threading.Timer(0.2, lambda: served.parts.engine.tell(job.id, events.AbandonRequested())).start()
    steps = list(client.events(job.id))
    assert [step.number for step in steps] == [1, 2, 3]
    assert steps[-1] == Step(3, "AbandonRequested", "abandoned", "given up by a person")
    assert list(client.events(job.id, after=2)) == steps[2:]
    assert list(client.events(job.id, after=3)) == []


def test_waiting_ends_when_the_job_rests_or_the_time_is_over(client: Client, served: Api) -> None:
    job = a_job_in(served.parts, State.QUEUED, in_hours(1))
    with pytest.raises(TimeoutError, match="is still queued"):
        client.wait(job.id, timeout=0)
    threading.Timer(0.1, lambda: served.parts.engine.tell(job.id, events.CancelRequested())).start()
    assert client.wait(job.id, timeout=60).state == "cancelled"


def test_an_event_loop_has_the_same(served: Api) -> None:
    async def use() -> None:
        async with AsyncClient(str(served.client.base_url), TOKEN) as client:
            job = await client.enqueue(a_request(), key="order-2")
            assert (await client.enqueue(a_request(), key="order-2")).id == job.id
            assert [type(one) for one in await client.enqueue_many([a_request(), {}])] == [str, InvalidError]
            with pytest.raises(NotFoundError):
                await client.get("0000000000000000mm00000001")
            with pytest.raises(TimeoutError):
                await client.wait(job.id, timeout=0)
            served.parts.engine.tell(JobId(job.id), events.CancelRequested())
            assert (await client.wait(job.id)).state == "cancelled"
            assert [step.number async for step in client.events(job.id)] == [1, 2]

    asyncio.run(use())


def in_turn(*answers: Said) -> tuple[Callable[[Asked], Said], list[Said]]:
    left = list(answers)
    return lambda _: left.pop(0), left


@pytest.mark.parametrize("trouble", [CUT, Said(503, {"detail": "away"}), Said(429, {"detail": "slow"}, {"retry-after": "0"})])
def test_a_request_without_an_answer_is_sent_again_under_its_key(trouble: Said) -> None:
    script, _ = in_turn(trouble, trouble, Said(201, JOB))
    with Scripted(script) as server, Client(server.origin) as client:
        assert client.enqueue(a_request()).conversation_url == "https://t.example/c1"
    keys = {one.headers["idempotency-key"] for one in server.asked}
    assert (len(server.asked), len(keys)) == (3, 1)


def test_it_is_not_sent_again_for_ever_nor_when_it_is_refused() -> None:
    with Scripted(CUT) as server, Client(server.origin) as client, pytest.raises(httpx.TransportError):
        client.get("a")
    assert len(server.asked) == 4
    for status in (400, 500):
        with Scripted(Said(status, b"<html>")) as server, Client(server.origin) as client, pytest.raises(ApiError, match=str(status)):
            client.get("a")
        assert len(server.asked) == 1


def test_a_stream_that_breaks_goes_on_after_the_last_step() -> None:
    def piece(number: int) -> bytes:
        return f'event: line\ndata: {{"event":"E","to_state":"queued","why":"w"}}\nid: {number}\n\n'.encode()

    def stream(content: bytes) -> Said:
        return Said(200, content, {"content-type": "text/event-stream"})

    script, _ = in_turn(stream(piece(1)), CUT, stream(b": still here\n\n" + piece(2)), stream(b"event: end\ndata: {}\n\n"))
    with Scripted(script) as server, Client(server.origin) as client:
        assert [step.number for step in client.events("a")] == [1, 2]
    assert [one.headers["last-event-id"] for one in server.asked] == ["0", "1", "1", "2"]


def test_the_example_of_the_readme_follows_its_job(served: Api, client: Client) -> None:
    given: dict[str, Any] = {"PYTHONPATH": str(ROOT), "API_URL": str(served.client.base_url), "API_TOKEN": TOKEN}
    program = [sys.executable, str(EXAMPLE), PICTURE, "anna", "order-3"]
    job = client.enqueue({"replica": {"train_image_url": PICTURE, "voice_name": "anna"}}, key="order-3")
    served.parts.engine.tell(JobId(job.id), events.CancelRequested())
    done = subprocess.run(program, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()[:-1]] == ["queued", "cancelled"]
    assert done.stdout.splitlines()[-1] == "None"
