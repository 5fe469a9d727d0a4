"""The daily audit is made once however many begin it, goes on where it was left, tells what it found, and asks Tavus only where that is cheap."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from scheduler.auditing import EVERY, JOBS, NAME, _Walk, audit_portion
from scheduler.findings import CHECKS
from scheduler.gauges import aged
from tests.broker import Broker
from tests.running import ROOT
from tests.sandbox.server import Sandbox
from tests.scheduler.kept import healthy
from tests.scheduler.made import a_job_in, at_tavus, opened, paid, trained
from tests.scheduler.test_audit import by_hand, one_in
from tests.worker.store.made import at_once
from worker.assembly import Parts
from worker.core.job import JobId, Outcome, Terms
from worker.core.states import State
from worker.settings import Settings
from worker.store.clock import utc_now
from worker.store.rounds import Round


@pytest.fixture
def parts(settings: Settings) -> Iterator[Parts]:
    """Parts without an account: there is no Tavus to be asked."""
    with opened(settings.model_copy(update={"accounts": {}})) as one:
        yield one


def audited(parts: Parts, seconds: float = 60.0) -> Round:
    assert audit_portion(parts, seconds)
    return parts.ledger.rounds.every()[NAME]


def told(parts: Parts) -> dict[str, float]:
    """What Prometheus is told of findings, but for noughts."""
    families = {family.name: family.samples for family in aged(parts, parts.ledger.gauges.tallies(), {})}
    return {sample.labels["check"]: sample.value for sample in families["replicas_audit_findings"] if sample.value}


def test_what_only_the_product_has_written_is_audited_and_nothing_is_found(parts: Parts) -> None:
    healthy(parts.ledger, 30)
    done = audited(parts)
    assert done.outcome == {JOBS: 30}
    assert told(parts) == {}
    assert done.ended_at is not None
    assert done.due_at is not None
    assert EVERY - timedelta(minutes=5) < done.due_at - done.ended_at <= EVERY
    assert not audit_portion(parts)


def test_of_two_that_begin_at_once_one_audits(parts: Parts) -> None:
    healthy(parts.ledger, 20)
    assert sorted(at_once(lambda _: audit_portion(parts, 60.0), 2)) == [False, True]


def test_a_portion_goes_on_where_the_last_one_ended_and_all_are_one_audit(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.auditing._TOGETHER", 7)
    healthy(parts.ledger, 30)
    by_hand(parts, "UPDATE job SET due_at = created_at WHERE id = :id", one_in(parts.ledger, State.HELD).id)
    portions = 0
    while audit_portion(parts, 0.0001):
        portions += 1
    assert portions > 3
    assert parts.ledger.rounds.every()[NAME].outcome == {JOBS: 30, "next look": 1}


def test_what_is_found_is_logged_as_an_error_and_counted_until_the_next_audit(parts: Parts) -> None:
    healthy(parts.ledger, 30)
    job = one_in(parts.ledger, State.HELD)
    by_hand(parts, "UPDATE job SET due_at = created_at WHERE id = :id", job.id)
    with capture_logs() as lines:
        assert audited(parts).outcome == {JOBS: 30, "next look": 1}
    errors = [line for line in lines if line["log_level"] == "error"]
    assert [(line["check"], line.get("subject"), line.get("count")) for line in errors] == [
        ("next look", job.id, None),
        ("next look", None, 1),
    ]
    assert told(parts) == {"next look": 1}


def test_of_a_ledger_in_which_nothing_holds_all_is_counted_and_little_is_named_or_kept(parts: Parts) -> None:
    healthy(parts.ledger, 30)
    by_hand(parts, "DELETE FROM story", parts.ledger.recent(1)[0].id)
    walk = _Walk(parts, Round(name=NAME, due_at=utc_now(), begun_at=None, place=None))
    with capture_logs() as lines:
        while walk.goes_on:
            walk.step()
        walk.tell()
    assert walk.found["story"] == 30
    assert len(walk._new) == len(lines) == 20


def test_a_replica_that_two_jobs_have_is_found_though_they_are_in_two_portions(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.auditing._TOGETHER", 1)
    first, second = (a_job_in(parts, State.TRAINING, due_at=parts.engine.clock()) for _ in range(2))
    for job in (first, second):
        [attempt] = paid(job, Outcome.CHARGED)
        by_hand(
            parts,
            "INSERT INTO attempt (job_id, number, mark, intended_at, fixer, outcome, replica_id, account, delete_hard) "  # noqa: S608 - ours
            f"SELECT id, 1, '{attempt.mark}', created_at, 0, 'charged', 'rshared', account, 0 FROM job WHERE id = :id",
            job.id,
        )
    while audit_portion(parts, 0.0001):
        pass
    assert told(parts)["one owner"] == 1


@pytest.fixture
def remote(settings: Settings) -> Iterator[tuple[Parts, Sandbox]]:
    """Parts at a sandbox that show a replica of theirs, which somebody has deleted there."""
    with Sandbox() as tavus, opened(at_tavus(settings, tavus).model_copy(update={"settle_time": timedelta(0)})) as parts:
        job = trained(parts, tavus)
        assert job.replica_id is not None
        parts.tavus.delete_replica("default", job.replica_id, hard=False)
        yield parts, tavus


def test_short_lists_are_compared_with_tavus(remote: tuple[Parts, Sandbox]) -> None:
    assert audited(remote[0]).outcome == {JOBS: 1, "remote": 1}


def test_a_list_that_cannot_be_read_is_no_finding(remote: tuple[Parts, Sandbox]) -> None:
    remote[1].set_faults({"on": "list_replicas", "kind": "500"})
    with capture_logs() as lines:
        assert audited(remote[0]).outcome == {JOBS: 1}
    assert [line["account"] for line in lines if line["log_level"] == "warning" and "compare" in line["event"]] == ["default", "studio"]


def test_a_submission_that_cannot_be_read_is_named_and_the_audit_comes_to_its_end(remote: tuple[Parts, Sandbox]) -> None:
    parts, _ = remote
    assert by_hand(parts, "UPDATE attempt SET outcome = 'a word of a newer version'", JobId("")) == 1
    with capture_logs() as lines:
        assert audited(parts).outcome == {JOBS: 1, "readable": 1}
    compared = [line for line in lines if "compare" in line["event"]]
    assert [(line["account"], "newer version" in line["reason"]) for line in compared] == [("default", True)]


def test_an_account_that_may_ask_little_is_not_asked_for_that(remote: tuple[Parts, Sandbox], broker: Broker) -> None:
    del broker
    parts, _ = remote
    parts.ledger.set_terms("default", Terms(requests_a_minute=9), parts.engine.clock())
    with opened(parts.settings) as anew:  # who knows the limit from the start
        assert audited(anew).outcome == {JOBS: 1}


def test_every_check_that_may_find_something_is_told_of_from_the_start() -> None:
    written = "".join((ROOT / name).read_text() for name in ("scheduler/audit.py", "scheduler/auditing.py", "worker/core/invariants.py"))
    assert set(re.findall(r'\b(?:Finding|Broken)\("([\w ]+)"', written)) == set(CHECKS)
