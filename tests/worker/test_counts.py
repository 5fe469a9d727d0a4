"""What a process counts: requests, moves, failures, ends and how late they were known; and what all processes counted, added up."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.worker.store.made import NOW, SECOND, a_job, an_attempt
from worker import reporting
from worker.core.failures import Failure
from worker.core.job import Job, Outcome
from worker.core.rules import Rules
from worker.core.states import State
from worker.counted import BOUNDS, ETA_ERROR, FAMILIES, REQUESTS, UNSENT, About, Told, family_of, series
from worker.counts import Counts
from worker.pacing.kinds import Kind
from worker.reporting import Reporter

HOUR, RULES = timedelta(hours=1), Rules()


@pytest.fixture
def counts() -> Counts:
    return Counts()


def counted(counts: Counts) -> dict[str, float]:
    """What was counted since the last look."""
    return counts.take()


def training(**changes: Any) -> Job:  # noqa: ANN401 - fields of Attempt
    job = a_job(state=State.TRAINING, written_at=NOW - 20 * SECOND)
    return replace(job, attempts=(an_attempt(job, outcome=Outcome.CHARGED, intended_at=NOW - 4 * HOUR, **changes),))


def ended(job: Job, outcome: Outcome, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    return replace(job, attempts=(replace(job.attempts[0], outcome=outcome, ended_at=NOW),), **changes)


def test_every_series_that_can_be_is_known_before_it_grows_but_those_of_accounts_and_queues_without_a_name() -> None:
    known = {one for name, family in FAMILIES.items() for one in family.known(name, ("studio",))}
    assert 'replicas_failures_total{failure="unrecognised"}' in known
    assert 'replicas_tavus_requests_total{account="studio",kind="submit",outcome="limited"}' in known
    assert 'replicas_tavus_request_seconds_bucket{kind="look",le="+Inf"}' in known
    assert "replicas_training_eta_error_ratio_sum" not in known  # it would not only grow
    assert all(family_of(one.partition("{")[0])[0] in FAMILIES for one in known)


def test_a_word_of_an_account_cannot_end_its_label() -> None:
    assert series(REQUESTS, 'a"\\', "look", "ok") == r'replicas_tavus_requests_total{account="a\"\\",kind="look",outcome="ok"}'


def test_a_bucket_holds_what_the_smaller_ones_hold(counts: Counts) -> None:
    counts.requested("default", Kind.LOOK, "ok", 10.0)
    counts.requested("default", Kind.LOOK, "ok", 99.0)
    buckets = {one.rpartition('le="')[2].rstrip('"}'): by for one, by in counted(counts).items() if "_bucket" in one}
    assert buckets == {"10.0": 1, "30.0": 1, "+Inf": 2}


def test_requests_are_counted_by_what_became_of_them_and_timed_if_they_were_sent(counts: Counts) -> None:
    counts.requested("default", Kind.LOOK, "ok", 0.2)
    counts.requested("default", Kind.LOOK, UNSENT, 30.0)
    found = counted(counts)
    assert found['replicas_tavus_requests_total{account="default",kind="look",outcome="ok"}'] == 1
    assert found['replicas_tavus_requests_total{account="default",kind="look",outcome="unsent"}'] == 1
    assert found['replicas_tavus_request_seconds_count{kind="look"}'] == 1


def test_a_job_is_counted_where_it_goes_and_what_goes_wrong_each_time_that_it_does(counts: Counts) -> None:
    job = a_job()
    failed = replace(job, failure=Failure.UNREACHABLE, tries=1)
    counts.moved(job, replace(job, state=State.SUBMITTING), RULES)
    counts.moved(job, failed, RULES)
    counts.moved(failed, replace(failed, tries=2), RULES)
    counts.moved(failed, replace(failed, due_at=NOW), RULES)  # the same failure, known before
    assert counted(counts) == {'replicas_jobs_moved_total{state="submitting"}': 1, 'replicas_failures_total{failure="unreachable"}': 2}


def test_the_end_of_a_training_is_known_so_late_at_most_as_it_was_seen_to_run(counts: Counts) -> None:
    job = training()
    counts.moved(job, ended(job, Outcome.TRAINED, state=State.READY), RULES)
    found = counted(counts)
    assert found["replicas_training_detection_seconds_sum"] == 20
    assert found[f'replicas_trainings_total{{account="{job.account}",outcome="trained"}}'] == 1
    error = 4 * HOUR / RULES.plan.eta(timedelta(0)).p50 - 1
    fits = [bound for bound in BOUNDS[ETA_ERROR] if found.get(series(f"{ETA_ERROR}_bucket", str(bound)))]
    assert max(bound for bound in BOUNDS[ETA_ERROR] if bound not in fits) < error <= min(fits)


def test_a_failed_training_says_nothing_of_the_eta(counts: Counts) -> None:
    job = training()
    counts.moved(job, ended(job, Outcome.FAILED, failure=Failure.IMAGE_QUALITY), RULES)
    found = counted(counts)
    assert "replicas_training_eta_error_ratio_count" not in found
    assert found['replicas_failures_total{failure="ImageQualityError"}'] == 1


def test_an_end_that_is_known_is_not_counted_again(counts: Counts) -> None:
    job = ended(training(), Outcome.TRAINED)
    counts.moved(job, replace(job, attempts=(replace(job.attempts[0], deleted_at=NOW),)), RULES)
    assert counted(counts) == {}


class Book:
    """What all processes counted; it may be away."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.away, self.asked = False, threading.Event()

    def add(self, grown: Mapping[str, float], _now: datetime) -> None:
        self.asked.set()
        if self.away:
            raise OperationalError("away", {}, Exception())
        for one, by in grown.items():
            self.sums[one] = self.sums.get(one, 0.0) + by


@pytest.fixture
def book() -> Book:
    return Book()


def test_each_report_adds_what_was_counted_since_the_last(counts: Counts, book: Book) -> None:
    other = Counts()
    for one in (counts, other):
        reporter = Reporter(one, book.add, lambda: NOW)
        one.told(Told.DEAD)
        reporter.report()
        one.told(Told.DEAD)
        one.called_back(About.TRAINING)
        reporter.report()
        reporter.report()
    assert book.sums == {'replicas_notifications_total{outcome="dead"}': 4, 'replicas_callbacks_total{about="training"}': 2}


def test_what_the_ledger_did_not_take_is_added_when_it_is_back(counts: Counts, book: Book) -> None:
    reporter = Reporter(counts, book.add, lambda: NOW)
    counts.accepted(3)
    book.away = True
    reporter.report()
    counts.accepted(1)
    book.away = False
    reporter.report()
    assert book.sums == {"replicas_jobs_accepted_total": 4}


def test_who_counted_nothing_asks_the_ledger_for_nothing(counts: Counts, book: Book) -> None:
    Reporter(counts, book.add, lambda: NOW).close()
    assert not book.asked.is_set()


def test_a_process_reports_by_itself_and_once_more_when_it_ends(counts: Counts, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "EVERY", 0.01)
    reporter = Reporter(counts, book.add, lambda: NOW)
    reporter.start()
    counts.swept(0.5)
    assert book.asked.wait(30)
    monkeypatch.setattr(reporting, "EVERY", 3600.0)
    counts.swept(0.5)
    reporter.close()
    assert (book.sums["replicas_sweeps_total"], book.sums["replicas_sweep_seconds_total"]) == (2, 1.0)
