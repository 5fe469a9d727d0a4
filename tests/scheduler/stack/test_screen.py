"""What a person reads of the demonstration, on a terminal and in a log."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from scheduler.stack.journey import Glance, Line
from scheduler.stack.screen import Screen, outcome

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def line(after: float, before: str | None, to: str, why: str) -> Line:
    return {"at": (BEGAN + timedelta(seconds=after)).isoformat(), "from_state": before, "to_state": to, "why": why}


def glance(state: str, *news: Line, elapsed: float = 1.0, **job: Any) -> Glance:  # noqa: ANN401 - JSON
    return Glance({"state": state, "progress": None, "eta": None, "conversation": None, "failure": None} | job, news, elapsed)


def seen(*glances: Glance, terminal: bool) -> str:
    file = io.StringIO()
    with Screen(Console(file=file, force_terminal=terminal, width=120, color_system=None)) as screen:
        for one in glances:
            screen.show(one)
    return file.getvalue()


WAY = (
    glance("queued", line(0, None, "queued", "accepted")),
    glance("training", line(1.5, "queued", "training", "took [bold]it[/]"), progress="27/100", eta={"p50": 5.0, "p90": 90}, elapsed=2),
    glance("training", progress="27/100", eta={"p50": "2026-01-01T00:00:00+00:00", "p90": "2026-01-01T00:00:00+00:00"}, elapsed=3),
)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_story_is_told_once_and_as_it_is_written(*, terminal: bool) -> None:
    shown = seen(*WAY, terminal=terminal)
    assert shown.count("   0.0 s  queued") == 1
    assert shown.count("   1.5 s  queued \u2192 training       took [bold]it[/]") == 1


def test_a_terminal_has_a_bar_with_the_time_that_is_left() -> None:
    assert "27/100 \u00b7 5.0s to 1m 30s left" in seen(*WAY[:2], terminal=True)


def test_a_log_has_each_progress_once_and_nothing_that_moves() -> None:
    shown = seen(*WAY, terminal=False)
    assert shown.count("   2.0 s  training 27/100\n") == shown.count("27/100") == 1
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("last", "word"),
    [
        (
            glance("done", conversation={"url": "https://c.example/1"}, elapsed=25),
            "From a headshot to a conversation in 25s: https://c.example/1",
        ),
        (glance("held", failure={"told": "Pay.", "detail": "402"}), "The job is held: Pay. 402"),
        (glance("cancelled"), "The job is cancelled: without a reason"),
        (glance("training"), "The job is still under way; Flower and the log show where it is."),
        (None, "The job is still under way; Flower and the log show where it is."),
    ],
)
def test_the_last_word_says_how_it_ended(last: Glance | None, word: str) -> None:
    assert outcome(last) == word
