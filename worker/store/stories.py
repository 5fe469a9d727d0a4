"""A job's story: events as documents and back, so that what happened can be read by people and replayed through `decide`. It may not judge them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, get_args

from worker.core.events import Event
from worker.core.failures import Failure
from worker.core.states import State
from worker.store.sealing import UNSEALED, Sealer

_EVENTS: dict[str, type[Event]] = {event.__name__: event for event in get_args(Event)}

FIRST = "Enqueued"
"""How every story begins."""
ERASED = "Erased"
"""How one begins that retention has erased: what follows happened since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a story. `event` is the name of a class in `worker.core.events`, `FIRST` or `ERASED`."""

    at: datetime
    version: int
    event: str
    data: Mapping[str, Any]
    from_state: State | None
    to_state: State
    why: str
    rules: str | None = None
    """The digest of the rules that it was decided under; None: written before that was kept."""


def name_of(event: Event) -> str:
    """The event's name in the story."""
    return type(event).__name__


def data_of(event: Event) -> dict[str, Any]:
    """The event's fields as JSON: durations in seconds, failures by their word; without those that a story may not hold."""
    return {field.name: _plain(getattr(event, field.name)) for field in fields(event) if not field.metadata.get("untold")}


def event_from(name: str, data: Mapping[str, Any]) -> Event:
    """The event of a line. Raises KeyError for a name that is no event."""
    kind = _EVENTS[name]
    # A line that was written before a field was thought of has none: then the field's own default says what was meant.
    return kind(**{field.name: _rich(field.name, data[field.name]) for field in fields(kind) if field.name in data})


def line_from(row: Mapping[str, Any], sealer: Sealer = UNSEALED) -> Line:
    """The line of a row of `story`."""
    from_state = State(row["from_state"]) if row["from_state"] else None
    return Line(
        at=row["at"], version=row["version"], event=row["event"], data=sealer.open_document(row["data"]),
        from_state=from_state, to_state=State(row["to_state"]), why=row["why"], rules=row["rules"],
    )  # fmt: skip


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of any event
    match value:
        case timedelta():
            return value.total_seconds()
        case datetime():
            return value.isoformat()
        case Failure():
            return value.value
        case tuple():
            return list(value)
        case _:
            return value


def _rich(name: str, value: Any) -> Any:  # noqa: ANN401 - any field of any event
    match name:
        case "failure" | "account_fault" if value is not None:
            return Failure(value)
        case "made_at":
            return datetime.fromisoformat(value)
        case "retry_after" if value is not None:
            return timedelta(seconds=value)
        case "replica_ids" | "advice":
            return tuple(value)
        case _:
            return value
