"""Tavus' JSON to our values, read leniently: two names for each key, two words for success, HTML where JSON was due. It may not judge a failure.

`/v2/replicas` answers with `replica_*` keys and `/v2/faces` with `face_*` (Tavus, List Faces, 2026-06); GET says `completed` where the webhook says
`ready` (Tavus, Webhooks and Callbacks, 2026-02); errors stand under `error` or `message`.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

from worker.core.job import ConversationId, ReplicaId
from worker.redaction import redacted

Item = TypeVar("Item")
Document = Mapping[str, Any]

TWO_STAGE = "phoenix-4.5"
"""Its `completed` is a watermarked preview; `finetune_status` says when it is done (Tavus, Phoenix-4.5 Preview and Status, 2026-06)."""
_SAID = 300  # characters of what Tavus says that are kept: enough for its longest documented sentence
_READ = 4000  # characters that are looked at for that: redaction of megabytes takes seconds
_TEXTS = 50  # texts of an answer that are put together, when none of them is known to be the error's
_PROGRESS = 20  # characters of it
_HUNDREDTHS = re.compile(r"\d{1,3}/100", re.ASCII)
# An id goes into paths and lists: one that could lead elsewhere is none. Tavus' own are a letter and some ten hexadecimal digits.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TRAINED, _FAILED = frozenset({"completed", "ready"}), frozenset({"error"})


class Training(StrEnum):
    """How a training stands. A word that nobody documented counts as going on: better one look too many than a wrong end."""

    GOES_ON = "goes_on"
    TRAINED = "trained"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as Tavus shows it. `document` is all it said, for the verdict on a failure.

    `name` is empty where Tavus shows that it has none, and None where the answer does not show its name.
    """

    id: ReplicaId
    name: str | None
    status: str
    progress: str | None
    model: str | None
    finetune: str | None
    created_at: str | None
    document: Document = field(repr=False)

    @property
    def error(self) -> str | None:
        """What Tavus says of its failure, where it says it in a place that is known."""
        return _text(self.document, "error_message", "message", "error", "detail")

    @property
    def is_usable(self) -> bool:
        """Whether conversations can be held with it, be it a preview."""
        return self.status in _TRAINED

    def is_two_stage(self, model: str) -> bool:
        """Whether `completed` is not the end; `model`: what was asked for, where the answer does not say."""
        return (self.model or model or (TWO_STAGE if self.finetune else "")) == TWO_STAGE

    def training(self, model: str) -> Training:
        """How its training stands; `model`: what was asked for, where the answer does not say."""
        if self.status in _FAILED:
            return Training.FAILED
        if self.status not in _TRAINED:
            return Training.GOES_ON
        if not self.is_two_stage(model) or self.finetune == "completed":
            return Training.TRAINED
        return Training.FAILED if self.finetune == "errored" else Training.GOES_ON


@dataclass(frozen=True, slots=True)
class RemoteConversation:
    """A conversation as Tavus shows it; `name` as for a replica. `meeting_token`: what opens a private room; only the answer to its POST has it."""

    id: ConversationId
    name: str | None
    replica_id: ReplicaId | None
    url: str | None
    status: str = ""
    meeting_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `total_count` is after the filters (Tavus, List Replicas, 2026-06)."""

    items: tuple[Document, ...] = field(repr=False)
    total_count: int


def parsed(content: bytes) -> object:
    """The JSON of a body; None when it is none, such as a proxy's HTML."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def replica_of(document: object) -> Replica | None:
    """The replica in an answer; None when there is no id in it."""
    if not isinstance(document, Mapping) or (replica_id := _id(document, "replica_id", "face_id")) is None:
        return None
    return Replica(
        id=ReplicaId(replica_id),
        name=_name(document, "replica_name", "face_name"),
        status=(_text(document, "status") or "").lower(),
        progress=_progress(_text(document, "training_progress") or ""),
        model=_text(document, "model_name"),
        finetune=_text(document, "finetune_status"),
        created_at=_text(document, "created_at"),
        document=document,
    )


def conversation_of(document: object) -> RemoteConversation | None:
    """The conversation in an answer; None when there is no id in it."""
    if not isinstance(document, Mapping) or (conversation_id := _id(document, "conversation_id")) is None:
        return None
    replica_id, url = _id(document, "replica_id", "face_id"), _text(document, "conversation_url")
    return RemoteConversation(
        id=ConversationId(conversation_id),
        name=_name(document, "conversation_name"),
        replica_id=ReplicaId(replica_id) if replica_id else None,
        url=url if url and url.isprintable() else None,
        status=(_text(document, "status") or "").lower(),
        meeting_token=_text(document, "meeting_token"),
    )


def page_of(document: object) -> Page | None:
    """The page in an answer; None when it does not look like one."""
    if not isinstance(document, Mapping):
        return None
    items, total = document.get("data"), document.get("total_count")
    if not isinstance(items, list) or type(total) is not int or not all(isinstance(item, Mapping) for item in items):
        return None
    return Page(tuple(items), total)


def all_of(items: tuple[Document, ...], read: Callable[[object], Item | None]) -> list[Item] | None:
    """Every item, read; None when one of them cannot be: then the list proves nothing."""
    found = [read(item) for item in items]
    return [item for item in found if item is not None] if None not in found else None


def said(document: object, content: bytes) -> str:
    """What Tavus says in an error, fit to be shown: `message`, then `error`, then all its texts, then the beginning of whatever it sent."""
    text = _text(document, "message", "error", "detail") if isinstance(document, Mapping) else None
    texts = ", ".join(f"{key}: {words}" if key else words for key, words in islice(texts_in(document), _TEXTS))
    return shown(text or texts or content[: 4 * _READ].decode("utf-8", "replace")) or "(nothing)"


def shown(text: str) -> str:
    """A stranger's words in one line, without secrets, and without what a database would not take, such as half a surrogate pair."""
    line = " ".join(redacted(text[:_READ]).split())[:_SAID]
    return "".join(character if character.isprintable() else "?" for character in line)


def texts_in(document: object) -> Iterator[tuple[str, str]]:
    """Every text in an answer with its key, whatever the nesting; texts of lists carry the list's key."""
    pending: deque[tuple[str, object]] = deque([("", document)])
    while pending:
        key, value = pending.popleft()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, Mapping):
            pending.extend((str(name), inner) for name, inner in value.items())
        elif isinstance(value, list):
            pending.extend((key, inner) for inner in value)


def _text(document: Mapping[Any, Any], *keys: str) -> str | None:
    for key in keys:  # no comprehension: lists have a hundred replicas, and each is asked for some ten texts
        value = document.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def _progress(text: str) -> str | None:
    """What is said of the progress; in the documented form there is nothing to be redacted, and lists have a hundred of them."""
    return text if _HUNDREDTHS.fullmatch(text) else shown(text)[:_PROGRESS] or None


def _id(document: Mapping[Any, Any], *keys: str) -> str | None:
    text = _text(document, *keys)
    return text if text and _ID.fullmatch(text) else None


def _name(document: Mapping[Any, Any], *keys: str) -> str | None:
    if (text := _text(document, *keys)) is not None:
        return text
    return "" if any(key in document and document[key] in (None, "") for key in keys) else None
