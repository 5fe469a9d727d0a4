"""A full run leaves no secret where anybody could find it: in no log, message, event, page of Flower or the board, error, nor in the ledger."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from kombu.connection import Connection
from sqlalchemy import select
from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.stack.ports import free_port
from tests.acceptance.cases import SECRET, Case
from tests.acceptance.events import events
from tests.acceptance.stack import ACCOUNTS, Stack
from tests.acceptance.test_link import BROWSER, Linked
from tests.receiver import Receiver, receiving
from tests.scheduler.board.person import Person
from worker.core.failures import Failure
from worker.core.job import Job
from worker.core.request import Start
from worker.core.states import State
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.sealing import Sealer
from worker.store.tables import METADATA

OWNER, SIGNING = "the-owners-own-token", "a-secret-of-this-test"
_PATIENCE_SECONDS = 60.0
_ENDS = {"done": State.DONE, "on-demand": State.DONE, "failed": State.ABANDONED}


class Sealed(Linked):
    """The same, which asks for tokens and seals what it keeps; with Flower."""

    def __init__(self, folder: Path) -> None:
        self.key, self.flower = Fernet.generate_key().decode(), free_port()
        super().__init__(folder, f"sqlite:///{folder / 'ledger.db'}")
        (folder / "deploy").symlink_to(Path(__file__).parents[2] / "deploy")  # where the Procfile has Flower look for its settings

    @property
    @override
    def environment(self) -> dict[str, str]:
        ours = {
            "REPLICAS_ENCRYPTION_KEY": self.key,
            "REPLICAS_API_TOKEN": OWNER,
            "REPLICAS_SECRET": SIGNING,
            "FLOWER_PORT": str(self.flower),
        }
        return {**super().environment, **ours, "REPLICAS_WEB_PROCESSES": "1"}

    @override
    def _prepare(self) -> None:
        super()._prepare()
        self.ledger.close()
        self.ledger = Ledger(open_database(self._database_url, 2), Sealer([self.key]))


@dataclass(frozen=True)
class Run:
    """What was kept secret in a run, and all that it left behind, by where it lies."""

    secrets: dict[str, str]
    left: dict[str, str]
    pages: list[str]
    boards: list[str]
    jobs: list[Job]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A job that gets its conversation, one that opens it by its link, one that fails, and requests that are refused."""
    with Sealed(tmp_path_factory.mktemp("sealed")) as stack, receiving() as receiver:
        for name in ("web", "worker", "beat", "flower"):
            stack.start(name)
        for address in (f"{stack.web}/livez", f"http://127.0.0.1:{stack.flower}/tasks"):
            stack.wait_until(partial(_answers, address), f"{address} answers")
        [token] = re.findall(r"rwt_[\w-]+", stack.run("replicas", "tokens", "make", "shop"))
        [receiver.secret] = re.findall(r"whsec_[\w+/=]+", stack.run("replicas", "notifications", "secret", "show", "--caller", "shop"))
        with (
            httpx.Client(
                base_url=stack.web, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=_PATIENCE_SECONDS
            ) as client,
            events(stack) as seen,
        ):
            links, errors = _live(stack, client, receiver)
        secrets = (
            _secrets(stack)
            | {"the caller's token": token, "what signs for the caller": receiver.secret or ""}
            | {f"link {number}": link for number, link in enumerate(links)}
        )
        left = {
            "logs": stack.said(),
            "events": json.dumps(seen, default=str),
            "broker": _broker(stack),
            "errors": errors,
            "ledger": _dump(stack.ledger),
        }
        yield Run(secrets, left, _pages(stack, seen), _boards(stack), list(stack.jobs().values()))


