"""Whether a JSON document can be kept as it is, on every database and in every answer. It may not know what a field means."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

DEEPEST = 32
"""Levels: what nests deeper is an attack or a mistake, and every reader of it would have to fear for its stack."""
_UNKEPT = re.compile("[\x00\ud800-\udfff]")  # NUL, and half a surrogate pair: PostgreSQL keeps neither, and UTF-8 has no second

_SIMPLE = frozenset({int, bool, type(None)})
_NAMES = frozenset({str})

Found = list[tuple[str, str]]
"""Where, and what is wrong there."""


def keepable(document: object, found: Found) -> object:
    """The document, or a copy without what cannot be kept; each piece that was left out is added to `found`."""
    # Nearly every document is fine, and saying where each piece stands takes four times as long as looking at it.
    texts: list[str] = []
    return document if _is_shaped([document], -1, texts) and _is_text("".join(texts)) else _kept(document, found, "", 0)


def _is_text(text: str) -> bool:
    """Whether it can be kept; of texts in a row, whether each can."""
    # Most are ASCII, and a text knows whether it is.
    return "\x00" not in text if text.isascii() else _UNKEPT.search(text) is None


def _is_shaped(value: Any, depth: int, texts: list[str]) -> bool:  # noqa: ANN401 - a dict or list of anything; what mypy could follow is slower
    """Whether all in it can be kept but for its texts, which are gathered.

    Types are exactly those that JSON is read as: of anything else a copy is made.
    """
    if depth >= DEEPEST:
        return False
    if type(value) is dict:
        if not _NAMES.issuperset(map(type, value)):
            return False
        texts += value
        value = value.values()
    for held in value:
        kind = type(held)
        if kind is str:
            texts.append(held)
        elif kind is dict or kind is list:
            if not _is_shaped(held, depth + 1, texts):
                return False
        elif kind not in _SIMPLE and not (kind is float and isfinite(held)):
            return False
    return True


def _kept(value: object, found: Found, path: str, depth: int) -> object:
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
            return {name: _kept(held, found, _beneath(path, name), depth + 1) for name, held in names}
        case list():
            return [_kept(held, found, _beneath(path, str(place)), depth + 1) for place, held in enumerate(value)]
        case _:
            return value


def _text(text: str, found: Found, path: str) -> str:
    kept = _UNKEPT.sub("\N{REPLACEMENT CHARACTER}", text)
    if kept != text:
        found.append((path, "holds a NUL or half a character (a lone surrogate)"))
    return kept


def _beneath(path: str, name: str) -> str:
    return f"{path}.{name[:60]}" if path else name[:60]
