"""The numbers are true, whoever counted: ages, jobs, money, pace, queues and what every process did; and none shows more than how much there is."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from scheduler.canary import send_canary
from scheduler.metrics import Kept, Metrics
from scheduler.producers import enqueue
from scheduler.readiness import Readiness
from scheduler.sweep import sweep
from tests.broker import Broker
from tests.running import ROOT
from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from tests.scheduler.api.callers import a_caller
from tests.scheduler.api.served import problem, serving
from tests.scheduler.made import a_job_in, a_replica, a_request, at_tavus, in_hours, opened, paid, settings_in
from tests.scheduler.workers import wait_until, working
from tests.worker.store.made import change
from worker.app import AUDIT, LEARN, RECUR, SWEEP, TIDY
from worker.assembly import Parts
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Outcome, Terms
from worker.core.states import State
from worker.counted import REQUESTS, About, Told
from worker.pacing.kinds import Kind, Verdict
from worker.settings import Settings
from worker.store.tokens import Scope

Labels = frozenset[tuple[str, str]]


def numbers(parts: Parts) -> dict[str, dict[Labels, float]]:
    """Every sample by name and labels, as Prometheus' own parser reads them."""
    return parsed(Metrics(parts, Readiness(parts)).text().decode())


def parsed(text: str) -> dict[str, dict[Labels, float]]:
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        found.setdefault(family.name, {})
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def one(parts: Parts, name: str, **labels: str) -> float:
    return numbers(parts)[name][frozenset(labels.items())]


def due(parts: Parts, state: State, ago: timedelta, **changes: Any) -> None:  # noqa: ANN401 - fields of Job
    a_job_in(parts, state, parts.engine.clock() - ago, **changes)


def test_the_oldest_due_row_is_told_and_nothing_due_is_nought(parts: Parts) -> None:
    assert one(parts, "replicas_oldest_due_seconds") == 0
    due(parts, State.TRAINING, timedelta(minutes=7))
    assert one(parts, "replicas_oldest_due_seconds") == pytest.approx(420, abs=30)


def test_what_a_stopped_account_holds_back_is_told_of_its_line_alone(parts: Parts) -> None:
    due(parts, State.QUEUED, timedelta(minutes=7))
    due(parts, State.TRAINING, timedelta(minutes=3))
    parts.ledger.stop(StopAccount("default", Failure.OUT_OF_CREDIT, deaf=False), parts.engine.clock())
    assert one(parts, "replicas_oldest_due_seconds") == pytest.approx(180, abs=30)  # looks go on
    parts.ledger.stop(StopAccount("default", Failure.KEY_REJECTED, deaf=True), parts.engine.clock())
    assert one(parts, "replicas_oldest_due_seconds") == 0
    assert one(parts, "replicas_line_oldest_due_seconds", line="queued", account="default") == pytest.approx(420, abs=30)
    assert one(parts, "replicas_account_stopped", account="default") == 1
    assert one(parts, "replicas_account_stopped", account="studio") == 0


def test_a_backlog_that_goes_out_as_fast_as_the_pace_allows_is_no_standstill(parts: Parts) -> None:
    parts.ledger.set_terms("default", Terms(requests_a_minute=5), parts.engine.clock())
    due(parts, State.QUEUED, timedelta(minutes=7))
    assert one(parts, "replicas_oldest_due_seconds") > 400
    for _ in range(3):
        parts.pace.enter("default", Kind.SUBMIT)
    assert one(parts, "replicas_oldest_due_seconds") == 0
    assert one(parts, "replicas_pace_sent", account="default") == 3
    assert one(parts, "replicas_pace_allowed", account="default") == 5


def test_what_a_breaker_holds_back_is_no_standstill_either(parts: Parts) -> None:
    due(parts, State.QUEUED, timedelta(minutes=7))
    for _ in range(5):
        ticket = parts.pace.enter("default", Kind.SUBMIT)
        parts.pace.saw(ticket, Verdict.FAILED)  # type: ignore[arg-type] # none is held back yet
    assert one(parts, "replicas_breaker_open", account="default", kind="submit") == 1
    assert one(parts, "replicas_breaker_open", account="default", kind="look") == 0
    assert one(parts, "replicas_oldest_due_seconds") == 0


def test_an_account_without_a_key_here_has_no_label_of_its_own(parts: Parts) -> None:
    for minutes, name in ((3, "foundry"), (7, "old-foundry")):
        job = a_job_in(parts, State.QUEUED)
        with parts.ledger._database.begin() as connection:
            moment = (parts.engine.clock() - timedelta(minutes=minutes)).replace(tzinfo=None).isoformat(" ")
            connection.exec_driver_sql("UPDATE job SET account = ?, due_at = ? WHERE id = ?", (name, moment, job.id))
    assert one(parts, "replicas_line_oldest_due_seconds", line="queued", account="other") == pytest.approx(420, abs=30)
    assert "foundry" not in Metrics(parts, Readiness(parts)).text().decode()


