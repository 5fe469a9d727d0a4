"""Seals the ledger's secrets anew with the first key: those that an older key sealed, and those that none did. It may not change what they say.

It walks the tables in portions, each a transaction of its own, so it may be stopped anywhere and begun again: what is sealed anew already is passed
over. Nobody's version is counted up, for nothing happens to a job.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, tuple_, update

from worker.store.sealing import Sealer, holds_secret, is_sealed, sealer_of
from worker.store.tables import METADATA

_TOGETHER = 500  # rows in a transaction: SQLite's other writers wait for it, some milliseconds


Key = tuple[Any, ...]
"""The values of a row's primary key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a table keeps secrets: columns of text, columns of documents, and of documents that are sealed only where `holds_secret` says so."""

    table: str
    key: tuple[str, ...]
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


KEPT = (
    Kept("job", ("id",), texts=("conversation_url",), documents=("request",)),
    Kept("story", ("id",), told=("data",)),
    Kept("signing_secret", ("caller", "number"), texts=("sealed",)),
    Kept("notification", ("id",), documents=("about",)),
    Kept("inbox", ("id",), documents=("body",)),
    Kept("recurring", ("name",), documents=("request",)),
)
"""Every place. A table that comes to keep a secret gets a line here. What opens a private room is not among them: REPLICAS_SECRET seals that."""


def reseal(database: Engine) -> Iterator[int]:
    """Seal anew in a database of `with_sealer`; for each portion how many rows were changed.

    Raises UnsealableError where a key is missing: that portion stays as it is.
    """
    for kept in KEPT:
        after: Key | None = None
        while True:
            with database.begin() as connection:
                after, changed = _portion(connection, kept, after)
            if after is None:
                break
            yield changed


def _portion(connection: Connection, kept: Kept, after: Key | None) -> tuple[Key | None, int]:
    """The last key of the portion after that one, None if there is none; and how many rows of it were changed."""
    table = METADATA.tables[kept.table]
    key = [table.c[name] for name in kept.key]
    wanted = select(*key, *(table.c[name] for name in (*kept.texts, *kept.documents, *kept.told))).order_by(*key).limit(_TOGETHER)
    # Locked by their keys, as everybody does; who writes to one of them meanwhile waits, and writes over a row that says the same.
    rows = connection.execute((wanted if after is None else wanted.where(tuple_(*key) > tuple_(*after))).with_for_update()).all()
    sealer = sealer_of(connection)
    fresh = [(tuple(row)[: len(key)], _fresh(row, kept, sealer)) for row in rows]
    changes = [(found, values) for found, values in fresh if values]
    for found, values in changes:
        same = (column == value for column, value in zip(key, found, strict=True))
        connection.execute(update(table).where(*same).values(values))
    return (fresh[-1][0] if fresh else None), len(changes)


def _fresh(row: Row[Any], kept: Kept, sealer: Sealer) -> dict[str, Any]:
    """The columns that are not sealed with the first key, sealed with it."""
    held = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    texts = {name: sealer.resealed(held[name]) for name in kept.texts if held[name]}
    documents = {name: sealer.resealed_document(held[name]) for name in (*kept.documents, *kept.told) if _is_due(name, held[name], kept)}
    return {name: sealed for name, sealed in (texts | documents).items() if sealed is not None}


def _is_due(name: str, document: Mapping[str, Any] | None, kept: Kept) -> bool:
    if document is None:
        return False
    return name in kept.documents or is_sealed(document) or holds_secret(document)
