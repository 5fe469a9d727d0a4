"""Durations are read as people write them and shown as they would say them; nothing is guessed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.durations import parse_duration, show_duration

DAY, HOUR, MINUTE, SECOND, MILLISECOND = (
    timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(milliseconds=1),
)  # fmt: skip
SOME = st.timedeltas(timedelta(0), timedelta(days=400))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0.5s", SECOND / 2),
        ("3h30m", 3 * HOUR + 30 * MINUTE),
        ("3h 30m", 3 * HOUR + 30 * MINUTE),
        ("90s", 90 * SECOND),
        ("250ms", 250 * MILLISECOND),
        ("1d", DAY),
        ("1.5h", 90 * MINUTE),
        ("1d2h3m4s5ms", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 5 * MILLISECOND),
        ("5m", 5 * MINUTE),
        (" 30s\n", 30 * SECOND),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_read_as_it_is_written(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", " ", "30", "s", "-5s", "+5s", "1h30", "1 h", "3h  30m", "5 s", "5S", "5sec", "PT5S", "1e3s", ".5s", "1,5s", "٣s"]
)
def test_what_leaves_anything_to_guess_is_refused_and_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 30s, 3h30m") as refused:
        parse_duration(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize("text", ["9999999999d", "9" * 400 + "s"])
def test_what_no_clock_can_count_is_refused_like_any_other_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="longer than any clock can count"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (SECOND / 2, "0.5s"),
        (timedelta(0), "0.0s"),
        (9.94 * SECOND, "9.9s"),
        (45 * SECOND, "45s"),
        (59.6 * SECOND, "1m"),
        (3 * HOUR + 30 * MINUTE, "3h 30m"),
        (3 * HOUR + 30 * MINUTE + 29 * SECOND, "3h 30m"),
        (DAY + 5 * MINUTE, "1d 5m"),
        (-90 * SECOND, "-1m 30s"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(duration: timedelta, text: str) -> None:
    assert show_duration(duration) == text


@given(*[st.integers(0, 999)] * 5)
def test_whatever_is_written_in_whole_units_is_read_exactly(days: int, hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    written = f"{days}d{hours}h{minutes}m{seconds}s{milliseconds}ms"
    assert parse_duration(written) == days * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND + milliseconds * MILLISECOND


@given(SOME)
def test_what_is_shown_can_be_read_again_and_is_off_by_less_than_was_left_out(duration: timedelta) -> None:
    read = parse_duration(show_duration(duration))
    lost = next((unit for size, unit in ((DAY, HOUR), (HOUR, MINUTE), (10 * SECOND, SECOND)) if duration >= size), SECOND / 10)
    assert abs(read - duration) < lost
    assert show_duration(read) == show_duration(duration)
