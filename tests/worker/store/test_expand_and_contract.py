"""Every migration leaves the code of the release before it at work: it adds, and takes nothing away, as the database itself is told it."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Engine, event

from worker.store.database import lasting, open_database
from worker.store.migrate import migrate, revisions

# What older code, which still runs, would fall over: what it reads is gone or called otherwise, or what it writes is refused.
_BREAKS = {
    "takes away": re.compile(r"\bDROP\b"),
    "renames": re.compile(r"\bRENAME\b"),
    "changes a column": re.compile(r"\bALTER COLUMN\b"),
    "asks for a value that older code does not write": re.compile(r"\bADD COLUMN\b(?!.*\bDEFAULT\b).*\bNOT NULL\b"),
    "forbids what older code may write": re.compile(r"\bADD (CONSTRAINT|CHECK|UNIQUE|FOREIGN KEY)\b|\bCREATE UNIQUE INDEX\b"),
    "rewrites rows": re.compile(r"^(UPDATE|DELETE|TRUNCATE)\b"),
}
_ALLOWED: Mapping[tuple[str, str], str] = {
    ("0002", "UPDATE attempt SET account"): "fills the column that it adds; older code does not know it, and reads it nowhere",
    ("0004", "DROP INDEX ix_job_due"): "an index is no promise: older code finds the same rows by the new one",
    ("0004", "DROP INDEX ix_job_account"): "the same",
}
_MOVED = re.compile(r"(?:INSERT INTO|UPDATE) alembic_version\b.*?'(\w+)'")


def told(database: Engine) -> list[tuple[str, str]]:
    """Every statement of every migration, in one line, with its revision."""
    said: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's signature
        said.append(" ".join(statement.split()))

    event.listen(lasting(database), "before_cursor_execute", hear)
    migrate(database)
    found, of_this = [], list[str]()
    for statement in said:
        if moved := _MOVED.match(statement):
            found += [(moved[1], one) for one in of_this]
            of_this = []
        else:
            of_this.append(statement)
    return found


def broken_by(statement: str) -> list[str]:
    """What it does that older code would fall over."""
    return [what for what, words in _BREAKS.items() if words.search(statement)]


def test_no_migration_takes_anything_from_the_code_before_it(database_url: str) -> None:
    database = open_database(database_url, 1)
    statements = told(database)
    database.dispose()
    assert {revision for revision, _ in statements} == set(revisions())
    allowed = {(revision, words) for revision, words in _ALLOWED for one, text in statements if one == revision and text.startswith(words)}
    assert allowed == set(_ALLOWED), "an exception that no migration needs any more"
    wrong = [(revision, text, broken_by(text)) for revision, text in statements if broken_by(text)]
    assert [one for one in wrong if not any(one[0] == revision and one[1].startswith(words) for revision, words in _ALLOWED)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE job",
        "ALTER TABLE job DROP COLUMN progress",
        "ALTER TABLE job RENAME COLUMN progress TO progressed",
        "ALTER TABLE job ALTER COLUMN progress TYPE INTEGER",
        "ALTER TABLE job ADD COLUMN more VARCHAR NOT NULL",
        "ALTER TABLE job ADD CONSTRAINT uq_job_mark UNIQUE (mark)",
        "CREATE UNIQUE INDEX ix_job_mark ON job (mark)",
        "DELETE FROM story",
    ],
)
def test_what_older_code_falls_over_is_seen(statement: str) -> None:
    assert broken_by(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE tally (series VARCHAR NOT NULL, CONSTRAINT pk_tally PRIMARY KEY (series))",
        "ALTER TABLE job ADD COLUMN more VARCHAR",
        "ALTER TABLE job ADD COLUMN more VARCHAR DEFAULT '' NOT NULL",
        "CREATE INDEX ix_job_more ON job (more) WHERE more IS NOT NULL",
    ],
)
def test_what_only_adds_is_let_through(statement: str) -> None:
    assert not broken_by(statement)
