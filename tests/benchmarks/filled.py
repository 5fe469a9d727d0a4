"""A ledger full of trainings: one true job, copied by SQL, each copy with a replica of its own. It knows columns, and not what they mean."""

from collections.abc import Mapping, Sequence

import psycopg

from tests.benchmarks.ground import Ground
from tests.benchmarks.systems import Ours

_PATIENCE_SECONDS = 60.0
_NEVER = "&sandbox_outcome=never"
# What differs from copy to copy; every other column is as in the job that was copied. A copy began its training some time ago.
_OF_A_JOB = {
    "id": "copy.job_id", "idempotency_key": "copy.job_id", "due_at": "copy.due_at", "rung_at": "NULL", "created_at": "copy.began_at",
    "updated_at": "copy.began_at",
}  # fmt: skip
_OF_AN_ATTEMPT = {
    "job_id": "copy.job_id", "mark": "original.mark || copy.job_id", "replica_id": "copy.replica_id", "intended_at": "copy.began_at",
}  # fmt: skip


def fill(ground: Ground, ours: Ours, count: int, *, over: float, due_within: float, ends: bool = False) -> None:
    """So many jobs in training, begun evenly over the last `over` seconds and due evenly within the next `due_within`.

    `ours` runs already. `ends`: their trainings end as trainings do; else never.
    """
    pictures = {"original": f"{ground.vendor.origin}/headshot.jpg?job=original{_NEVER}"}
    ours.enqueue(ground, pictures)
    if not ground.wait_until(lambda: ground.rows("SELECT 1 FROM job WHERE state = 'training'"), "a training", _PATIENCE_SECONDS):
        raise TimeoutError("the job that is to be copied does not train")
    replicas = ground.vendor.train(count, "" if ends else _NEVER)
    with psycopg.connect(ground.database_url) as connection:
        _lay_out(connection, replicas, over, due_within)
        for table, own in (("job", _OF_A_JOB), ("attempt", _OF_AN_ATTEMPT)):
            _copy(connection, table, own)
    with psycopg.connect(ground.database_url, autocommit=True) as connection:
        connection.execute("ANALYZE")  # a planner that believes the tables empty reads them from end to end


def _lay_out(connection: psycopg.Connection, replicas: Sequence[str], over: float, due_within: float) -> None:
    connection.execute("CREATE TEMP TABLE laid (number INT, replica_id TEXT) ON COMMIT DROP")
    with connection.cursor().copy("COPY laid FROM STDIN") as copying:
        for number, replica in enumerate(replicas):
            copying.write_row((number, replica))
    # By turns and not by order: those that began together are not due together.
    connection.execute(
        "CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT replica_id, 'COPY' || lpad(number::text, 22, '0') AS job_id,"
        " now() - make_interval(secs => %s * number / %s) AS began_at,"
        " now() + make_interval(secs => %s * ((number * 7919) %% %s) / %s) AS due_at FROM laid",
        (over, len(replicas), due_within, len(replicas), len(replicas)),
    )


def _copy(connection: psycopg.Connection, table: str, own: Mapping[str, str]) -> None:
    found = connection.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,)).fetchall()
    names = [str(row[0]) for row in found]
    values = ", ".join(own.get(name, f'original."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    connection.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} AS original CROSS JOIN copy".encode())  # noqa: S608 - names of our own
