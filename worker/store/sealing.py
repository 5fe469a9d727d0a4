"""Secrets that the ledger must be able to read again, encrypted at rest: Fernet, with rotation. It may not keep a key, or a text, where it shows.

The first key seals and every key opens, so a new key is put in front of the old one, `replicas reseal` seals everything anew, and then the old one
can go. Without a key nothing is sealed, and nothing is lost: what is sealed says so by its first characters.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

SEALED = "sealed:v1:"
"""How every sealed text begins. No address does, and no secret of ours."""
_WHOLE = "sealed"  # the one name in a sealed document; no document that is stored has a field of that name
_OPTION = "sealer"


class UnsealableError(ValueError):
    """The text cannot be opened, or could not be told from a sealed one. It is not repeated."""


class Sealer:
    """Seals and opens texts. `keys`: Fernet keys, the newest first; without any, both directions give what they are given. Thread-safe."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """Raises ValueError for what is no Fernet key, without repeating it."""
        self._fernets: tuple[Fernet, ...] = _fernets(keys) if keys else ()

    @property
    def seals(self) -> bool:
        """Whether there is a key."""
        return bool(self._fernets)

    def seal(self, text: str) -> str:
        """The text as it may be stored: `open(seal(text)) == text`. Raises UnsealableError for one that looks sealed, where there is no key."""
        if self._fernets:
            # Half a surrogate pair has no bytes of its own in UTF-8, and whatever came in must come out.
            return SEALED + self._fernets[0].encrypt(text.encode("utf-8", "surrogatepass")).decode("ascii")
        if text.startswith(SEALED):
            raise UnsealableError(f"a text that begins with {SEALED} would be taken for a sealed one")
        return text

    def open(self, text: str) -> str:
        """What was sealed, with whichever of the keys; a text that is not sealed as it is. Raises UnsealableError."""
        if not text.startswith(SEALED):
            return text
        for fernet in self._fernets:
            if (opened := _opened(fernet, text)) is not None:
                return opened
        raise UnsealableError("it was sealed with a key that is not here: name that key in REPLICAS_ENCRYPTION_KEY, after the newest one")

    def resealed(self, text: str) -> str | None:
        """The text sealed with the first key; None when it is so already. Needs a key. Raises UnsealableError."""
        if text.startswith(SEALED) and _opened(self._fernets[0], text) is not None:
            return None
        return self.seal(self.open(text))

    def seal_document(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """The document as it may be stored: sealed as a whole, so that nothing that is added to it later can be forgotten."""
        return {_WHOLE: self.seal(json.dumps(document))} if self._fernets else document

    def open_document(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was sealed; a document that is not sealed as it is. Raises UnsealableError."""
        if not is_sealed(document):
            return document
        opened: Mapping[str, Any] = json.loads(self.open(document[_WHOLE]))
        return opened

    def resealed_document(self, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The same as `resealed`, of a document."""
        if not is_sealed(document):
            return self.seal_document(document)
        sealed = self.resealed(document[_WHOLE])
        return None if sealed is None else {_WHOLE: sealed}


UNSEALED = Sealer()
"""For who has no key."""


def with_sealer(database: Engine, sealer: Sealer) -> Engine:
    """The same database, of whose connections `sealer_of` gives this one. Who has no key pays nothing for it."""
    return database.execution_options(**{_OPTION: sealer}) if sealer.seals else database


def sealer_of(connection: Connection) -> Sealer:
    """What seals and opens the secrets of this connection's rows."""
    sealer: Sealer = connection.get_execution_options().get(_OPTION, UNSEALED)
    return sealer


def sealed_job(connection: Connection, columns: dict[str, Any]) -> dict[str, Any]:
    """Columns of a job as they are stored: what was asked for, and where its conversation is, are sealed."""
    sealer = sealer_of(connection)
    if not sealer.seals:
        return columns
    if "request" in columns:
        columns["request"] = sealer.seal_document(columns["request"])
    if columns.get("conversation_url") is not None:
        columns["conversation_url"] = sealer.seal(columns["conversation_url"])
    return columns


def sealed_line(connection: Connection, columns: dict[str, Any]) -> dict[str, Any]:
    """A line of a story as it is stored: what an event says is sealed where it names an address, or a person."""
    sealer = sealer_of(connection)
    if sealer.seals and holds_secret(columns["data"]):
        columns["data"] = sealer.seal_document(columns["data"])
    return columns


def sealed_word(connection: Connection, columns: dict[str, Any]) -> dict[str, Any]:
    """What a caller is told, as it is stored: a conversation may be in it, word for word."""
    sealer = sealer_of(connection)
    return columns | {"about": sealer.seal_document(columns["about"])} if sealer.seals else columns


def is_sealed(document: Mapping[str, Any]) -> bool:
    """Whether the document was sealed as a whole."""
    return _WHOLE in document


def holds_secret(data: Mapping[str, Any]) -> bool:
    """Whether an event's document names an address anywhere, or who affirmed the rights to the input."""
    return "consent" in data or "://" in json.dumps(data)


def _fernets(keys: Sequence[str]) -> "tuple[Fernet, ...]":
    from cryptography.fernet import Fernet  # noqa: PLC0415 - 50 ms and some megabytes, which only who has a key should pay for

    return tuple(Fernet(key) for key in keys)


def _opened(fernet: "Fernet", text: str) -> str | None:
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - it is there already, see above

    try:
        return fernet.decrypt(text[len(SEALED) :]).decode("utf-8", "surrogatepass")
    except (InvalidToken, ValueError):  # ValueError: not even ASCII
        return None
