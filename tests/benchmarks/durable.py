"""What the ways in are measured on: a Valkey, and a PostgreSQL that writes to its disk before it says so. It may not enqueue, nor work a job."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from tests.broker import Broker
from tests.postgres import Postgres
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import prepare

_FOREIGN = ("REPLICAS_", "TAVUS_", "REDIS_", "DATABASE_", "FLOWER_", "WEB_")


@dataclass(frozen=True, slots=True)
class Durable:
    """The servers, and the migrated database that knows some voices: `anna`, and `voice 0` to `voice 99`."""

    database_url: str
    broker: Broker
    postgres: Postgres

    def environment(self, home: str) -> dict[str, str]:
        """What a process of ours is started with, and nothing that somebody has set for another."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)}
        own = {"DATABASE_URL": self.database_url, "REDIS_URL": self.broker.url, "TAVUS_API_KEY": "nobody asks", "REPLICAS_HOME": home}
        return clean | own

    def jobs(self) -> int:
        """How many there are."""
        with psycopg.connect(self.database_url) as connection:
            [[jobs]] = connection.execute("SELECT count(*) FROM job").fetchall()
        return int(jobs)


@contextmanager
def durable() -> Iterator[Durable]:
    """The servers, for as long as a `with` lasts."""
    postgres, broker = Postgres(), Broker().start()
    try:
        url = postgres.fresh()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = on")  # an answer promises that the job outlives a power cut
            connection.execute("SELECT pg_reload_conf()")
        prepare(url)
        database = open_database(url, 1)
        Ledger(database).keep_voices("default", ["anna", *(f"voice {number}" for number in range(100))], datetime.now(UTC))
        database.dispose()
        yield Durable(url, broker, postgres)
    finally:
        broker.stop()
        postgres.stop()
