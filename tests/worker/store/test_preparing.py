"""Whoever starts the system learns in one sentence whether the ledger can be used, and no password with it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.worker.store.made import stored
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import LOCK, LedgerUnusableError, migrate, prepare, revision_of

_A_WHILE_SECONDS = 0.5


def test_an_empty_database_is_made_ready_and_a_ready_one_is_left_as_it_is(database_url: str) -> None:
    prepare(database_url)
    ledger = Ledger(open_database(database_url, 1))
    job = stored(ledger)
    prepare(database_url)
    assert ledger.get(job.id) == job
    ledger.close()


def test_a_database_that_newer_code_has_migrated_is_left_as_it_is(database_url: str) -> None:
    prepare(database_url)
    database = open_database(database_url, 1)
    ledger = Ledger(database)
    job = stored(ledger)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerUnusableError, match="at revision 9999, which is newer than this code"):
        prepare(database_url)
    assert revision_of(database_url).here == "9999"
    assert ledger.get(job.id) == job
    ledger.close()


def test_who_comes_while_another_migrates_waits_until_it_is_done(database_url: str) -> None:
    prepare(database_url)
    other, database = open_database(database_url, 1), open_database(database_url, 1)
    with other.begin() as connection, ThreadPoolExecutor(1) as threads:
        if connection.dialect.name == "postgresql":  # on SQLite whoever writes has the file to himself
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        second = threads.submit(migrate, database)
        with pytest.raises(TimeoutError):
            second.result(timeout=_A_WHILE_SECONDS)
        connection.commit()
        second.result()
    for one in (other, database):
        one.dispose()


@pytest.mark.parametrize("url", ["postgresql://user:secret@127.0.0.1:1/name", "mysql://user:secret@127.0.0.1/name"])
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str) -> None:
    with pytest.raises(LedgerUnusableError) as unusable:
        prepare(url)
    assert url.replace("secret", "***") in str(unusable.value)
    assert "secret" not in str(unusable.value)
    assert "\n" not in str(unusable.value)


@pytest.mark.parametrize("path", ["", "file/below"])
def test_a_place_where_no_file_can_be_is_no_ledger(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnusableError, match="correct DATABASE_URL"):
        prepare(f"sqlite:///{tmp_path / path}")
