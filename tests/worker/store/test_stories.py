"""A story can be replayed: every event comes back from its document as it was."""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.core import events
from worker.core.events import Event
from worker.core.failures import Failure
from worker.core.job import ConversationId, Mark, ReplicaId
from worker.store.stories import data_of, event_from, name_of

# To the microsecond a float of seconds holds some 270 years; nobody is told to come back later than that.
WAITS = st.none() | st.timedeltas(timedelta(0), timedelta(days=90_000))

MOMENTS = st.datetimes(timezones=st.just(UTC), allow_imaginary=False).map(lambda one: one.replace(fold=0))


def untold(kind: type[Event]) -> list[str]:
    """Fields that a story may not hold."""
    return [field.name for field in fields(kind) if field.metadata.get("untold")]


def any_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    times = {timedelta | None: WAITS, datetime: MOMENTS}
    drawn = {field.name: times.get(field.type, st.from_type(field.type)) for field in fields(kind)}  # type: ignore[arg-type]
    return st.builds(kind, **drawn | {name: st.none() for name in untold(kind)})


@pytest.mark.parametrize("kind", get_args(Event))
@settings(max_examples=25)
@given(data=st.data())
def test_every_event_comes_back_from_its_document_as_it_was(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(any_of(kind))
    document: dict[str, Any] = json.loads(json.dumps(data_of(event)))
    back = event_from(name_of(event), document)
    assert back == event
    assert repr(back) == repr(event)  # a word of Failure equals its text, but is another type


def test_every_field_of_every_event_has_a_type_that_is_tried_here() -> None:
    plain: set[object] = {str, bool, str | None, Failure, Failure | None, timedelta | None, datetime}
    known = plain | {
        Mark,
        Mark | None,
        ReplicaId,
        ReplicaId | None,
        ConversationId,
        ConversationId | None,
        tuple[ReplicaId, ...],
        tuple[str, ...],
    }
    assert {field.type for kind in get_args(Event) for field in fields(kind) if field.name not in untold(kind)} <= known


def test_the_addresses_of_new_input_are_not_in_the_story() -> None:
    asked = events.RetryRequested({"train_image_url": "https://pictures.example/a.jpg?token=secret"})
    assert data_of(asked) == {}
    assert event_from("RetryRequested", data_of(asked)) == events.RetryRequested()


def test_a_line_from_before_a_field_was_thought_of_still_reads() -> None:
    assert event_from("PollUnread", {"detail": "503"}) == events.PollUnread("503")


def test_a_line_that_is_no_event_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        event_from("Enqueued", {})
