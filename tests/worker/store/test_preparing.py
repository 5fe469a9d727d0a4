"""Whoever starts the system learns in one sentence whether the ledger can be used, and no password with it."""

from pathlib import Path

import pytest

from tests.worker.store.made import stored
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import LedgerUnusableError, prepare


def test_an_empty_database_is_made_ready_and_a_ready_one_is_left_as_it_is(database_url: str) -> None:
    prepare(database_url)
    ledger = Ledger(open_database(database_url, 1))
    job = stored(ledger)
    prepare(database_url)
    assert ledger.get(job.id) == job
    ledger.close()


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