def test_jobs_money_and_budgets_are_told(parts: Parts) -> None:
    job = a_job_in(parts, State.HELD, failure=Failure.UNRECOGNISED)
    now = parts.engine.clock()
    lost = paid(job, Outcome.CHARGED, vanished_at=now, intended_at=now)
    parts.ledger.apply(change(job, attempts=lost), now)
    parts.ledger.set_terms("default", replace(parts.ledger.terms("default"), price=Decimal(45), max_trainings_a_month=10), now)
    found = numbers(parts)
    assert found["replicas_jobs"][labels(state="held")] == 1
    assert found["replicas_jobs_held"][labels(failure="unrecognised")] == 1
    assert found["replicas_credits"][labels(account="default", entry="at_risk")] == 1
    assert found["replicas_trainings_at_risk"][labels(account="default")] == 1
    assert found["replicas_money_at_risk"] == {labels(account="default"): 45}
    assert found["replicas_budget_paid"] == {labels(account="default"): 1}
    assert found["replicas_budget_paid_limit"] == {labels(account="default"): 10}


def test_what_processes_counted_is_added_up_and_what_nobody_counted_stands_at_nought(parts: Parts, settings: Settings) -> None:
    with opened(settings) as other:
        for process in (parts, other):
            process.counts.told(Told.DEAD)
            process.counts.requested("default", Kind.SUBMIT, "limited", 0.2)
            assert process.reporter is not None
            process.reporter.report()
    found = numbers(parts)
    assert found["replicas_notifications_total"][labels(outcome="dead")] == 2
    assert found["replicas_notifications_total"][labels(outcome="delivered")] == 0
    assert found[REQUESTS][labels(account="default", kind="submit", outcome="limited")] == 2
    assert found["replicas_tavus_request_seconds_bucket"][labels(kind="submit", le="0.25")] == 2


def test_a_series_of_another_version_is_left_out(parts: Parts) -> None:
    parts.ledger.add_tallies({'replicas_forgotten_total{a="b"}': 1.0}, parts.engine.clock())
    assert "forgotten" not in Metrics(parts, Readiness(parts)).text().decode()


def test_enqueueing_sweeping_and_callbacks_count(parts: Parts) -> None:
    parts.counts.take()
    enqueue(parts, a_request())
    sweep(parts)
    parts.counts.called_back(About.TRAINING)
    grown = parts.counts.take()
    assert grown["replicas_jobs_accepted_total"] == 1
    assert grown["replicas_sweeps_total"] == 1
    assert grown["replicas_sweep_seconds_total"] > 0


def test_without_a_database_it_is_said_that_there_is_none_and_nothing_more(tmp_path: Path, broker: Broker) -> None:
    with opened(settings_in(tmp_path, redis_url=broker.url, database_url="postgresql://a:b@127.0.0.1:1/c")) as parts:
        found = numbers(parts)
    assert found["replicas_ready"][labels(part="database")] == 0
    assert found["replicas_ready"][labels(part="broker")] == 1
    assert "replicas_oldest_due_seconds" not in found  # this is what ReplicasMetricsAbsent waits for


