"""One job's decision and lease take as few journeys as they can, and promise what a transaction promises."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import sleep

import pytest
from sqlalchemy import Engine, insert, text, update
from sqlalchemy.exc import IntegrityError

from tests.worker.store.conftest import POSTGRESQL, SQLITE
from tests.worker.store.hearing import overheard
from tests.worker.store.made import LEASE, NOW, a_job, an_attempt, change, changed, rung, stored
from worker.core.job import Outcome, Terms
from worker.core.states import State
from worker.store.jobs import Ledger, StaleJobError
from worker.store.rows import attempt_columns
from worker.store.single import ATTEMPT, JOB


def test_a_decision_with_its_attempt_and_its_story_is_one_statement_where_the_database_can(ledger: Ledger) -> None:
    job = stored(ledger)
    with overheard(ledger._database) as statements:
        submitted = changed(ledger, job, state=State.TRAINING, attempts=(an_attempt(job),))
        answered = changed(ledger, submitted, progress="1/100", attempts=(an_attempt(job, outcome=Outcome.CHARGED),))
    assert len(statements) == (6 if ledger._database.dialect.name == SQLITE else 2)
    assert ledger.get(job.id) == answered
    assert [line.version for line in ledger.story(job.id)][-2:] == [submitted.version, answered.version]


def test_a_decision_whose_attempt_cannot_be_written_leaves_the_job_as_it_was(ledger: Ledger) -> None:
    first, second = stored(ledger), stored(ledger)
    changed(ledger, first, attempts=(an_attempt(first),))
    told = ledger.story(second.id)
    with pytest.raises(IntegrityError):  # another job has the mark
        changed(ledger, second, state=State.TRAINING, attempts=(replace(an_attempt(second), mark=an_attempt(first).mark),))
    assert ledger.get(second.id) == second
    assert ledger.story(second.id) == told


def test_a_stale_decision_about_a_known_attempt_changes_neither_it_nor_the_story(ledger: Ledger) -> None:
    job = stored(ledger)
    read = changed(ledger, job, attempts=(an_attempt(job),))
    now = changed(ledger, read, detail="somebody was faster")
    told = ledger.story(job.id)
    with pytest.raises(StaleJobError):
        ledger.apply(change(read, attempts=(an_attempt(job, outcome=Outcome.FAILED),)), NOW)
    assert ledger.get(job.id) == now
    assert ledger.story(job.id) == told


def test_who_takes_one_job_gets_it_whole_in_two_statements(ledger: Ledger) -> None:
    ledger.set_terms("main", terms := Terms(max_in_flight=3), NOW)
    job = stored(ledger)
    kept = changed(ledger, job, attempts=(an_attempt(job), an_attempt(job, 2)), due_at=NOW)
    with overheard(ledger._database) as statements:
        [taken] = ledger.take([job.id], NOW, LEASE)
    assert len(statements) == 2
    assert taken == replace(kept, version=kept.version + 1, due_at=NOW + LEASE, terms=terms)


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)  # on SQLite a writer waits before he reads anything
def test_who_waited_for_another_writer_takes_the_job_with_the_attempt_that_the_other_wrote(ledger: Ledger) -> None:
    job, database = stored(ledger), ledger._database
    with ThreadPoolExecutor(1) as other, database.connect() as writer:
        # As another worker is between its statement and its commit: the row is locked, and the attempt is nobody else's to see.
        writer.execute(update(JOB).where(JOB.c.id == job.id).values(version=JOB.c.version + 1, state=State.SUBMITTING.value))
        writer.execute(insert(ATTEMPT).values(attempt_columns(job, written := an_attempt(job))))
        waiting = other.submit(ledger.take, [job.id], NOW, LEASE)
        _wait_for_a_lock(database)
        writer.commit()
        [taken] = waiting.result()
    assert taken.state is State.SUBMITTING
    assert taken.attempts == (written,)


def _wait_for_a_lock(database: Engine) -> None:
    asked = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    for _ in range(600):
        with database.connect() as connection:
            if connection.execute(asked).scalar_one():
                return
        sleep(0.05)
    raise TimeoutError("nobody waits for the row")


def test_who_takes_a_job_of_an_account_that_nobody_knows_gets_it_under_the_usual_terms(ledger: Ledger) -> None:
    job_id = rung(ledger, account=a_job().id)
    [taken] = ledger.take([job_id], NOW, LEASE)
    assert taken.terms == Terms()
