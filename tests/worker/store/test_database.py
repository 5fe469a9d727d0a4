"""Both databases keep the same promises: writers wait for each other, readers for nobody, and a reader sees one moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaitingError
from functools import partial
from pathlib import Path

import pytest
from psycopg import _queries
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.worker.store.conftest import POSTGRESQL
from tests.worker.store.made import THREADS, a_job, an_attempt, at_once, changed, stored
from worker.core.request import Request
from worker.store.database import open_database, reading
from worker.store.jobs import Ledger

COUNT = text("SELECT count(*) FROM job")


def test_a_writer_waits_for_another_instead_of_failing(sqlite_ledger: Ledger) -> None:
    with ThreadPoolExecutor(1) as pool:
        with sqlite_ledger._database.begin():
            second = pool.submit(stored, sqlite_ledger)
            with pytest.raises(StillWaitingError):
                second.result(timeout=0.3)
        assert sqlite_ledger.get(second.result().id) == second.result()


def test_many_who_write_at_once_all_get_their_turn(ledger: Ledger) -> None:
    def write(_number: int) -> None:
        for _ in range(5):
            changed(ledger, stored(ledger), detail="written")

    at_once(write)
    assert [job.detail for job in ledger.recent(99)] == ["written"] * 5 * THREADS


def test_those_that_open_a_new_file_at_once_all_may_write(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        engine = open_database(f"sqlite:///{path}", 1)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS written (number INTEGER)"))
        engine.dispose()

    for number in range(40):
        at_once(partial(lambda path, _: write(path), tmp_path / f"{number}.db"))


def test_a_reader_waits_for_no_writer_and_sees_one_moment(ledger: Ledger) -> None:
    stored(ledger)
    with reading(ledger._database).connect() as reader:
        assert reader.execute(COUNT).scalar() == 1
        with ledger._database.begin() as writer:
            writer.execute(text("UPDATE job SET detail = 'not committed'"))
            assert ledger.recent(9)[0].detail is None
        stored(ledger)
        assert reader.execute(COUNT).scalar() == 1
    assert len(ledger.recent(9)) == 2


def test_an_engine_for_readers_leaves_the_one_for_writers_as_it_was(ledger: Ledger) -> None:
    for _ in range(2 * THREADS):
        ledger.recent(1)
    assert at_once(lambda _: ledger.add(a_job(), "fingerprint", ring=None).created) == [True] * THREADS


def test_a_row_that_refers_to_no_job_is_refused(database: Engine) -> None:
    orphan = text("INSERT INTO attempt (job_id, number, mark, intended_at, fixer, outcome) VALUES ('x', 1, 'm', :now, false, 'reserved')")
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), database.begin() as connection:
        connection.execute(orphan, {"now": "2026-11-01 12:00:00"})


def test_an_error_says_nothing_of_what_was_written(ledger: Ledger) -> None:
    job = a_job(request=Request(replica={"train_image_url": "https://b.example/a.jpg?X-Amz-Signature=SECRET"}))
    ledger.add(job, "fingerprint", ring=None)
    with pytest.raises(IntegrityError) as refused:
        ledger.add(job, "fingerprint", ring=None)
    assert "SECRET" not in f"{refused.value} {refused.value!r}"


def test_a_commit_on_sqlite_is_on_the_disk_before_it_is_answered(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger._database.connect() as connection:
        settings = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_any_postgresql_address_that_people_paste_means_the_driver_that_is_here(scheme: str) -> None:
    assert open_database(f"{scheme}://user:secret@host/name", 1).url == create_engine("postgresql+psycopg://user:secret@host/name").url


def test_what_is_said_at_every_step_is_read_by_the_driver_once(migrated: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(migrated(POSTGRESQL), 1)
    ledger = Ledger(database)
    job = stored(ledger)
    for fixer in (True, False):
        job = changed(ledger, job, attempts=(an_attempt(job, fixer=fixer),))
    monkeypatch.delattr(_queries, "_query2pg_nocache")  # with which it reads what it does not keep
    assert changed(ledger, job, attempts=(an_attempt(job, fixer=True),)).attempt.fixer
    database.dispose()


@pytest.mark.parametrize("url", ["mysql://user:secret@host/name", "sqlite://", "sqlite:///:memory:"])
def test_a_ledger_is_never_anywhere_else_nor_in_memory_alone(url: str) -> None:
    with pytest.raises(ValueError, match="never in memory alone") as refused:
        open_database(url, 1)
    assert "secret" not in str(refused.value)
