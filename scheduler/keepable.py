"""Whether a JSON document can be kept as it is, on every database and in every answer. It may not know what a field means."""

import re
from collections.abc import Mapping
from math import isfinite

DEEPEST = 32
"""Levels: what nests deeper is an attack or a mistake, and every reader of it would have to fear for its stack."""
_UNKEPT = re.compile("[\x00\ud800-\udfff]")  # NUL, and half a surrogate pair: PostgreSQL keeps neither, and UTF-8 has no second

Found = list[tuple[str, str]]
"""Where, and what is wrong there."""


def keepable(value: object, found: Found, path: str = "", depth: int = 0) -> object:
    """A copy of the value without what cannot be kept; each piece that was left out is added to `found`."""
    match value:
        case str():
            return _text(value, found, path)
        case float() if not isfinite(value):
            found.append((path, "is no number that JSON knows"))
            return 0.0
        case Mapping() | list() if depth >= DEEPEST:
            found.append((path, f"is nested deeper than {DEEPEST} levels"))
            return None
        case Mapping():
            names = [(_text(str(name), found, _beneath(path, "(a name)")), held) for name, held in value.items()]
            return {name: keepable(held, found, _beneath(path, name), depth + 1) for name, held in names}
        case list():
            return [keepable(held, found, _beneath(path, str(place)), depth + 1) for place, held in enumerate(value)]
        case _:
            return value


def _text(text: str, found: Found, path: str) -> str:
    kept = _UNKEPT.sub("\N{REPLACEMENT CHARACTER}", text)
    if kept != text:
        found.append((path, "holds a NUL or half a character (a lone surrogate)"))
    return kept


def _beneath(path: str, name: str) -> str:
    return f"{path}.{name[:60]}" if path else name[:60]
