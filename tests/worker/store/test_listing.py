"""Jobs are listed newest first, page by page, by whatever they are asked for; and each question is answered by an index that has that order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text

from tests.worker.store.hearing import overheard
from tests.worker.store.made import MAIN, NOW, SECOND, a_job, an_attempt, changed, stored
from tests.worker.store.test_plans import about_jobs, plan_of
from worker.core.job import Job, ReplicaId
from worker.core.marks import first_id_of, new_job_id
from worker.core.states import State
from worker.store.jobs import Ledger
from worker.store.listing import Wanted
from worker.store.rows import columns_of, document_of
from worker.store.tables import METADATA

JOB, ATTEMPT = METADATA.tables["job"], METADATA.tables["attempt"]
ROWS = 4000
R7 = ReplicaId("r7")


def at(seconds: float, **changes: object) -> Job:
    """A job that was created then."""
    moment = NOW + timedelta(seconds=seconds)
    return a_job(id=new_job_id(moment, int(seconds * 1000).to_bytes(10)), created_at=moment, **changes)


def all_of(ledger: Ledger, wanted: Wanted, limit: int) -> list[Job]:
    """Every page of them, one after the other."""
    jobs, after = list[Job](), None
    for _ in range(99):
        page = ledger.page(wanted, after, limit)
        assert len(page.jobs) <= limit
        jobs += page.jobs
        if (after := page.next) is None:
            return jobs
    raise AssertionError(jobs)


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 7])
def test_pages_hold_every_job_once_newest_first(ledger: Ledger, limit: int) -> None:
    ids = [stored(ledger, State.TRAINING, id=at(number).id).id for number in range(6)]
    assert [job.id for job in all_of(ledger, Wanted(), limit)] == ids[::-1]


def test_whoever_comes_meanwhile_is_on_no_page_that_follows(ledger: Ledger) -> None:
    first = stored(ledger, id=at(1).id), stored(ledger, id=at(2).id)
    page = ledger.page(Wanted(), None, 1)
    stored(ledger, id=at(3).id)
    assert [job.id for job in page.jobs + ledger.page(Wanted(), page.next, 9).jobs] == [job.id for job in first[::-1]]


def test_jobs_are_asked_for_by_each_thing_and_by_all_of_them(ledger: Ledger) -> None:
    job = added(ledger, at(10, account="studio", caller="crm"))
    job = changed(ledger, job, state=State.DONE)
    job = changed(ledger, job, attempts=(an_attempt(job, replica_id=R7),))
    others = [added(ledger, at(number)) for number in (5, 15)]
    one = {"state": State.DONE, "account": "studio", "caller": "crm", "replica_id": R7, "since": job.created_at}
    one |= {"before": job.created_at + SECOND}
    for wanted in [Wanted(**{name: value}) for name, value in one.items() if name not in {"since", "before"}] + [Wanted(**one)]:  # type: ignore[arg-type]  # each is of its own type
        assert ledger.page(wanted, None, 9).jobs == (job,)
    assert ledger.page(Wanted(account=MAIN), None, 9).jobs == tuple(others[::-1])
    for name, other in (
        ("state", State.HELD),
        ("account", "x"),
        ("caller", "x"),
        ("replica_id", ReplicaId("r8")),
        ("before", job.created_at),
    ):
        assert ledger.page(Wanted(**one | {name: other}), None, 9).jobs == ()  # type: ignore[arg-type]  # the same


def added(ledger: Ledger, job: Job) -> Job:
    return ledger.add(job, "fingerprint", ring=None).job


def test_jobs_are_found_by_how_their_id_begins(ledger: Ledger) -> None:
    early, late = added(ledger, at(0)), added(ledger, at(10**9))
    assert early.id[:3] != late.id[:3]
    for length in range(3, len(early.id) + 1):
        assert ledger.page(Wanted(prefix=early.id[:length]), None, 9).jobs == (early,)
    assert ledger.page(Wanted(prefix=""), None, 9).jobs == (late, early)
    assert ledger.page(Wanted(prefix=early.id[:-1] + ("0" if early.id[-1] != "0" else "1")), None, 9).jobs == ()


def test_a_page_has_the_same_versions_until_one_of_its_jobs_is_written(ledger: Ledger) -> None:
    jobs = [added(ledger, at(number)) for number in range(3)]
    before = ledger.page_versions(Wanted(), None, 2)
    assert [job_id for job_id, _ in before] == [jobs[2].id, jobs[1].id]
    changed(ledger, jobs[0], state=State.DONE)
    assert ledger.page_versions(Wanted(), None, 2) == before
    changed(ledger, jobs[1], state=State.DONE)
    assert ledger.page_versions(Wanted(), None, 2) != before


def test_jobs_are_counted_by_state_and_no_further_than_asked(ledger: Ledger) -> None:
    for number in range(5):
        stored(ledger, State.HELD if number < 2 else State.DONE, id=at(number).id, caller="crm" if number % 2 else "shop")
    assert ledger.tally(None, 99) == dict.fromkeys(State, 0) | {State.HELD: 2, State.DONE: 3}
    assert ledger.tally(None, 2) == dict.fromkeys(State, 0) | {State.HELD: 2, State.DONE: 2}
    assert ledger.tally("crm", 99) == {State.HELD: 1, State.DONE: 1}
    assert ledger.tally("crm", 1) == {State.DONE: 1}
    assert ledger.tally("nobody", 99) == {}


def test_counting_reads_indexes_alone(database: Engine) -> None:
    ledger = Ledger(database)
    fill(database)
    for caller in (None, "c1"):
        with overheard(database) as heard:
            ledger.tally(caller, 20)
        plan = plan_of(database, *about_jobs(heard)[0])
        assert "Seq Scan" not in plan, plan
        assert "SCAN job" not in plan.replace("SCAN job USING", ""), plan


@settings(max_examples=60)
@given(st.integers(-2, 2**44), st.integers(0, 2**44))
def test_an_id_stands_on_the_side_of_a_moment_on_which_its_job_was_created(bound: int, created: int) -> None:
    epoch = NOW.replace(year=1970, month=1, day=1, hour=0, microsecond=0)
    when = epoch + timedelta(milliseconds=created)
    assert (new_job_id(when, bytes(10)) >= first_id_of(epoch + timedelta(milliseconds=bound))) == (created >= bound)


def fill(database: Engine) -> None:
    """Thousands of jobs of many accounts and callers, most of them done; some are held."""
    jobs = [at(number, account=f"a{number % 200}", caller=f"c{number % 200}") for number in range(ROWS)]
    jobs = [replace(job, state=State.HELD if number % 200 == 0 else State.DONE) for number, job in enumerate(jobs)]
    same = {"fingerprint": "fingerprint", "updated_at": NOW, "rung_at": None, "request": document_of(jobs[0].request)}
    fixed = ("id", "account", "caller", "idempotency_key", "version", "created_at")
    attempts = [{"job_id": job.id, "number": 1, "mark": job.id, "intended_at": NOW, "outcome": "trained"} for job in jobs]
    with database.begin() as connection:
        connection.execute(insert(JOB), [columns_of(job) | {name: getattr(job, name) for name in fixed} | same for job in jobs])
        connection.execute(insert(ATTEMPT), [one | {"replica_id": f"r{number}", "fixer": False} for number, one in enumerate(attempts)])
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def test_every_question_is_answered_by_an_index_without_reading_all_the_others(database: Engine) -> None:
    ledger = Ledger(database)
    fill(database)
    middle = at(ROWS / 2)
    everything = {"account": "a1", "caller": "c1", "since": NOW, "before": middle.created_at}
    for wanted, indexes in (
        (Wanted(), ("pk_job", "sqlite_autoindex_job_1")),
        (Wanted(since=NOW, before=middle.created_at), ("pk_job", "sqlite_autoindex_job_1")),
        (Wanted(prefix=at(1).id[:5]), ("pk_job", "sqlite_autoindex_job_1")),
        (Wanted(caller="c1"), ("ix_job_caller_id",)),
        (Wanted(account="a1"), ("ix_job_account_id", "ix_job_line")),
        (Wanted(state=State.HELD), ("ix_job_state_id", "ix_job_line")),
        (Wanted(**everything), ("ix_job_caller_id", "ix_job_account_id", "ix_job_line")),  # type: ignore[arg-type]  # each is of its own type
        (Wanted(replica_id=R7), ("ix_attempt_replica_id",)),
        (Wanted(replica_id=R7, caller="c1"), ("ix_attempt_replica_id",)),
    ):
        for after in (None, middle.id):
            with overheard(database) as heard:
                ledger.page(wanted, after, 20)
            plan = plan_of(database, *about_jobs(heard)[0])
            assert any(index in plan for index in indexes), plan
            assert "Seq Scan" not in plan, plan
            assert "SCAN job" not in plan.replace("SCAN job USING", ""), plan
            # PostgreSQL knows how few there are, and may put a handful in order itself.
            assert "USE TEMP B-TREE" not in plan or wanted.replica_id is not None, plan