def test_however_many_ask_it_is_made_once_and_by_one_at_a_time() -> None:
    made, line = list[None](), threading.Barrier(4)
    kept = Kept(lambda: made.append(None), 3600.0)

    def ask() -> None:
        line.wait()
        kept()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_the_numbers_are_for_the_owner_and_for_prometheus_and_their_token_opens_nothing_else(home: Path, broker: Broker) -> None:
    settings = settings_in(home, redis_url=broker.url, api_token=SecretStr("owner"), metrics_token=SecretStr("scraper"))
    with serving(settings) as api:
        problem(api.get("/metrics"), 401, "unauthorized")
        problem(api.get("/metrics", authorization="Bearer wrong"), 401, "unauthorized")
        problem(a_caller(api, "shop", frozenset(Scope)).call("GET", "/metrics"), 403, "forbidden")
        problem(a_caller(api, "metrics", frozenset(Scope)).call("GET", "/metrics"), 403, "forbidden")
        for token in ("owner", "scraper"):
            answer = api.get("/metrics", authorization=f"Bearer {token}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
            assert "replicas_oldest_due_seconds 0.0" in answer.text
        problem(api.get("/v1/jobs", authorization="Bearer scraper"), 403, "insufficient-scope")
        problem(api.get("/v1/accounts", authorization="Bearer scraper"), 403, "insufficient-scope")


@pytest.fixture(scope="module")
def at_work(
    home_of: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, session_broker: Broker
) -> Iterator[tuple[dict[str, dict[Labels, float]], str]]:
    """The numbers of a system at work, and its log: an API, and a real worker that has a replica trained at a sandbox."""
    home = home_of(tmp_path_factory.mktemp("scraped"))
    session_broker.client.flushall()
    with Sandbox(Rules()) as tavus:
        variables = {
            "REDIS_URL": session_broker.url, "REPLICAS_HOME": str(home), "TAVUS_API_KEY": "key-of-default", "TAVUS_API_KEY__STUDIO": "k",
            "TAVUS_PUBLIC_API_BASE_URL": tavus.url, "REPLICAS_ALLOW_HTTP": "true", "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true",
        }  # fmt: skip
        public: dict[str, Any] = {"public_url": "http://127.0.0.1:1", "secret": SecretStr("s")}
        with serving(at_tavus(settings_in(home, redis_url=session_broker.url), tavus).model_copy(update=public)) as api:
            parts = api.parts
            parts.ledger.set_terms(
                "default", Terms(max_in_flight=5, max_trainings_a_month=9, requests_a_minute=600, price=Decimal(45)), in_hours(0)
            )
            parts.ledger.keep_lesson("callbacks:default", {"missed": 0.1}, in_hours(0))
            with working(home, **variables) as worker:
                api.post("/v1/jobs", a_replica(train_image_url=tavus.picture()))
                send_canary(parts.app)
                for task in (SWEEP, LEARN, RECUR, AUDIT, TIDY):
                    parts.app.send_task(task)
                wait_until(lambda: _has_reported(parts))
            due(parts, State.TRAINING, timedelta(seconds=5))  # while nobody works
            yield parsed(api.get("/metrics").text), worker.said


@pytest.fixture(scope="module")
def scraped(at_work: tuple[dict[str, dict[Labels, float]], str]) -> dict[str, dict[Labels, float]]:
    """The numbers alone."""
    return at_work[0]


def _has_reported(parts: Parts) -> bool:
    told = parts.ledger.gauges.tallies()
    done = {"replicas_canaries_total", "replicas_sweeps_total", 'replicas_tasks_total{queue="replicas.submit"}'} <= set(told)
    rounds = parts.ledger.rounds.every()
    noted = {name for name, one in rounds.items() if one.ended_at is not None} >= {"learn", "recurring", "audit", "clean-up"}
    return done and noted and bool(parts.ledger.recent(1, State.TRAINING))


def test_a_real_worker_tells_what_it_did(scraped: dict[str, dict[Labels, float]]) -> None:
    assert scraped[REQUESTS][labels(account="default", kind="submit", outcome="ok")] == 1
    assert scraped["replicas_jobs_moved_total"][labels(state="training")] == 1
    assert scraped["replicas_tasks_total"][labels(queue="replicas.submit")] >= 1
    assert scraped["replicas_canary_age_seconds"][labels()] < 60
    assert scraped["replicas_sweep_lag_seconds"][labels()] < 60
    assert scraped["replicas_queue_messages"][labels(queue="scheduler.sweep")] == 0
    assert scraped["replicas_ready"][labels(part="canary")] == 1


def test_every_number_that_the_dashboard_and_the_rules_name_is_in_a_live_scrape(scraped: dict[str, dict[Labels, float]]) -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/replicas.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    rules = (ROOT / "deploy/prometheus/alerts.yaml").read_text()
    named = {name for text in (*asked, rules) for name in re.findall(r"\breplicas_\w+", text)}
    assert len(named) > 30
    assert {name for name in named if name not in scraped} == set()
    assert [name for name in sorted(named) if not scraped[name]] == []


def test_no_label_holds_more_than_a_word_of_a_list(scraped: dict[str, dict[Labels, float]]) -> None:
    words = {(name, word) for of_name in scraped.values() for pairs in of_name for name, word in pairs}
    assert {name for name, _ in words} == {
        "part", "line", "account", "state", "failure", "entry", "kind", "queue", "outcome", "about", "le",
        "round", "check",
    }  # fmt: skip
    assert {word for name, word in words if name == "account"} <= {"default", "studio", "other", ""}


def test_every_line_that_a_worker_logs_about_a_job_says_which_task_job_attempt_and_caller(
    at_work: tuple[dict[str, dict[Labels, float]], str],
) -> None:
    lines = [json.loads(line) for line in at_work[1].splitlines() if line.startswith("{")]
    about_jobs = [line for line in lines if "job_id" in line]
    assert {line["to_state"] for line in about_jobs} >= {"submitting", "training"}
    for line in about_jobs:
        assert line["task"] in {"replicas.submit", "replicas.poll", "scheduler.sweep", "conversations.open", "replicas.look_up"}
        assert len(line["task_id"]) == 36
        assert (line["caller"], line["attempt"] >= 0) == ("local", True)


def labels(**pairs: str) -> Labels:
    return frozenset(pairs.items())
