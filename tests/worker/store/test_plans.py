"""The sweep's cost grows with what is due, not with what exists: both databases find due rows by the index."""

from typing import Any

from sqlalchemy import Engine, insert, text

from tests.worker.store.hearing import Statement, overheard
from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, a_job, rung, stored
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.states import State
from worker.store.jobs import Ledger
from worker.store.rows import columns_of, document_of
from worker.store.tables import METADATA

JOB = METADATA.tables["job"]
FUTURE = 4000


def about_jobs(heard: list[Statement]) -> list[tuple[str, Any]]:
    """What was said of jobs, and with which values."""
    return [(one.text, one.values) for one in heard if "FROM job" in one.text]


def plan_of(database: Engine, statement: str, values: Any) -> str:  # noqa: ANN401 - a driver's own values
    explain = "EXPLAIN QUERY PLAN" if database.dialect.name == "sqlite" else "EXPLAIN"
    with database.connect() as connection:
        return "\n".join(row[-1] for row in connection.exec_driver_sql(f"{explain} {statement}", values))


def fill(database: Engine) -> None:
    """Thousands of jobs in training that are not due for long."""
    jobs = [a_job(state=State.TRAINING, due_at=NOW + number * LEASE) for number in range(2, FUTURE + 2)]
    same = {"fingerprint": "fingerprint", "updated_at": NOW, "rung_at": None, "request": document_of(jobs[0].request)}
    fixed = ("id", "account", "caller", "idempotency_key", "version", "created_at")
    with database.begin() as connection:
        connection.execute(insert(JOB), [columns_of(job) | {name: getattr(job, name) for name in fixed} | same for job in jobs])
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def test_due_jobs_are_found_by_the_index_of_their_line(database: Engine) -> None:
    ledger = Ledger(database)
    fill(database)
    for states in ([State.TRAINING], [State.QUEUED, State.TRAINING]):
        due = stored(ledger, State.TRAINING)
        with overheard(database) as heard:
            assert [claim.job_id for claim in ledger.claim_due(states, MAIN, NOW, LEASE, 9)] == [due.id]
        ((statement, values),) = about_jobs(heard)
        assert "ix_job_line" in plan_of(database, statement, values)


def test_looks_are_claimed_by_the_index_of_their_line(database: Engine) -> None:
    ledger = Ledger(database)
    fill(database)
    due = stored(ledger, State.TRAINING)
    with overheard(database) as heard:
        assert ledger.claim_looks(MAIN, NOW, NOW + LEASE, LEASE, 9).others == (due.id,)
    plans = [plan_of(database, statement, values) for statement, values in about_jobs(heard)]
    assert "ix_job_line" in plans[0]
    assert not any("Seq Scan on job" in plan or "SCAN job" in plan for plan in plans)


def test_messages_that_were_lost_are_found_by_an_index_of_their_own(database: Engine) -> None:
    ledger = Ledger(database)
    fill(database)
    lost = rung(ledger, NOW - SECOND, state=State.TRAINING)
    with overheard(database) as heard:
        assert [claim.job_id for claim in ledger.claim_due([State.TRAINING], MAIN, NOW, LEASE, 1, rung_before=NOW)] == [lost]
    ((statement, values),) = about_jobs(heard)
    assert "ix_job_rung_at" in plan_of(database, statement, values)


def test_lines_are_found_by_leaps_along_the_index_and_never_by_reading_what_stands_in_them(database: Engine) -> None:
    ledger = Ledger(database)
    fill(database)
    stored(ledger, State.QUEUED)
    with overheard(database) as heard:
        assert len(ledger.due(NOW, rung_before=NOW).lines) == 1
        assert ledger.callers(State.QUEUED, MAIN, NOW, NOW) == ["tests"]
    assert len(about_jobs(heard)) == 2
    for (statement, values), indexes in zip(
        about_jobs(heard), (("ix_job_line", "ix_job_rung_at"), ("ix_job_queued", "ix_job_rung_at")), strict=True
    ):
        plan = plan_of(database, statement, values)
        assert all(index in plan for index in indexes)
        assert "SCAN job" not in plan.replace("SCAN job USING COVERING INDEX", "")
        assert "Seq Scan on job" not in plan


def test_a_backlog_of_a_caller_is_put_in_order_by_the_index_alone(sqlite_ledger: Ledger) -> None:
    sqlite_ledger.stop(StopAccount("another", Failure.OUT_OF_CREDIT, deaf=True), NOW)
    with overheard(sqlite_ledger._database) as heard:
        stored(sqlite_ledger)
        sqlite_ledger.claim_due([State.QUEUED], MAIN, NOW, LEASE, 9, caller="tests")
    statement, values = about_jobs(heard)[-1]
    # The id is looked up for those that are claimed alone.
    wanted = statement.replace("job.id, job.account, job.state", "job.account")
    assert wanted != statement
    assert "USING COVERING INDEX ix_job_queued" in plan_of(sqlite_ledger._database, wanted, values)
