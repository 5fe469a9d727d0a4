"""The migrations make exactly the schema that the code is written for, once, however many run them; and they keep what is there."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from tests.worker.store.made import an_attempt, at_once, changed, stored
from worker.store import migrate as module
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import alembic_config, migrate
from worker.store.tables import METADATA

PROCESS = (
    "import sys; from worker.store.database import open_database as o; from worker.store.migrate import migrate; migrate(o(sys.argv[1], 1))"
)
HEAD = ScriptDirectory(f"{Path(module.__file__).parent}/migrations").get_current_head()
REBUILD = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "test", "{HEAD}", None, None
def upgrade():
    with op.batch_alter_table("job") as job:
        job.alter_column("progress", new_column_name="progressed", existing_type=sa.String())
"""


def schema(database: Engine) -> dict[str, dict[str, Any]]:
    """Everything that the database itself says of its tables."""
    told = inspect(database)
    names = [name for name in told.get_table_names() if name != "alembic_version"]
    return {
        name: {
            "columns": [column | {"type": repr(column["type"])} for column in told.get_columns(name)],
            "key": told.get_pk_constraint(name),
            "references": told.get_foreign_keys(name),
            "unique": sorted(told.get_unique_constraints(name), key=repr),
            "indexes": sorted(str(index | {"dialect_options": _words(index)}) for index in told.get_indexes(name)),
        }
        for name in sorted(names)
    }


def _words(index: Mapping[str, Any]) -> dict[str, str]:
    """What only one kind of database knows of an index, such as the condition of a partial one, in its words."""
    return {name: str(value) for name, value in index.get("dialect_options", {}).items()}


def upgrade_with(revision: str, database: Engine, folder: Path) -> None:
    """Upgrade as if this had come after our own revisions."""
    (folder / "test.py").write_text(revision)
    config = alembic_config(database)
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{Path(module.__file__).parent}/migrations/versions\n{folder}")
    command.upgrade(config, "head")


def test_the_migrations_make_what_the_tables_say(database: Engine) -> None:
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_migrations_make_what_the_tables_would_make_by_themselves(
    database: Engine, tmp_path: Path, postgres_url: Callable[[], str]
) -> None:
    other = open_database(f"sqlite:///{tmp_path}/other.db" if database.dialect.name == "sqlite" else postgres_url(), 1)
    METADATA.create_all(other)
    assert schema(database) == schema(other)
    other.dispose()


def test_migrating_again_changes_nothing_and_loses_nothing(database: Engine) -> None:
    ledger = Ledger(database)
    job, before = stored(ledger), schema(database)
    migrate(database)
    assert schema(database) == before
    assert ledger.get(job.id) == job


def test_threads_that_migrate_at_once_do_it_once(database_url: str) -> None:
    database = open_database(database_url, 4)
    at_once(lambda _: migrate(database), threads=4)
    assert Ledger(database).recent(1) == []
    database.dispose()


def test_processes_that_migrate_at_once_do_it_once(database_url: str) -> None:
    started = [Popen([sys.executable, "-c", PROCESS, database_url], stderr=PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[1] for process in started] == [""] * 4
    assert [process.returncode for process in started] == [0] * 4
    database = open_database(database_url, 1)
    assert Ledger(database).recent(1) == []
    database.dispose()


def test_a_table_that_others_refer_to_can_be_rebuilt_with_its_rows(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, 1)
    migrate(database)
    ledger = Ledger(database)
    job = stored(ledger)
    changed(ledger, job, progress="40/100", attempts=(an_attempt(job),))
    upgrade_with(REBUILD, database, tmp_path)
    with database.connect() as connection:
        assert connection.execute(text("SELECT progressed FROM job JOIN attempt ON job_id = job.id")).scalars().all() == ["40/100"]
        if database.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.dispose()


def test_a_failed_migration_leaves_everything_as_it_was(database: Engine, tmp_path: Path) -> None:
    before = schema(database)
    with pytest.raises(RuntimeError, match="the power went"):
        upgrade_with(f"{REBUILD}    raise RuntimeError('the power went')\n", database, tmp_path)
    assert schema(database) == before
