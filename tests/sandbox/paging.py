"""The `limit` and `page` of a list, and the slice they mean. It cuts; it does not choose or order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.sandbox.answers import bad

# The default of 10 and the 1-based page are documented for voices, conversations and personas (Tavus, OpenAPI, 2026-08); for replicas
# neither they nor the cap are, and 100 is what the official client asks for.
_DEFAULT_LIMIT = 10
_MOST = 100
_LONGEST = 9
"""Digits of a number that a person could mean."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    limit: int = _DEFAULT_LIMIT
    number: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Page":
        """Read `limit` (capped in silence) and `page`, or 400. Page 0 is the first too: the official client asks for voices so."""
        number = 1 if query.get("page") == "0" else _positive(query, "page", 1)
        return cls(min(_positive(query, "limit", _DEFAULT_LIMIT), _MOST), number)

    def cut(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows of this page; none past the end."""
        start = (self.number - 1) * self.limit
        return rows[start : start + self.limit]


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None or text == "":
        return default
    if not text.isdecimal() or len(text) > _LONGEST or int(text) < 1:
        raise bad(f"Invalid {name}")
    return int(text)
