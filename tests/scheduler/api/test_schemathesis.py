"""Schemathesis walks the whole API as it documents itself, over HTTP and along its links: no answer is a 500, and none is undocumented."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT, run

import pytest
from pydantic import SecretStr

from tests.broker import Broker
from tests.scheduler.api.callers import a_job_of
from tests.scheduler.api.served import Api, serving
from tests.scheduler.made import a_job_in, in_hours, paid, settings_in
from tests.worker.store.made import changed
from worker.core.events import CancelRequested
from worker.core.failures import Failure
from worker.core.job import Conversation, ConversationId, JobId, Outcome
from worker.core.marks import conversation_mark
from worker.core.states import State

CONFIG = Path(__file__).with_name("schemathesis.toml")
TOKEN = "t0ken-0f-the-walk"  # noqa: S105 - it opens what lives for one test
ATTEMPTS = {
    State.QUEUED: None,
    State.SUBMITTING: Outcome.RESERVED,
    State.TRAINING: Outcome.CHARGED,
    State.READY: Outcome.TRAINED,
    State.OPENING: Outcome.TRAINED,
    State.DONE: Outcome.TRAINED,
    State.HELD: Outcome.FAILED,
    State.ABANDONED: Outcome.FAILED,
    State.CANCELLED: Outcome.CHARGED,
}
LOOKED_AT = {State.QUEUED, State.SUBMITTING, State.TRAINING, State.OPENING}


@pytest.fixture
def walked(home_of: Callable[[Path], Path], tmp_path: Path, session_broker: Broker) -> Iterator[Api]:
    """An API that asks for a token, whose ledger has a job in every state, and something to tell."""
    settings = settings_in(
        home_of(tmp_path), redis_url=session_broker.url, api_token=SecretStr(TOKEN),
        # Whoever leaves his token away on purpose does so more often than anybody who mistypes it.
        wrong_tokens_a_minute=1_000_000,
    )  # fmt: skip
    with serving(settings) as api:
        shutil.copy(CONFIG, tmp_path)
        jobs = [a_job_in_state(api, state) for state in State]
        told = a_job_of(api.parts, "local", notify_url="https://told.example/")
        api.parts.engine.tell(told.id, CancelRequested())
        (tmp_path / "jobs.txt").write_text("".join(f'"{job_id}"\n' for job_id in jobs))
        yield api


def a_job_in_state(api: Api, state: State) -> JobId:
    job = a_job_in(api.parts, State.QUEUED, in_hours(1))
    outcome, changes = ATTEMPTS[state], {}
    if outcome is not None:
        changes["attempts"] = paid(job, outcome)
    if state in {State.HELD, State.ABANDONED}:
        changes |= {"failure": Failure.UNRECOGNISED, "detail": "E-77"}
    if state is State.DONE:
        changes["conversation"] = Conversation(mark=conversation_mark(job.id, 1), id=ConversationId("c1"), url="https://tavus.example/c1")
    changed(api.parts.ledger, job, state=state, due_at=in_hours(1) if state in LOOKED_AT else None, **changes)
    return job.id


@pytest.mark.timeout(600)  # a walk of some two thousand requests, on a host that may be busy
def test_every_answer_is_one_that_the_documentation_promises(walked: Api, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", CONFIG.name, "run", f"{walked.client.base_url}/openapi.json"]
    # Nothing of this process' own: a folder of its own keeps the examples that were found from one run to the next.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {"REPLICAS_API_TOKEN": TOKEN}
    done = run([*program, "--checks", "all"], stdout=PIPE, stderr=STDOUT, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stdout
    assert "Stateful" in done.stdout
