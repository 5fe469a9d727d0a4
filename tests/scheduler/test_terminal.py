"""What a person at a terminal sees: whatever others wrote is shown as it is."""

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from scheduler import terminal
from tests.scheduler.made import in_hours
from worker.core.states import State

MARKUP = "[/red] [bold]loud[/bold] [not closed"


def a_document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the document
    document = {
        "id": "0000000000000000mm00000001", "state": "queued", "account": "default", "caller": "shop", "created_at": "2026-11-01T12:00:00+00:00",
        "due_at": None, "progress": None, "eta": None, "replica_id": None, "submissions": 0, "conversation": None, "failure": None,
    }  # fmt: skip
    return document | changes


def seen(shown: RenderableType) -> str:
    screen = io.StringIO()
    Console(file=screen, width=300).print(shown)
    return screen.getvalue()


def test_a_job_is_shown_with_what_matters() -> None:
    failure = {"code": "ImageQualityError", "detail": "too dark", "told": "Send a better picture."}
    text = seen(
        terminal.job(a_document(state="abandoned", failure=failure, conversation={"url": "https://talk.example/c1"}, replica_id="r1"))
    )
    assert all(
        word in text for word in ("abandoned", "ImageQualityError: too dark", "Send a better picture.", "https://talk.example/c1", "r1")
    )


def test_what_is_not_known_is_left_out() -> None:
    text = seen(terminal.job(a_document()))
    assert not any(word in text for word in ("ETA", "failure", "conversation", "None"))


def test_a_training_shows_its_next_look_and_an_honest_eta() -> None:
    eta = {"p50": in_hours(2.01).isoformat(), "p90": in_hours(3.01).isoformat(), "verdict": "late"}
    text = seen(terminal.job(a_document(state="training", progress="42/100", due_at=in_hours(0.51).isoformat(), eta=eta)))
    assert all(
        word in text for word in ("42/100", "in 30m", "half of such trainings end in 2h", "nine in ten in 3h", "no sign of a failure")
    )


def test_a_time_that_is_past_is_now() -> None:
    assert "now" in seen(terminal.job(a_document(due_at=in_hours(-1).isoformat())))


def test_jobs_are_shown_a_line_each_with_the_counts() -> None:
    text = seen(terminal.jobs([a_document(), a_document(state="held")], {State.QUEUED: 1, State.HELD: 1}))
    assert "1 held, 1 queued" in text
    assert len([line for line in text.splitlines() if "mm00000001" in line]) == 2
    assert "no jobs yet" in seen(terminal.jobs([], {}))


def test_a_list_says_whose_each_job_is_and_why_it_stopped() -> None:
    failure = {"code": "unrecognised", "detail": MARKUP, "told": "Nobody knows this error."}
    for state, shown in (("held", "unrecognised"), ("abandoned", "unrecognised"), ("training", "40/100")):
        text = seen(terminal.jobs([a_document(state=state, failure=failure, progress="40/100")], {}))
        assert shown in text
        assert "shop" in text


def test_a_story_shows_each_step_and_its_reason() -> None:
    lines: list[dict[str, Any]] = [
        {"at": "2026-11-01T12:00:00+00:00", "event": "Enqueued", "from_state": None, "to_state": "queued", "why": "enqueued"},
        {"at": "2026-11-01T12:00:01+00:00", "event": "InputPassed", "from_state": "queued", "to_state": "submitting", "why": MARKUP},
    ]
    text = seen(terminal.story(lines))
    assert "queued -> submitting" in text
    assert MARKUP in text


@pytest.mark.parametrize("field", ["account", "caller", "progress"])
def test_words_of_others_are_no_markup_in_a_list(field: str) -> None:
    assert MARKUP in seen(terminal.jobs([a_document(**{field: MARKUP})], {}))


def test_words_of_others_are_no_markup_in_a_job() -> None:
    failure = {"code": "unknown", "detail": MARKUP, "told": MARKUP}
    text = seen(terminal.job(a_document(progress=MARKUP, replica_id=MARKUP, conversation={"url": MARKUP}, failure=failure)))
    assert text.count(MARKUP) == 5
