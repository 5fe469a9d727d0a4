"""The door of deletion from every side: API, command line and Celery task refuse alike, with why and until when, and none of them erases unasked."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.producers import enqueue
from scheduler.sweep import sweep
from tests.broker import Broker
from tests.sandbox.rules import Rules as SandboxRules
from tests.sandbox.server import Sandbox
from tests.scheduler.api.served import problem, serving
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import a_replica, at_tavus, in_hours, opened, trained
from tests.scheduler.workers import listening, variables_of, wait_until, working
from tests.worker.store.made import changed
from worker.app import CLEAN_UP, DELETE
from worker.assembly import Parts
from worker.core import events
from worker.core.job import Job, Outcome
from worker.settings import Settings

CONFIRM = timedelta(seconds=0.5)


@pytest.fixture
def tavus() -> Iterator[Sandbox]:
    """A Tavus whose refunds take an hour."""
    with Sandbox(SandboxRules(refund_delay=timedelta(hours=1))) as one:
        yield one


@pytest.fixture
def there(settings: Settings, tavus: Sandbox) -> Settings:
    """Settings on that Tavus, with half a second between two looks."""
    return at_tavus(settings, tavus).model_copy(update={"refund_confirm": CONFIRM})


@pytest.fixture
def here(there: Settings) -> Iterator[Parts]:
    """Parts with these settings."""
    with opened(there) as one:
        yield one


@pytest.fixture
def replicas(home: Path, broker: Broker, tavus: Sandbox) -> Commands:
    """The command line on the same."""
    on_tavus = {"TAVUS_PUBLIC_API_BASE_URL": tavus.url, "REPLICAS_REFUND_CONFIRM": f"{CONFIRM.total_seconds()}s"}
    commands = commands_in(home, broker)
    return replace(commands, variables=commands.variables | on_tavus)


def failed(parts: Parts, tavus: Sandbox) -> Job:
    """A job whose replica has just failed at Tavus."""
    job = enqueue(parts, a_replica(train_image_url=tavus.picture("sandbox_outcome=CelebrityFoundError"))).job
    parts.engine.advance(job.id)
    tavus.advance(timedelta(hours=12))
    parts.engine.tell(job.id, events.CallbackReceived())
    [over] = parts.engine.advance_many([job.id])
    assert isinstance(over, Job)
    assert over.attempt.outcome is Outcome.FAILED
    return over


def held_long_enough(parts: Parts, job: Job) -> Job:
    """The same job a day later."""
    return changed(parts.ledger, job, attempts=(replace(job.attempt, deletable_at=in_hours(-1)),))


def asked(tavus: Sandbox) -> int:
    """Deletions that reached Tavus."""
    return int(tavus.ledger()["requests"]["by_kind"].get("delete_replica", 0))


def opens_at(job: Job) -> str:
    """When the door opens."""
    assert job.attempt.deletable_at is not None
    return job.attempt.deletable_at.isoformat()


def test_the_api_refuses_a_failed_replica_with_the_time_from_which_it_may_be_deleted(here: Parts, there: Settings, tavus: Sandbox) -> None:
    job = failed(here, tavus)
    with serving(there) as api:
        for query in ("", f"?replica_id={job.replica_id}", f"?hard=true&replica_id={job.replica_id}"):
            kept = problem(api.client.delete(f"/v1/jobs/{job.id}/replica{query}"), 409, "not-deletable")
            assert kept["until"] == opens_at(job)
            assert "refund" in kept["detail"]
    assert asked(tavus) == 0


def test_the_command_line_refuses_it_too_and_does_not_even_ask_whether_one_is_sure(here: Parts, replicas: Commands, tavus: Sandbox) -> None:
    job = failed(here, tavus)
    for words in (("delete", job.id), ("delete", job.id, "--hard")):
        said = replicas(*words)
        assert (said.status, said.out) == (1, "")
        assert f"It may be deleted from {opens_at(job)} on." in said.err
    assert asked(tavus) == 0


def test_the_celery_task_refuses_it_too_and_whoever_watches_sees_why(home: Path, here: Parts, broker: Broker, tavus: Sandbox) -> None:
    job = failed(here, tavus)
    key = {"TAVUS_API_KEY": "key-of-default", "TAVUS_PUBLIC_API_BASE_URL": tavus.url}
    variables = variables_of(REPLICAS_HOME=str(home), REDIS_URL=broker.url, **key)
    with working(home, **variables), listening(here.app) as heard:
        wait_until(lambda: any(one["type"] == "worker-heartbeat" for one in heard))
        for arguments in ([job.id], [job.id, True, job.replica_id], [job.id, True]):
            here.app.send_task(DELETE, args=arguments)
        wait_until(lambda: sum(one["type"] == "task-failed" for one in heard) == 3)
    refusals = [one["exception"] for one in heard if one["type"] == "task-failed"]
    assert sum(f"It may be deleted from {opens_at(job)} on." in refusal for refusal in refusals) == 2
    assert sum("name the replica" in refusal for refusal in refusals) == 1
    assert asked(tavus) == 0


def test_after_the_hold_two_looks_some_time_apart_must_agree_before_it_is_deleted(here: Parts, replicas: Commands, tavus: Sandbox) -> None:
    job = held_long_enough(here, failed(here, tavus))
    said = replicas("delete", job.id)
    assert (said.status, asked(tavus)) == (0, 0)
    assert "still says" in said.out
    here.engine.delete_due(job.id)
    assert asked(tavus) == 0
    wait_until(lambda: here.ledger.due_deletions(here.engine.clock(), 10))
    [gone] = here.engine.delete_due(job.id)
    assert gone.attempt.deleted_at is not None
    assert asked(tavus) == 1
    assert tavus.ledger()["refunds_lost"] == []


def test_the_sweep_rings_for_a_deletion_until_it_is_done(here: Parts, broker: Broker, tavus: Sandbox) -> None:
    job = held_long_enough(here, failed(here, tavus))
    here.engine.tell(job.id, events.DeletionRequested())
    for _ in range(2):
        sweep(here)
    rung = broker.messages(CLEAN_UP)
    assert [one["arguments"][0] for one in rung] == [[job.id], [job.id]]
    for _ in rung:
        here.engine.delete_due(job.id)  # the second finds nothing to do
    assert tavus.ledger()["requests"]["by_kind"]["get_replica"] == 2  # the poll that saw it fail, and one look


def test_assets_are_erased_only_for_who_names_the_replica(here: Parts, there: Settings, replicas: Commands, tavus: Sandbox) -> None:
    job = trained(here, tavus)
    with serving(there) as api:
        assert job.replica_id in problem(api.client.delete(f"/v1/jobs/{job.id}/replica?hard=true"), 409, "not-deletable")["detail"]
    assert replicas("delete", job.id, "--hard", typed="n\n").status == 1
    assert asked(tavus) == 0
    assert replicas("delete", job.id, "--hard", typed="y\n").status == 0
    assert asked(tavus) == 1


def test_a_replica_that_is_about_to_be_deleted_is_not_talked_to(here: Parts, there: Settings, tavus: Sandbox) -> None:
    job = trained(here, tavus)
    with serving(there) as api:
        assert api.client.delete(f"/v1/jobs/{job.id}/replica").status_code == 202
        assert "deleted" in problem(api.post(f"/v1/jobs/{job.id}/conversation"), 409, "not-possible")["detail"]


def test_a_failed_replica_is_cleaned_up_by_itself_only_where_that_is_set_and_only_after_the_hold(
    settings: Settings, tavus: Sandbox
) -> None:
    for wanted in (False, True):
        with opened(at_tavus(settings, tavus).model_copy(update={"clean_up_failed": wanted})) as parts:
            deletion = failed(parts, tavus).attempt.deletion
            assert (deletion is not None) is wanted
            assert deletion is None or deletion.due_at >= in_hours(23)
            assert parts.ledger.due_deletions(in_hours(0), 10) == []
