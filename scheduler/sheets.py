"""Reads lists of requests from files: CSV, a request a row, and JSON lines. It may not judge a request: the door does that."""

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler.producers import Asked

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "image": ("replica", "train_image_url"),
    "video": ("replica", "train_video_url"),
    "consent": ("replica", "consent_video_url"),
    "voice": ("replica", "voice_name"),
    "voice_id": ("replica", "default_voice_id"),
    "name": ("replica", "replica_name"),
    "model": ("replica", "model_name"),
    "start": ("conversation", "start"),
    "persona": ("conversation", "persona_id"),
    "account": ("account",),
    "key": ("idempotency_key",),
    "priority": ("priority",),
    "auto_fix": ("auto_fix",),
    "notify_url": ("notify_url",),
    "provider": ("source_url_provider",),
    "affirmed_by": ("consent", "affirmed_by"),
    "affirmed_at": ("consent", "affirmed_at"),
    "statement": ("consent", "statement"),
}
"""What a CSV's columns are called, and where in a request they go; beside these `metadata.ANYTHING`."""
_NOTE = "metadata."
_WHOLE = re.compile("-?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Row:
    """A request, or why there is none. `line`: where in the file it begins, counted from 1."""

    line: int
    asked: Asked = field(repr=False)
    problem: str | None = None


def rows_of_csv(lines: Iterable[str]) -> Iterator[Row]:
    """A request for each row under the header. Raises ValueError for a header with a column that nobody knows."""
    reader, twins = csv.reader(lines, strict=True), Counter[str]()
    try:
        header = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]  # a spreadsheet's mark that it is UTF-8
    except csv.Error as error:
        raise ValueError(f"the header is no CSV: {error}") from error
    _require_known(header)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, Asked(None), f"is no CSV: {error}")
            continue
        if any(cells) and len(cells) != len(header):
            yield Row(line, Asked(None), f"has {len(cells)} cells, and the header {len(header)}")
        elif any(cells):
            yield Row(line, _keyed(_request(header, cells), twins))


def rows_of_json_lines(lines: Iterable[str]) -> Iterator[Row]:
    """A request for each line that is not empty."""
    twins = Counter[str]()
    for number, line in enumerate(lines, start=1):
        try:
            if line.strip():
                yield Row(number, _keyed(json.loads(line), twins))
        except (ValueError, RecursionError):
            yield Row(number, Asked(None), "is no JSON")


def _require_known(header: list[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS and not (name.startswith(_NOTE) and name != _NOTE)]
    twice = [name for name, times in Counter(header).items() if times > 1]
    if unknown or twice or not header:
        wrong = f"does not know the column {unknown[0][:60]!r}" if unknown else f"has {twice[0]!r} twice" if twice else "is empty"
        raise ValueError(f"the first line {wrong}; columns are {', '.join(COLUMNS)} and {_NOTE}ANYTHING")


def _request(header: list[str], cells: list[str]) -> dict[str, Any]:
    """An empty cell says nothing."""
    request: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        text = cell.strip()
        *path, last = COLUMNS.get(name) or ("metadata", name.removeprefix(_NOTE))
        place = request
        for part in path if text else ():
            place = place.setdefault(part, {})
        if text:
            place[last] = int(text) if name == "priority" and _WHOLE.fullmatch(text) else text
    return request


def _keyed(document: object, twins: Counter[str]) -> Asked:
    """Under a key that the same request has whenever the file is read again; the second of two equal requests in one file is another job."""
    # A file that is sent twice must not be paid for twice, and whoever means it can write keys of his own.
    same = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]
    twins[same] += 1
    return Asked(document, key=f"file-{same}-{twins[same]}")
