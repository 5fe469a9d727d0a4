"""The rules that decisions were made under: kept once each, by their digest, so that a story can be replayed under its own. It may not apply them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from worker.core.job import Terms
from worker.core.rules import Rules
from worker.store.rows import terms_columns, terms_from
from worker.store.tables import METADATA

RULES = METADATA.tables["rules"]
_DIGEST = 12  # hexadecimal characters: 48 bits for what is a handful of documents
_NAMES = tuple(field.name for field in fields(Rules) if field.name not in {"plan", "learned"})  # they move looks, and no job


Rulebook = dict[str, tuple[Rules, Terms]]
"""All that decisions were made under, by digest."""


@lru_cache(maxsize=256)  # an account's terms and a process' rules: a handful
def digest_of(rules: Rules, terms: Terms) -> str:
    """What the rules and the terms are called in a story."""
    return hashlib.sha256(json.dumps(_document(rules, terms), sort_keys=True).encode()).hexdigest()[:_DIGEST]


def keep(connection: Connection, rules: Rules, terms: Terms) -> None:
    """Write them down, unless they are there."""
    upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"digest": digest_of(rules, terms), "document": _document(rules, terms)}
    connection.execute(upsert(RULES).values(row).on_conflict_do_nothing())


def read(connection: Connection) -> Rulebook:
    """All that were ever kept, by digest."""
    found = connection.execute(select(RULES.c.digest, RULES.c.document))
    return {row.digest: (_rules_from(row.document["rules"]), terms_from(row.document["terms"])) for row in found}


def _document(rules: Rules, terms: Terms) -> dict[str, Any]:
    plain = {name: getattr(rules, name) for name in _NAMES}
    seconds = {name: value.total_seconds() if isinstance(value, timedelta) else value for name, value in plain.items()}
    return {"rules": seconds, "terms": terms_columns(terms)}


def _rules_from(document: Mapping[str, Any]) -> Rules:
    """Rules of a version that knew other fields: what it did not know has its default, what is not known any more is left out."""
    defaults = Rules()
    known: dict[str, Any] = {name: document[name] for name in _NAMES if name in document}
    durations = {name: timedelta(seconds=value) for name, value in known.items() if isinstance(getattr(defaults, name), timedelta)}
    return replace(defaults, **(known | durations))