def _live(stack: Sealed, client: httpx.Client, receiver: Receiver) -> tuple[list[str], str]:
    """The links that were handed out, and what those who were refused were told."""
    told = {"notify_url": receiver.url, "notify_conversation_url": True, "notify_conversation_events": True}
    private = {"require_auth": True, "properties": {"participant_absent_timeout": 60}}
    cases = [Case(key="done"), Case(key="on-demand", start=Start.ON_DEMAND), Case(key="failed", outcome=Failure.CELEBRITY_FOUND.value)]
    documents = [case.document(stack.tavus.origin) | told for case in cases]
    made = [
        client.post("/v1/jobs", json=one | {"conversation": one["conversation"] | private}).raise_for_status().json() for one in documents
    ]
    bad = documents[0] | {"replica": {"train_image_url": Case(key="bad").url("ftp://there"), "voice": SECRET}}
    refused = [
        client.post("/v1/jobs", json=bad),
        client.post("/v1/jobs", json=documents[0] | {"priority": 9}),
        client.get("/v1/jobs", headers={"Authorization": f"Bearer {OWNER}s"}),
        client.post(f"/hooks/tavus/{SECRET}"),
    ]
    assert {one.status_code for one in refused} == {422, 401, 404}
    [link] = [one["link"] for one in made if one["link"]]
    stack.wait_until(lambda: stack.jobs()["on-demand"].state is State.READY, "the replica is trained")
    stack.wait_until(lambda: _visited(link), "the link leads to the conversation")
    stack.wait_until(lambda: {key: job.state for key, job in stack.jobs().items()} == _ENDS, "every job is over")
    stack.wait_until(
        lambda: {one.document["type"] for one in _heard(receiver)} >= {"job.done", "job.ready", "job.abandoned"}, "all is told"
    )
    return [link.rpartition("/")[2]], "".join(one.text for one in refused)


def _heard(receiver: Receiver) -> list[Any]:
    with receiver.lock:
        return [one for one in receiver.told if one.document is not None]


def _visited(link: str) -> bool:
    answer = httpx.get(link, headers=BROWSER, trust_env=False, timeout=_PATIENCE_SECONDS)
    return answer.status_code == 303 and "?t=token-" in answer.headers["location"]


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _secrets(stack: Sealed) -> dict[str, str]:
    talks = [job.conversation.id for job in stack.jobs().values() if job.conversation and job.conversation.id]
    assert len(talks) == 2
    return {
        **{f"the key of {name}": key for name, key in ACCOUNTS.items()},
        **{f"what opens {talk}": f"token-{talk}" for talk in talks},
        "the owner's token": OWNER,
        "what signs links and callbacks": SIGNING,
        "what seals": stack.key,
        "a presigned query": SECRET,
        "the query of a notify_url": "S3CRETs3cret0123",
    }


def _broker(stack: Stack) -> str:
    """Everything that is in Redis."""
    with Connection(stack._broker.url) as connection:
        client = connection.default_channel.client
        read = {b"list": lambda key: client.lrange(key, 0, -1), b"hash": client.hgetall, b"set": client.smembers, b"string": client.get}
        read[b"none"] = lambda _key: None  # it has expired since its name was read
        read[b"zset"] = lambda key: client.zrange(key, 0, -1)
        return repr({key: read[client.type(key)](key) for key in client.keys("*")})


def _dump(ledger: Ledger) -> str:
    with ledger._database.connect() as connection:
        return repr([connection.execute(select(table)).all() for table in METADATA.sorted_tables])


def _pages(stack: Sealed, seen: list[dict[str, Any]]) -> list[str]:
    """Flower's pages of every task that ran."""
    base = f"http://127.0.0.1:{stack.flower}"
    tasks = sorted({one["uuid"] for one in seen if one["type"].startswith("task-")})
    answers = [
        httpx.get(f"{base}{path}", trust_env=False) for path in ("/workers", "/tasks", "/broker", *(f"/task/{task}" for task in tasks))
    ]
    return [one.text for one in answers if one.status_code == 200]


def _boards(stack: Sealed) -> list[str]:
    """What the board shows its owner: all jobs, and each."""
    person = Person(stack.web)
    assert person.log_in(OWNER).status_code == 200
    return [person.seen.text, *(person.go(f"/board/jobs/{job.id}").text for job in stack.jobs().values())]


@pytest.mark.parametrize("place", ["logs", "events", "broker", "errors", "ledger"])
def test_no_secret_is_left_anywhere(run: Run, place: str) -> None:
    assert run.left[place]
    assert [name for name, secret in run.secrets.items() if secret in run.left[place]] == []


def test_no_page_of_flower_shows_one(run: Run) -> None:
    assert any(job.id in page for job in run.jobs for page in run.pages)
    assert [name for name, secret in run.secrets.items() for page in run.pages if secret in page] == []


def test_no_page_of_the_board_shows_one(run: Run) -> None:
    assert all(any(job.id in page for page in run.boards) for job in run.jobs)
    assert [name for name, secret in run.secrets.items() for page in run.boards if secret in page] == []


def test_with_a_key_no_address_can_be_read_in_the_ledger(run: Run) -> None:
    assert run.left["ledger"].count("sealed:v1:") > len(run.jobs)
    assert re.findall(r"\w+://[^'\\s]*", run.left["ledger"]) == []
