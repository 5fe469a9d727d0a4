"""Cron expressions mean what they mean to Celery, come when they say, and are refused with the field that is wrong."""

from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab
from celery.utils.time import remaining
from hypothesis import assume, given
from hypothesis import strategies as st

from scheduler import cron

MINUTES = st.one_of(st.just("*"), st.sampled_from(["*/7", "0", "59", "10-20", "3,33", "5-45/10"]))
HOURS = st.sampled_from(["*", "*/5", "0", "23", "3,15", "8-17"])
DAYS = st.sampled_from(["*", "1", "31", "29", "1-7", "*/10", "15,30"])
MONTHS = st.sampled_from(["*", "2", "12", "1,7", "*/3"])
WEEKDAYS = st.sampled_from(["*", "0", "6", "1-5", "mon", "sun,wed"])
EXPRESSIONS = st.tuples(MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS).map(" ".join)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2032, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - it gets its zone


@given(EXPRESSIONS, MOMENTS)
def test_the_next_time_is_celerys(expression: str, moment: datetime) -> None:
    fields = expression.split()
    assume(not (fields[2] in {"29", "31"} and fields[3] != "*"))  # the 31st of February is refused, and Celery takes years for some others
    theirs = crontab.from_string(expression)
    start, delta, _ = theirs.remaining_delta(moment, tz=UTC)
    assert cron.read(expression).after(moment) == moment + remaining(start, delta, now=moment)


@given(EXPRESSIONS, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_the_last_time_is_the_one_after_which_none_comes_before_now(expression: str, since: datetime, later: timedelta) -> None:
    assume("2" not in expression.split()[3].split(",") or expression.split()[2] not in {"31", "15,30", "29"})
    read, now = cron.read(expression), since + later
    times, at = list[datetime](), read.after(since - timedelta(minutes=1))
    while at <= now:
        times.append(at)
        at = read.after(at)
        assume(len(times) < 500)
    assert read.last(now, since) == max((one for one in times if one >= since), default=None)


def test_it_is_utc_whatever_zone_the_moment_is_in() -> None:
    assert cron.read("0 3 1 * *").after(datetime.fromisoformat("2026-11-01T05:00:00+02:00")) == datetime(2026, 12, 1, 3, tzinfo=UTC)


def test_the_29th_of_february_comes_though_it_takes_years() -> None:
    assert cron.read("0 0 29 2 *").after(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "0 fields"),
        ("0 3 1 *", "4 fields"),
        ("@daily", "1 fields"),
        ("60 * * * *", "the minute, '60'"),
        ("0 24 * * *", "the hour, '24'"),
        ("0 0 0 * *", "the day of the month, '0'"),
        ("0 0 * 13 *", "the month, '13'"),
        ("0 0 * * 7", "the day of the week, '7'"),
        ("0 0 * * someday", "the day of the week, 'someday'"),
        ("*/0 * * * *", "the minute, '*/0'"),
        ("0-999999999 * * * *", "the minute"),
        ("x * * * *", "the minute, 'x'"),
        ("0 0 30 2 *", "never comes"),
    ],
)
def test_what_is_wrong_is_said_with_the_field(expression: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("*", r"\*")):
        cron.read(expression)
