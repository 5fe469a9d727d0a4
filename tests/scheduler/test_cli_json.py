"""For programs: whatever is done to a job answers with the job, and nothing but JSON stands on standard output."""

import json
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import a_job_in, paid
from tests.worker.store.made import changed
from worker.assembly import Parts
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Job, Outcome
from worker.core.states import State
from worker.store.clock import utc_now


@pytest.fixture
def replicas(home: Path, broker: Broker) -> Commands:
    """The command line on the ledger of `parts`."""
    return commands_in(home, broker)


def in_state(parts: Parts, state: State) -> Job:
    job = a_job_in(parts, state)
    return changed(parts.ledger, job, attempts=paid(job, Outcome.TRAINED)) if state is State.READY else job


@pytest.mark.parametrize(
    ("word", "before", "after"),
    [
        ("cancel", State.QUEUED, "cancelled"),
        ("release", State.HELD, "queued"),
        ("abandon", State.HELD, "abandoned"),
        ("open", State.READY, "opening"),
        ("retry", State.ABANDONED, "queued"),
    ],
)
def test_what_is_done_to_a_job_answers_with_the_job(replicas: Commands, parts: Parts, word: str, before: State, after: str) -> None:
    job = in_state(parts, before)
    said = replicas(word, job.id, "--json")
    document = json.loads(said.out)
    assert (said.status, document["id"], document["state"]) == (0, job.id, after)
    assert json.loads(replicas("show", job.id, "--json").out)["state"] == after


def test_a_refusal_leaves_standard_output_empty(replicas: Commands, parts: Parts) -> None:
    job = a_job_in(parts, State.DONE)
    for word in ("cancel", "release", "abandon", "open", "end", "retry", "delete"):
        said = replicas(word, job.id, "--json")
        assert (said.status, said.out) == (1, "")
        assert said.err.startswith("replicas: ")


def test_a_resumed_account_names_the_jobs_that_go_on(replicas: Commands, parts: Parts) -> None:
    held = a_job_in(parts, State.HELD, failure=Failure.KEY_REJECTED)
    parts.ledger.stop(StopAccount("default", Failure.KEY_REJECTED, deaf=True), utc_now())
    assert json.loads(replicas("accounts", "resume", "default", "--json").out) == {"account": "default", "jobs": [held.id]}


def test_tokens_that_are_revoked_and_notifications_that_are_sent_again_are_named(replicas: Commands) -> None:
    made = json.loads(replicas("tokens", "make", "shop", "--json").out)
    [revoked] = json.loads(replicas("tokens", "revoke", "shop", "--json").out)
    assert revoked["id"] == made["id"]
    assert revoked["revoked_at"] is not None
    assert "token" not in revoked
    assert json.loads(replicas("notifications", "redeliver", "--dead", "--json").out) == {"notifications": []}


def test_the_schema_that_a_database_was_brought_to_is_named(replicas: Commands) -> None:
    said = json.loads(replicas("migrate", "--json").out)
    assert said["revision"]
