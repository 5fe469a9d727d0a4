"""What another service may count on: it needs Celery alone, a bad request harms nobody, and nobody is shown what it sent."""

import ast
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cases import SECRET, Case, copies
from tests.acceptance.events import events
from tests.acceptance.figures import finish
from tests.acceptance.stack import Stack
from worker.core.job import Job
from worker.core.request import Start
from worker.core.states import State

SCRIPT = Path(__file__).with_name("enqueue_from_another_service.py")
CANCEL, START = (SCRIPT.with_name(f"{wish}_from_another_service.py") for wish in ("cancel", "start"))
_BAD: tuple[dict[str, Any], ...] = (
    {},
    {"replica": {"train_image_url": f"ftp://there/face.jpg?X-Amz-Signature={SECRET}", "voice_name": "anna"}},
    {"replica": {"train_image_url": f"https://there/face.jpg?X-Amz-Signature={SECRET}"}},
    {"replica": {"train_video_url": f"https://there/a.mp4?sig={SECRET}", "voice": "anna"}, "conversations": {}},
    {"replica": {"train_video_url": ["https://there/a.mp4", SECRET]}, "account": "nobody's"},
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Bad requests among good ones: the ids of the bad, what was stored, and every event of that time."""

    bad: list[str]
    good: list[Case]
    stored: set[str]
    seen: list[dict[str, Any]]


@pytest.fixture(scope="module")
def crowd(stack: Stack) -> Crowd:
    """Bad requests and good ones, all of them dealt with."""
    known, good = set(stack.jobs()), copies(4, Case(key="beside-bad"))
    with events(stack) as seen:
        bad = stack.send(_BAD)
        stack.send(case.document(stack.tavus.origin) for case in good)
        finish(stack, good)
        stack.wait_until(
            lambda: {one["uuid"] for one in seen if one["type"] == "task-failed"} >= set(bad), "every bad request ends as FAILURE"
        )
        stack.wait_until(lambda: stack.waiting() == 0, "no message is left")
    return Crowd(bad, good, set(stack.jobs()) - known, seen)


def test_a_script_that_imports_only_celery_gets_its_conversation(stack: Stack) -> None:
    source = SCRIPT.read_text()
    assert imported(source) == {"os", "sys", "celery"}
    assert len(source.splitlines()) <= 21
    key = stack.run(sys.executable, str(SCRIPT), Case(key="script").url(stack.tavus.origin), "anna").strip()
    stack.wait_until(lambda: key in stack.jobs() and stack.jobs()[key].state is State.DONE, "the job is done")
    conversation = stack.jobs()[key].conversation
    assert conversation is not None
    assert conversation.url is not None


def test_a_bad_request_fails_once_stores_nothing_and_stops_nobody(crowd: Crowd) -> None:
    assert sorted(one["uuid"] for one in crowd.seen if one["type"] == "task-failed") == sorted(crowd.bad)
    assert crowd.stored == {case.key for case in crowd.good}


def test_no_event_and_no_process_shows_the_query_of_a_presigned_address(crowd: Crowd, stack: Stack) -> None:
    assert {"task-received", "task-started", "task-succeeded", "task-failed"} <= {one["type"] for one in crowd.seen}
    assert SECRET not in json.dumps(crowd.seen)
    assert SECRET not in stack.said()


def test_a_request_that_comes_twice_is_one_job(stack: Stack) -> None:
    known = set(stack.jobs())
    case = Case(key="twice")
    document = case.document(stack.tavus.origin)
    unnamed = {name: value for name, value in Case(key="unnamed").document(stack.tavus.origin).items() if name != "idempotency_key"}
    stack.send([document, document, document])
    for _ in range(3):
        stack.send([unnamed], task_id="one-task")
    stack.wait_until(lambda: stack.waiting() == 0, "every message is read")
    finish(stack, [case])
    stack.wait_until(lambda: stack.jobs()["one-task"].state is State.DONE, "the other job is done")
    assert set(stack.jobs()) - known == {"twice", "one-task"}
    assert not stack.tavus.ledger()["paid_twice"]


@pytest.mark.parametrize("script", [CANCEL, START], ids=["cancel", "start"])
def test_the_other_scripts_import_only_celery_too(script: Path) -> None:
    assert imported(script.read_text()) == {"os", "sys", "celery"}


def test_a_script_starts_the_conversation_of_a_ready_job_and_asked_again_opens_no_second(stack: Stack) -> None:
    job = ready(stack, "wanted")
    with events(stack) as seen:
        for number in (1, 2):
            stack.run(sys.executable, str(START), job.id)
            carried_out(stack, seen, "conversations.start", number)
    opened = stack.jobs()["wanted"]
    assert opened.conversation is not None
    assert (opened.state, stack.tavus.ledger()["conversations"][opened.replica_id]) == (State.DONE, [opened.conversation.id])


def test_a_script_cancels_a_job_by_its_key_and_whoever_wants_more_of_it_is_told(stack: Stack) -> None:
    job = ready(stack, "unwanted")
    with events(stack) as seen:
        for number in (1, 2):
            stack.run(sys.executable, str(CANCEL), "unwanted")
            carried_out(stack, seen, "replicas.cancel", number)
        assert stack.jobs()["unwanted"].state is State.CANCELLED
        stack.run(sys.executable, str(START), job.id)
        stack.run(sys.executable, str(CANCEL), "never-asked-for")
        stack.wait_until(lambda: len(ends(seen, "conversations.start")) + len(ends(seen, "replicas.cancel")) == 4, "both are refused")
        stack.wait_until(lambda: stack.waiting() == 0, "no message is left")
    failures = [one["exception"] for one in seen if one["type"] == "task-failed"]
    assert sum("NotPossibleError" in one and "The job is cancelled." in one for one in failures) == 1
    assert sum("UnknownJobError" in one for one in failures) == 1
    assert len(failures) == 2


def ready(stack: Stack, key: str) -> Job:
    """A job whose replica is trained, and whose conversation nobody has asked for yet."""
    case = Case(key=key, start=Start.ON_DEMAND)
    stack.send([case.document(stack.tavus.origin)])
    finish(stack, [case])
    return stack.jobs()[key]


def carried_out(stack: Stack, seen: list[dict[str, Any]], name: str, times: int) -> None:
    """Wait until so many tasks of that name have succeeded, and none has failed."""
    stack.wait_until(lambda: ends(seen, name) == ["task-succeeded"] * times, "the wish is carried out")


def ends(seen: list[dict[str, Any]], name: str) -> list[str]:
    """How the tasks of that name ended, in order."""
    ids = [one["uuid"] for one in seen if one["type"] == "task-received" and one["name"] == name]
    return [one["type"] for one in seen if one.get("uuid") in ids and one["type"] in {"task-succeeded", "task-failed", "task-rejected"}]


def imported(source: str) -> set[str]:
    """The names of the modules that a program imports."""
    lines = list(ast.walk(ast.parse(source)))
    plainly = {name.name for line in lines if isinstance(line, ast.Import) for name in line.names}
    return plainly | {line.module or "" for line in lines if isinstance(line, ast.ImportFrom)}
