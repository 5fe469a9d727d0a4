"""The ledger at size: how fast a sweep claims, and how many looks without news are written a second. It may not call Tavus.

`python -m tests.benchmarks.ledger [--rows N ...]`: PostgreSQL with each number of rows in training, and SQLite with 100,000.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rich.console import Console
from sqlalchemy import Engine, insert, text

from tests.benchmarks.figures import Figure, show
from tests.postgres import Postgres
from worker.core.decide import decide
from worker.core.events import FellDue, TrainingContinued
from worker.core.job import Attempt, Job, JobId, Outcome, ReplicaId, Request
from worker.core.marks import new_job_id, replica_mark
from worker.core.rules import Rules
from worker.core.states import State
from worker.store.claims import Claim
from worker.store.database import open_database
from worker.store.jobs import Applied, Ledger
from worker.store.migrate import migrate
from worker.store.rows import attempt_columns, columns_of, document_of
from worker.store.tables import METADATA

JOB, ATTEMPT = METADATA.tables["job"], METADATA.tables["attempt"]
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
RULES = Rules()
ACCOUNT, BATCH = "main", 100
DUE, MOST = 10_000, 5_000  # due rows of the sweep that is measured, and how many of them it claims in one transaction
SIZES = (10_000, 100_000, 1_000_000)
SMALL = 100_000  # rows of SQLite
_DUE = FellDue()
_MOMENT = timedelta(milliseconds=1)
_AT_ONCE = 20_000  # rows of one insert
_ROUNDS = 5


def measure(sizes: Sequence[int] = SIZES) -> list[Figure]:
    """Every figure of the ledger."""
    postgres = Postgres()
    try:
        figures = [
            figure
            for size in sizes
            for figure in _at_size(postgres.fresh(), f"PostgreSQL, {size:,} rows", size, is_aimed=size == max(sizes))
        ]
    finally:
        postgres.stop()
    with tempfile.TemporaryDirectory() as folder:
        return figures + _at_size(f"sqlite:///{folder}/ledger.db", f"SQLite, {SMALL:,} rows", SMALL, is_aimed=False)


def _at_size(url: str, where: str, rows: int, *, is_aimed: bool) -> list[Figure]:
    with _filled(url, rows) as ledger:
        idle = _seconds(lambda: ledger.due(NOW - timedelta(days=1), rung_before=NOW - timedelta(days=1)), _ROUNDS * 4)
        sweep = min(_claimed(ledger)[0] for _ in range(_ROUNDS))
        polled = _polled(ledger)
    bench = f"ledger: {where}"
    return [
        Figure(bench, "a sweep that finds nothing due", idle * 1000, "ms"),
        Figure(bench, f"a sweep claims {min(DUE, rows):,} due rows", sweep, "s", most=1.0 if is_aimed else None),
        Figure(bench, "poll bookkeeping", polled, "job-polls/s", least=5000 if is_aimed else None),
    ]


def _claimed(ledger: Ledger) -> tuple[float, list[Claim]]:
    """How long the claims of one sweep take, and give them back."""
    began = time.perf_counter()
    lines, claims = ledger.due(NOW, rung_before=NOW - timedelta(days=1)).lines, list[Claim]()
    for line in lines:
        while got := ledger.claim_due([line.state], line.account, NOW, RULES.lease, MOST):
            claims += got
    took = time.perf_counter() - began
    ledger.unclaim([claim.job_id for claim in claims], NOW)
    return took, claims


def _polled(ledger: Ledger) -> float:
    """Looks a second, of one process and one thread: claimed, read, decided without news, and written."""
    began, looks = time.perf_counter(), 0
    while claims := ledger.claim_due([State.TRAINING], ACCOUNT, NOW, RULES.lease, MOST):
        for start in range(0, len(claims), BATCH):
            looks += _look(ledger, [claim.job_id for claim in claims[start : start + BATCH]])
    return looks / (time.perf_counter() - began)


def _look(ledger: Ledger, ids: list[JobId]) -> int:
    jobs = ledger.answered(ids, NOW)
    for job in jobs:
        decide(job, _DUE, NOW, RULES)
    event = [TrainingContinued(job.attempt.replica_id or ReplicaId(""), "40/100") for job in jobs]
    changes = [Applied(job, news, decide(job, news, NOW, RULES), RULES) for job, news in zip(jobs, event, strict=True)]
    return len(ledger.put_off(changes, NOW))


def _seconds(work: Callable[[], object], rounds: int) -> float:
    began = time.perf_counter()
    for _ in range(rounds):
        work()
    return (time.perf_counter() - began) / rounds


@contextmanager
def _filled(url: str, rows: int) -> Iterator[Ledger]:
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


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ledger", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help=f"rows in training, instead of {SIZES}")
    show(measure(parser.parse_args().rows or SIZES), Console(width=140))


if __name__ == "__main__":
    main()
