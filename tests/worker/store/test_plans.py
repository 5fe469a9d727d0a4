"""The sweep's cost grows with what is due, not with what exists: both databases find due rows by the index."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

from sqlalchemy import Engine, event, insert, text

from tests.worker.store.made import LEASE, NOW, SECOND, a_job, stored
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.states import State
from worker.store.jobs import Ledger
from worker.store.rows import columns_of, document_of
from worker.store.tables import METADATA

JOB = METADATA.tables["job"]
FUTURE = 4000


@contextmanager
def overheard(database: Engine) -> Iterator[list[tuple[str, Any]]]:
    """What is said to the database about jobs meanwhile."""
    heard: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        if "FROM job" in statement:
            heard.append((statement, values))

    event.listen(database, "before_cursor_execute", hear)
    yield heard
    event.remove(database, "before_cursor_execute", hear)


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


def test_due_jobs_are_found_by_the_index(database: Engine) -> None:
    ledger = Ledger(database)
    fill(database)
    for states, rung_before in product(([State.TRAINING], [State.QUEUED, State.TRAINING]), (None, NOW - SECOND)):
        due = stored(ledger, State.TRAINING)
        with overheard(database) as heard:
            assert [claim.job_id for claim in ledger.claim_due(states, NOW, LEASE, 9, rung_before=rung_before)] == [due.id]
        ((statement, values),) = heard
        assert ("rung_at" in statement) is bool(rung_before)
        assert "ix_job_due" in plan_of(database, statement, values)


def test_a_backlog_on_sqlite_is_put_in_order_by_the_index_alone(sqlite_ledger: Ledger) -> None:
    sqlite_ledger.stop(StopAccount("another", Failure.OUT_OF_CREDIT, deaf=True), NOW)
    with overheard(sqlite_ledger._database) as heard:
        stored(sqlite_ledger)
        sqlite_ledger.claim_due([State.QUEUED], NOW, LEASE, 9)
    statement, values = heard[-1]
    wanted = statement.replace(
        "job.id, job.account, job.state", "job.account, job.state"
    )  # the id is looked up for those that are claimed alone
    assert wanted != statement
    assert "USING COVERING INDEX ix_job_due" in plan_of(sqlite_ledger._database, wanted, values)
