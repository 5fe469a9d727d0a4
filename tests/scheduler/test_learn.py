"""Learning makes lessons of what ended in a real ledger, and the plans of every process follow them."""

from collections.abc import Iterator
from datetime import timedelta
from math import log
from pathlib import Path

import pytest

from scheduler.learn import add_learning, learn
from tests.scheduler.made import a_job_in, opened, paid, settings_in
from tests.worker.store.made import changed
from worker.app import LEARN
from worker.assembly import Parts
from worker.core.job import Job, Outcome
from worker.core.polling import Plan
from worker.core.states import State
from worker.learned import CALLBACKS, TRAINING
from worker.store.clock import utc_now

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)


def ended(
    parts: Parts,
    took: timedelta,
    outcome: Outcome = Outcome.TRAINED,
    *,
    called: bool = False,
    account: str = "default",
    late: timedelta = timedelta(0),
) -> Job:
    """A job whose training ended half a day ago; it was found over so `late`."""
    job = a_job_in(parts, State.DONE, account=account)
    end = utc_now() - 12 * HOUR
    attempts = paid(job, outcome, intended_at=end - took, ended_at=end, called_at=end - SECOND if called else None, look_due_at=end - late)
    return changed(parts.ledger, job, attempts=attempts)


@pytest.fixture
def parts(home: Path) -> Iterator[Parts]:
    """Parts that believe a lesson for no time, so that tests need not wait."""
    with opened(settings_in(home, learn_interval=INSTANT)) as one:
        yield one


@pytest.fixture
def called(home: Path) -> Iterator[Parts]:
    """The same where Tavus has an address to call."""
    reached = {"public_url": "http://127.0.0.1:8000", "secret": "a secret of nothing"}
    with opened(settings_in(home, learn_interval=INSTANT, **reached)) as one:
        yield one


def plan_of(parts: Parts, job: Job) -> Plan:
    """The plan that a training like the job's has now."""
    return parts.engine.rules.plan_for(job.request, job.account)


def test_a_ledger_without_an_end_leaves_the_prior(parts: Parts) -> None:
    job = a_job_in(parts, State.TRAINING)
    learn(parts)
    assert parts.ledger.lessons() == {}
    assert plan_of(parts, job) == Plan()


def test_what_trainings_took_becomes_the_plan_of_their_kind(parts: Parts) -> None:
    jobs = [ended(parts, HOUR + number * SECOND) for number in range(12)]
    ended(parts, 2 * SECOND, Outcome.FAILED)
    learn(parts)
    [(name, document)] = parts.ledger.lessons().items()
    assert name == f"{TRAINING}phoenix-4/image"
    assert (len(document["trained"]), len(document["failed"])) == (12, 1)
    assert plan_of(parts, jobs[0]).typical < 1.5 * HOUR


def running(parts: Parts, age: timedelta) -> Job:
    """A job that has trained for so long."""
    job = a_job_in(parts, State.TRAINING)
    return changed(parts.ledger, job, attempts=paid(job, intended_at=utc_now() - age))


def test_of_trainings_that_began_together_the_first_to_end_teach_nothing_before_nearly_all_have_ended(parts: Parts) -> None:
    """They began an hour before those of `ended`, and so does what still runs: the quick ones alone would tell of quick trainings."""
    for _ in range(4):
        ended(parts, HOUR)
    for _ in range(3):
        running(parts, 13 * HOUR)
    learn(parts)
    assert parts.ledger.lessons() == {}


def test_what_ended_while_nobody_looked_teaches_nothing_and_what_was_found_a_little_late_does(parts: Parts) -> None:
    for number in range(12):
        ended(parts, HOUR + number * SECOND, late=5 * MINUTE)
        ended(parts, 9 * HOUR, late=8 * HOUR)
    ended(parts, 20 * SECOND, Outcome.FAILED, late=10 * SECOND)
    learn(parts)
    [document] = parts.ledger.lessons().values()
    assert (len(document["trained"]), len(document["failed"])) == (12, 1)
    assert max(document["trained"]) < 1000 * log(1.1 * 3600)


def test_rejections_that_come_early_do_not_hide_that_the_others_still_run(parts: Parts) -> None:
    for _ in range(30):
        ended(parts, 3 * SECOND, Outcome.FAILED)
    ended(parts, HOUR)
    for _ in range(2):
        running(parts, 13 * HOUR)
    learn(parts)
    assert parts.ledger.lessons() == {}


def test_one_that_hangs_does_not_keep_the_others_from_teaching(parts: Parts) -> None:
    running(parts, 13 * HOUR)
    jobs = [ended(parts, HOUR + number * SECOND) for number in range(12)]
    learn(parts)
    assert plan_of(parts, jobs[0]).typical < 1.5 * HOUR


def test_where_trainings_are_slow_those_that_began_longer_ago_teach(parts: Parts) -> None:
    for _ in range(3):
        running(parts, 7 * HOUR)
    jobs = [ended(parts, 8 * HOUR + number * SECOND) for number in range(12)]
    learn(parts)
    assert plan_of(parts, jobs[0]).typical > 6 * HOUR


def test_learning_twice_learns_the_same_once(parts: Parts) -> None:
    ended(parts, HOUR)
    learn(parts)
    before = parts.ledger.lessons()
    learn(parts)
    assert parts.ledger.lessons() == before


def test_the_share_of_callbacks_that_come_thins_the_looks_of_their_account(called: Parts) -> None:
    jobs = [ended(called, 3.5 * HOUR, called=True) for _ in range(20)]
    silent = [ended(called, 3.5 * HOUR, account="studio") for _ in range(20)]
    learn(called)
    assert called.ledger.lessons()[f"{CALLBACKS}default"]["missed"] < 0.2
    assert plan_of(called, jobs[0]).missed < 0.2
    assert plan_of(called, silent[0]).missed > 0.9


def test_without_an_address_to_call_nothing_is_learned_of_callbacks(parts: Parts) -> None:
    job = ended(parts, 3.5 * HOUR, called=True)
    learn(parts)
    assert [name for name in parts.ledger.lessons() if name.startswith(CALLBACKS)] == []
    assert plan_of(parts, job).missed == 1.0


def test_the_task_that_beat_sends_learns(parts: Parts) -> None:
    ended(parts, HOUR)
    add_learning(parts.app, lambda: parts)
    parts.app.tasks[LEARN].apply(throw=True)
    assert parts.ledger.lessons()
