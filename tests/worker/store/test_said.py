"""What goes past SQLAlchemy means what it would mean through it: the same rows, the same errors, and a lost line is nobody's a second time."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, String, bindparam, column, func, literal, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.types import TypeDecorator

from tests.worker.store.conftest import POSTGRESQL
from tests.worker.store.made import NOW, stored
from worker.store.columns import Moment
from worker.store.database import UNREACHABLE, lasting
from worker.store.jobs import Ledger
from worker.store.said import Said, rows
from worker.store.tables import METADATA

JOB = METADATA.tables["job"]
_OF_JOB = select(JOB.c.id, JOB.c.due_at, JOB.c.request, JOB.c.version).where(JOB.c.id == bindparam("wanted"))


@pytest.fixture
def postgres_ledger(database: Engine) -> Iterator[Ledger]:
    """A ledger on PostgreSQL."""
    ledger = Ledger(database)
    yield ledger
    ledger.close()


on_postgres = pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)


def test_the_rows_are_those_that_sqlalchemy_gives(ledger: Ledger) -> None:
    job = stored(ledger, due_at=NOW)
    change = update(JOB).where(JOB.c.id == bindparam("wanted")).values(version=7, due_at=bindparam("then", type_=Moment))
    with ledger._database.begin() as connection:
        assert [tuple(row) for row in rows(connection, _OF_JOB, {"wanted": job.id})] == [
            tuple(row) for row in connection.execute(_OF_JOB, {"wanted": job.id})
        ]
        moved = rows(connection, change.returning(JOB.c.due_at, JOB.c.version), {"wanted": job.id, "then": NOW})
        assert [tuple(row) for row in moved] == [(NOW, 7)]
        assert list(rows(connection, _OF_JOB, {"wanted": "nobody"})) == []


def test_what_stands_in_a_statement_is_said_as_it_stands(ledger: Ledger) -> None:
    asked = select(literal("100 %").label("a"), literal("it's :this").label("b"), func.length(bindparam("c", type_=String)).label("c"))
    with ledger._database.connect() as connection:
        assert [tuple(row) for row in rows(connection, asked, {"c": "%s"})] == [("100 %", "it's :this", 2)]


@on_postgres
def test_a_line_that_was_lost_is_an_error_once_and_a_new_one_is_there_for_the_next(postgres_ledger: Ledger) -> None:
    job, database = stored(postgres_ledger), lasting(postgres_ledger._database)
    with database.connect() as connection, database.connect() as other:
        number = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr] # psycopg's
        other.execute(text("SELECT pg_terminate_backend(:number, 5000)"), {"number": number})
        with pytest.raises(OperationalError) as lost:
            rows(connection, _OF_JOB, {"wanted": job.id})
        assert lost.value.connection_invalidated
        assert isinstance(lost.value, UNREACHABLE)
        assert connection.invalidated
    for _ in range(3):
        with database.connect() as connection:
            assert rows(connection, _OF_JOB, {"wanted": job.id})[0][0] == job.id


@on_postgres
def test_a_line_that_is_closed_already_is_an_error_that_says_so(postgres_ledger: Ledger) -> None:
    job, database = stored(postgres_ledger), lasting(postgres_ledger._database)
    with database.connect() as connection:
        connection.connection.driver_connection.close()  # type: ignore[union-attr] # psycopg's
        with pytest.raises(OperationalError) as lost:
            rows(connection, _OF_JOB, {"wanted": job.id})
        assert lost.value.connection_invalidated
    with database.connect() as connection:
        assert rows(connection, _OF_JOB, {"wanted": job.id})[0][0] == job.id


@on_postgres
def test_an_error_is_sqlalchemys_and_says_nothing_of_what_was_written(postgres_ledger: Ledger) -> None:
    first, second = stored(postgres_ledger), stored(postgres_ledger)
    change = update(JOB).where(JOB.c.id == bindparam("wanted")).values(id=bindparam("secret")).returning(JOB.c.id)
    with pytest.raises(IntegrityError) as refused, lasting(postgres_ledger._database).connect() as connection:
        rows(connection, change, {"wanted": second.id, "secret": first.id})
    assert refused.value.params is not None
    assert "[SQL parameters hidden" in str(refused.value)
    with pytest.raises(StatementError) as odd, lasting(postgres_ledger._database).connect() as connection:
        rows(connection, select(bindparam("then", type_=Moment)), {"then": datetime(2026, 1, 1)})  # noqa: DTZ001 - that is what is wrong with it
    assert "no time zone" in str(odd.value)
    assert postgres_ledger.get(second.id) == second


@on_postgres
def test_a_column_that_would_have_to_be_read_anew_is_refused_when_the_statement_is_made(database: Engine) -> None:
    class Loud(TypeDecorator[str]):
        impl, cache_ok = String, True

        def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's signature
            del dialect
            return value.upper()

    with pytest.raises(TypeError, match="read anew"):
        Said(select(column("id", Loud())).select_from(JOB), database.dialect)
