"""How many callbacks are missing: careful at first, bold while they come, and quick to see that they have stopped."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.core.samples import HOUR, NOW, SECOND, trying
from worker.core.calling import Ending, missed_share

GRACE = timedelta(minutes=2)
CAME, SILENT = True, False


def share(*came: bool) -> float:
    """What is missing at most, of trainings that ended an hour apart, newest first."""
    ended = [NOW - (number + 1) * HOUR for number in range(len(came))]
    return missed_share([Ending(at, at - SECOND if one else None) for at, one in zip(ended, came, strict=True)], NOW, GRACE)


def test_where_nothing_is_known_every_callback_may_be_missing() -> None:
    assert share() == 1.0


@trying
@given(st.lists(st.booleans(), max_size=60))
def test_the_share_is_a_share_and_never_so_small_that_looks_would_stop(came: list[bool]) -> None:
    assert 0.05 <= share(*came) <= 1.0


@trying
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.data())
def test_one_more_that_is_missing_never_lowers_it(came: list[bool], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(came) - 1))
    assert share(*came[:index], SILENT, *came[index + 1 :]) >= share(*came) - 1e-9


def test_while_all_come_it_falls_with_each_and_is_an_upper_bound_when_some_do_not() -> None:
    assert share(CAME) > share(*[CAME] * 5) > share(*[CAME] * 20) > 0.05
    assert share(*[CAME] * 20) < 0.15
    some = [CAME, CAME, SILENT, CAME, CAME, CAME, SILENT, CAME, CAME, SILENT] * 4
    assert 0.3 < share(*some) < 0.6


def test_silence_is_taken_seriously_within_twenty_trainings_however_long_they_came_before() -> None:
    assert share(*[SILENT] * 20, *[CAME] * 40) > 0.8
    assert share(*[SILENT] * 5, *[CAME] * 40) > 0.4


@pytest.mark.parametrize("off", [-2 * GRACE, 2 * GRACE])
def test_a_callback_of_another_time_told_nothing_of_the_end(off: timedelta) -> None:
    ended = NOW - HOUR
    assert missed_share([Ending(ended, ended + off)] * 20, NOW, GRACE) == missed_share([Ending(ended, None)] * 20, NOW, GRACE)
    assert missed_share([Ending(ended, ended + GRACE / 2)] * 20, NOW, GRACE) < 0.2


def test_a_training_that_ended_a_moment_ago_may_still_be_told_of() -> None:
    fresh = Ending(NOW - GRACE / 2, None)
    assert missed_share([fresh] * 9, NOW, GRACE) == 1.0
    came = [Ending(NOW - HOUR, NOW - HOUR)] * 20
    assert missed_share([fresh, *came], NOW, GRACE) == missed_share(came, NOW, GRACE)
