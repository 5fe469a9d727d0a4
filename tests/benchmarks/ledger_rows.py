"""A ledger full of trainings, of which some are due: made by us where there are few, and copied by PostgreSQL itself where there are many."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert, text

from worker.core.job import Attempt, Job, Outcome, ReplicaId
from worker.core.marks import new_job_id, replica_mark
from worker.core.request import Request
from worker.core.states import State
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import migrate
from worker.store.rows import attempt_columns, columns_of, document_of
from worker.store.tables import METADATA

JOB, ATTEMPT = METADATA.tables["job"], METADATA.tables["attempt"]
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
ACCOUNT = "main"
DUE = 10_000
"""Due rows of the sweep that is measured."""
_MOMENT = timedelta(milliseconds=1)
_AT_ONCE = 20_000  # rows of one insert


@contextmanager
def filled(url: str, rows: int) -> Iterator[Ledger]:
    """A ledger with so many rows in training, of which `DUE` are due and the others are spread over the coming hours."""
    database = open_database(url, 2)
    migrate(database)
    _fill(database, rows)
    ledger = Ledger(database)
    yield ledger
    ledger.close()


def _fill(database: Engine, rows: int) -> None:
    request = document_of(Request(replica={"train_image_url": "https://pictures.example/head.jpg", "model_name": "phoenix-4"}))
    by_hand = rows if database.dialect.name == "sqlite" else 1
    for start in range(0, by_hand, _AT_ONCE):
        jobs = [_job(number, rows) for number in range(start, min(start + _AT_ONCE, by_hand))]
        with database.begin() as connection:
            connection.execute(insert(JOB), [_columns(job, request) for job in jobs])
            connection.execute(insert(ATTEMPT), [attempt_columns(job, job.attempts[0]) for job in jobs])
    if by_hand < rows:
        _copy(database, rows)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.dialect.name == "sqlite" else "VACUUM ANALYZE"))


def _copy(database: Engine, rows: int) -> None:
    """The first job so many times, by PostgreSQL itself: a million rows that come one by one take a quarter of an hour."""
    number, step = "copy.number", max(rows // DUE, 1)
    due = f"CASE WHEN mod({number}, {step}) = 0 THEN original.due_at - {number} * INTERVAL '10 us'"
    own: dict[str, dict[str, str]] = {
        "job": {
            "id": f"'COPY' || lpad(CAST({number} AS text), 22, '0')",
            "due_at": f"{due} ELSE original.due_at + INTERVAL '10 min' + {number} * INTERVAL '1 ms' END",
        },
        "attempt": {
            "job_id": f"'COPY' || lpad(CAST({number} AS text), 22, '0')",
            "mark": f"original.mark || {number}",
            "replica_id": f"'r' || lpad(to_hex({number}), 10, '0')",
        },
    }
    with database.begin() as connection:
        for table in (JOB, ATTEMPT):
            values = ", ".join(own[table.name].get(one.name, f'original."{one.name}"') for one in table.columns)
            columns = ", ".join(f'"{one.name}"' for one in table.columns)
            copied = f"FROM {table.name} AS original CROSS JOIN generate_series(1, {rows - 1}) AS copy (number)"
            connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) SELECT {values} {copied}")


def _job(number: int, rows: int) -> Job:
    job = Job(id=new_job_id(NOW, number.to_bytes(10)), account=ACCOUNT, caller="bench", request=Request(replica={}), created_at=NOW)
    intended = NOW - timedelta(hours=3)
    attempt = Attempt(
        number=1, mark=replica_mark(job.id, 1), intended_at=intended, outcome=Outcome.CHARGED, replica_id=ReplicaId(f"r{number:010x}")
    )
    is_due = number % max(rows // DUE, 1) == 0
    due_at = NOW - number * _MOMENT / 100 if is_due else NOW + timedelta(minutes=10) + number * _MOMENT
    return replace(job, state=State.TRAINING, attempts=(attempt,), due_at=due_at, progress="40/100")


def _columns(job: Job, request: dict[str, object]) -> dict[str, object]:
    fixed = ("id", "account", "caller", "idempotency_key", "version", "created_at")
    same = {"fingerprint": "fingerprint", "updated_at": NOW, "rung_at": None, "request": request}
    return columns_of(job) | {name: getattr(job, name) for name in fixed} | same


def make_due_again(url: str) -> None:
    """What was looked at is due, and nobody has it; what its rows were before is out of the way."""
    database = open_database(url, 1)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("UPDATE job SET due_at = :due, rung_at = NULL WHERE version > 0"), {"due": NOW - _MOMENT})
        connection.execute(text("VACUUM job"))
    database.dispose()
