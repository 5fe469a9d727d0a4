"""Distributions on a grid: they grow from nothing to everything, and a place on the grid is a time."""

from itertools import pairwise
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.core.samples import trying
from worker.core import times
from worker.core.times import GRID, laid, logarithm, lognormal, memoryless, mixed, place, without_scale

SHARES = st.one_of(
    st.builds(lognormal, st.floats(0.1, 4), st.floats(0.01, 0.5)),
    st.builds(memoryless, st.floats(0.01, 2)),
    st.builds(without_scale, st.floats(0.1, 4)),
)


def test_the_grid_begins_at_nothing_grows_evenly_and_reaches_past_any_deadline() -> None:
    assert GRID[0] == 0.0
    assert all(after / before == pytest.approx(exp(times.STEP)) for before, after in pairwise(GRID[1:]))
    assert GRID[-1] > 15


@trying
@given(SHARES)
def test_a_share_starts_at_nothing_and_never_shrinks_nor_passes_one(share: times.Share) -> None:
    shares = laid(share)
    assert shares[0] == 0.0
    assert all(0.0 <= before <= after <= 1.0 for before, after in pairwise(shares))


@trying
@given(st.integers(0, len(GRID) - 1))
def test_each_time_of_the_grid_is_at_its_own_place(number: int) -> None:
    assert place(GRID[number]) == pytest.approx(number, abs=1e-6)
    if number:
        assert exp(logarithm(number)) == pytest.approx(GRID[number])


def test_times_past_either_end_are_at_that_end() -> None:
    assert (place(-1.0), place(1e9)) == (0.0, len(GRID) - 1)


def test_a_mixture_holds_each_part_by_its_weight_whatever_the_weights_add_up_to() -> None:
    none, every = (0.0,) * len(GRID), (1.0,) * len(GRID)
    assert mixed([(1.0, none), (3.0, every)]).shares == (0.75,) * len(GRID)


def test_half_of_those_that_outlive_the_odd_begin_still_run_at_twice_any_time() -> None:
    share = without_scale(2.0)
    assert [1 - share(time) for time in (1.0, 2.0, 4.0, 8.0)] == [1.0, 1.0, 0.5, 0.25]
