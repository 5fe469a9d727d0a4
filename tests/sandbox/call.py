"""A request as a value, and the same once it has been let in: whose it is, and in which of the vendor's two vocabularies. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.sandbox.accounts import Account


@dataclass(frozen=True, slots=True)
class Request:
    """What is needed of an HTTP request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    """The header x-api-key."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has been let in."""

    account: Account
    one: str
    """The id in the path, or nothing."""
    noun: str
    """`replica` or `face`: the same endpoints in the old words and the new (Tavus, List Faces, 2026)."""
    query: Mapping[str, str]
    body: Mapping[str, Any]
    now: datetime

    @property
    def is_verbose(self) -> bool:
        """Whether the caller asked for more."""
        return self.query.get("verbose", "").lower() in ("true", "1")

    def word(self, ending: str) -> str:
        """A key in the words of the path: `replica_id` or `face_id`."""
        return f"{self.noun}_{ending}"

    def worded(self, row: Mapping[str, object]) -> dict[str, object]:
        """A row in the words of the path."""
        return {name.replace("replica_", f"{self.noun}_", 1) if name.startswith("replica_") else name: value for name, value in row.items()}
