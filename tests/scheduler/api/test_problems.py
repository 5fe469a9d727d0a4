"""Whatever goes wrong is a problem document with a stable type: a database or a broker that is away costs an answer or a sweep, never a job."""

import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from scheduler.sweep import sweep
from tests.broker import Broker
from tests.scheduler.api.served import Api, problem, serving
from tests.scheduler.made import SECRET, a_job_in, a_request, opened, paid, settings_in
from worker.app import SUBMIT
from worker.core.job import Outcome
from worker.core.states import State
from worker.store.clock import utc_now


def refuses_everything(api: Api) -> None:
    """Every route of a database that is away says so."""
    answers = [
        api.post("/v1/jobs", a_request()),
        api.get("/v1/jobs"),
        api.get("/v1/jobs/one"),
        api.post("/v1/jobs/one/cancel"),
        api.get("/v1/accounts"),
    ]
    for answer in answers:
        problem(answer, 503, "ledger-away")
        assert SECRET not in answer.text
    assert api.get("/livez").status_code == 200


def test_a_ledger_that_was_never_prepared_is_503(tmp_path: Path) -> None:
    with serving(settings_in(tmp_path)) as api:
        refuses_everything(api)


def test_a_database_that_refuses_is_503(tmp_path: Path) -> None:
    with serving(settings_in(tmp_path, database_url=f"postgresql://replicas:{SECRET}@127.0.0.1:1/none")) as api:
        refuses_everything(api)


def test_a_ledger_that_comes_back_is_used_again(home: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, database_url=f"sqlite:///{home}/moved.db")
    with serving(settings) as api:
        problem(api.get("/v1/jobs"), 503, "ledger-away")
        with sqlite3.connect(home / "ledger.db") as there, sqlite3.connect(home / "moved.db") as here:
            there.backup(here)
        assert api.post("/v1/jobs", a_request()).status_code == 201


def test_without_a_broker_a_job_is_recorded_in_seconds_and_a_later_sweep_rings(home: Path, broker: Broker) -> None:
    with serving(settings_in(home)) as api:
        started = time.monotonic()
        answer = api.post("/v1/jobs", a_request())
        assert answer.status_code == 201
        assert time.monotonic() - started < 8
        job = api.parts.ledger.get(answer.json()["id"])
        assert job.due_at is not None
        assert job.due_at <= utc_now()
    with opened(settings_in(home, redis_url=broker.url)) as parts:
        sweep(parts)
    assert [message["arguments"][0] for message in broker.messages(SUBMIT)] == [[job.id]]


def test_no_action_needs_a_broker_for_it_is_in_the_ledger(home: Path) -> None:
    with serving(settings_in(home)) as api:
        held, ready = a_job_in(api.parts, State.HELD), a_job_in(api.parts, State.CANCELLED)
        ready = a_job_in(api.parts, State.READY, attempts=paid(ready, Outcome.TRAINED))
        assert api.post(f"/v1/jobs/{held.id}/release").json()["state"] == "queued"
        assert api.client.delete(f"/v1/jobs/{ready.id}/replica").status_code == 202
        assert api.parts.ledger.due_deletions(utc_now(), 9) == [ready.id]


def test_a_path_or_a_method_that_is_not_there_is_a_problem_too(api: Api) -> None:
    problem(api.get("/v2/jobs"), 404, "not-found")
    answer = api.client.put("/v1/jobs")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]


def test_a_bug_is_a_problem_without_a_stack(home: Path, broker: Broker) -> None:
    with serving(settings_in(home, redis_url=broker.url)) as api:
        job = a_job_in(api.parts, State.HELD)
        with sqlite3.connect(home / "ledger.db") as hand:
            hand.execute("UPDATE job SET state = 'what nobody wrote'")
        answer = api.get(f"/v1/jobs/{job.id}")
        problem(answer, 500, "internal")
        assert "Traceback" not in answer.text
        assert "nobody wrote" not in answer.text


def test_both_databases_keep_what_the_door_lets_in(postgres_url: Callable[[], str], tmp_path: Path, broker: Broker) -> None:
    from worker.store.migrate import prepare  # noqa: PLC0415 - PostgreSQL starts for this test alone

    settings = settings_in(tmp_path, redis_url=broker.url, database_url=postgres_url(), lease=timedelta(seconds=100))
    prepare(settings.database_url)
    with serving(settings) as api:
        metadata = {"snow": "\N{SNOWMAN}\N{GRINNING FACE}", "deep": [{"of": [None, 1e300, 10**30]}]}
        created = api.post("/v1/jobs", a_request(metadata=metadata), idempotency_key="k1").json()
        assert api.get(f"/v1/jobs/{created['id']}").json()["metadata"] == metadata
        assert api.post("/v1/jobs", a_request(metadata=metadata), idempotency_key="k1").status_code == 200
        problem(api.get("/v1/jobs/%00"), 404, "unknown-job")
        assert api.post("/v1/accounts/%00/resume").status_code == 404
        assert api.post("/v1/jobs", a_request(account="a\x00b")).status_code == 422
