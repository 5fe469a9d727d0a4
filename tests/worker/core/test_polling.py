"""The poll plan: few looks, known soon, never out of bounds."""

from bisect import bisect_left
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.core.samples import trying
from worker.core.polling import Plan, Verdict
from worker.core.times import place

PLAN = Plan()
TYPICAL = PLAN.typical
SPARSEST, DENSEST = 0.3, 0.002  # typical times between two looks, at most and at least
SECOND = timedelta(seconds=1)

elapsed = st.floats(0, 12).map(lambda times: times * TYPICAL)
phases = st.floats(0, 1, exclude_max=True)
plans = st.builds(Plan, st.floats(1, 1e6).map(lambda s: s * SECOND), st.floats(0.1, 10_000))


def _finished_share(times: float) -> float:
    """The share of the prior's trainings that are over by then."""
    return PLAN._share_at(times)


def _looks(plan: Plan, phase: float, until: float) -> list[float]:
    """Every look at a training up to `until`, in typical times."""
    looks = [plan.next_look(timedelta(0), phase)]
    while looks[-1] < until * plan.typical:
        looks.append(plan.next_look(looks[-1], phase))
    return [look / plan.typical for look in looks]


@trying
@given(plans, st.floats(0, 12), phases)
def test_the_next_look_is_always_later_and_neither_too_soon_nor_too_late(plan: Plan, times: float, phase: float) -> None:
    apart = (plan.next_look(times * plan.typical, phase) - times * plan.typical) / plan.typical
    rounding = 2e-6 / plan.typical.total_seconds()
    assert 0.5 * DENSEST - rounding <= apart <= 1.5 * SPARSEST + rounding


@trying
@given(elapsed, elapsed, phases)
def test_who_looked_later_never_looks_again_sooner(one: timedelta, other: timedelta, phase: float) -> None:
    sooner, later = sorted([one, other])
    assert PLAN.next_look(later, phase) >= PLAN.next_look(sooner, phase) - timedelta(microseconds=1)


@settings(trying, max_examples=20)
@given(phases)
def test_looks_that_follow_the_plan_are_spaced_within_its_bounds(phase: float) -> None:
    for before, after in pairwise(_looks(PLAN, phase, 10)):
        assert DENSEST * 0.99 <= after - before <= SPARSEST * 1.01


@trying
@given(st.integers(-3600, 0), phases)
def test_a_clock_that_is_behind_changes_nothing(seconds: int, phase: float) -> None:
    assert PLAN.next_look(seconds * SECOND, phase) == PLAN.next_look(timedelta(0), phase)
    assert PLAN.eta(seconds * SECOND).p50 >= timedelta(0)


@trying
@given(plans, st.floats(0.001, 60))
def test_a_look_is_made_when_so_many_are_due_and_not_a_step_of_the_table_earlier_or_later(plan: Plan, looks: float) -> None:
    assert plan._looks_at(plan._time_of(looks)) == pytest.approx(looks, rel=1e-6)


def test_jobs_that_start_together_are_not_asked_about_together() -> None:
    firsts = {round(PLAN.next_look(timedelta(0), n / 100) / SECOND) for n in range(100)}
    assert len(firsts) > 90


def test_looks_are_dense_when_the_end_is_likely_and_sparse_when_it_is_not() -> None:
    gaps = {start: PLAN.next_look(start * TYPICAL, 0.5) - start * TYPICAL for start in (0.3, 1.0)}
    assert gaps[0.3] > 5 * gaps[1.0]


def test_a_training_of_the_typical_length_takes_about_three_dozen_looks() -> None:
    counts = [bisect_left(_looks(PLAN, n / 50, 1.1), 1.0) + 1 for n in range(50)]
    assert 25 <= sum(counts) / len(counts) <= 45


def _quantiles(count: int) -> list[float]:
    """When the trainings of the prior end, in typical times: `count` of them, evenly."""
    grid = [step / 2000 for step in range(1, 2000 * 5)]
    shares = [_finished_share(t) for t in grid]
    return [grid[min(bisect_left(shares, (n + 0.5) / count), len(grid) - 1)] for n in range(count)]


@pytest.fixture(scope="module")
def simulated() -> tuple[float, float]:
    """Mean looks, and mean lag in seconds, over the prior."""
    ends = _quantiles(600)
    looks, lags = [], []
    for number, end in enumerate(ends):
        made = _looks(PLAN, number * 0.618 % 1.0, end)
        first = bisect_left(made, end)
        looks.append(first + 1)
        lags.append((made[first] - end) * TYPICAL.total_seconds())
    return sum(looks) / len(looks), sum(lags) / len(lags)


def test_a_training_costs_about_forty_looks(simulated: tuple[float, float]) -> None:
    assert 36 <= simulated[0] <= 43


def test_its_end_is_known_about_forty_seconds_later(simulated: tuple[float, float]) -> None:
    assert 32 <= simulated[1] <= 44


def _cost(plan: Plan, worth: float) -> float:
    """What a plan costs over the prior, in looks, to whom one percent of the typical time is worth so many."""
    total = 0.0
    for number, end in enumerate(_quantiles(150)):
        made = _looks(plan, number * 0.618 % 1.0, end)
        first = bisect_left(made, end)
        total += first + 1 + worth * 100.0 * (made[first] - end)
    return total


@pytest.mark.parametrize("worth", [10.0, 40.0])
def test_the_plan_of_a_dial_is_the_cheapest_to_whom_the_dial_is_true(worth: float) -> None:
    own = _cost(Plan(worth=worth), worth)
    assert own < min(_cost(Plan(worth=worth * other), worth) for other in (0.2, 0.4, 2.5, 5.0))


def test_the_typical_time_is_the_middle_of_what_the_vendor_names() -> None:
    assert (timedelta(hours=3) + timedelta(hours=4)) / 2 == TYPICAL


def _share(hours: float) -> float:
    return _finished_share(timedelta(hours=hours) / TYPICAL)


def test_the_prior_says_what_the_vendor_says_rejections_within_minutes_and_else_three_to_four_hours() -> None:
    assert 0.035 < _share(10 / 60) < 0.045
    assert _share(2) - _share(10 / 60) < 0.005
    assert 0.78 < _share(4) - _share(3) < 0.85
    assert 0.01 < 1 - _share(5) < 0.025, "a few take much longer"
    assert 1 - _share(10) < 0.002


def test_the_prior_starts_at_nothing_grows_steadily_and_leaps_nowhere() -> None:
    shares = [_finished_share(step / 2000) for step in range(-10, 8000)]
    assert shares[:11] == [0.0] * 11
    assert all(before <= after <= before + 0.005 for before, after in pairwise(shares))
    assert all(before < after for before, after in pairwise(shares[10:110]))
    assert all(after <= before + 0.0001 for before, after in pairwise(shares[2800:])), "nor among those that take longer"


def test_a_plan_prints_its_dials_and_not_its_tables() -> None:
    assert repr(Plan(TYPICAL, 7.0)) == f"Plan(typical={TYPICAL!r}, worth=7.0, missed=1.0)"


def test_a_dearer_plan_looks_more_often_and_a_slower_training_as_often() -> None:
    assert len(_looks(Plan(worth=400), 0.5, 1)) > 1.5 * len(_looks(PLAN, 0.5, 1))
    assert len(_looks(Plan(typical=30 * SECOND), 0.5, 1)) == len(_looks(PLAN, 0.5, 1))


@trying
@given(plans, st.floats(0, 50))
def test_an_eta_is_never_in_the_past_nor_out_of_order(plan: Plan, times: float) -> None:
    eta = plan.eta(times * plan.typical)
    assert timedelta(0) <= eta.p50 <= eta.p90


def test_a_fresh_training_is_expected_to_take_the_typical_time() -> None:
    eta = PLAN.eta(timedelta(0))
    assert abs(eta.p50 - TYPICAL) < 0.02 * TYPICAL
    assert timedelta(hours=3, minutes=45) < eta.p90 < timedelta(hours=4, minutes=15)


def test_an_eta_shrinks_while_a_training_goes_as_expected_and_stays_honest_when_it_does_not() -> None:
    ends = [PLAN.eta(hours * timedelta(hours=1)).p50 for hours in (0, 1, 2, 3)]
    assert ends == sorted(ends, reverse=True)
    assert PLAN.eta(timedelta(hours=5)).p90 > PLAN.eta(timedelta(hours=3)).p90, "late is a sign of later"


@trying
@given(st.floats(0, 1.3))
def test_an_eta_halves_what_is_left_and_leaves_a_tenth(times: float) -> None:
    eta, done = PLAN.eta(times * TYPICAL), _finished_share(times)
    for part, left in ((0.5, eta.p50), (0.9, eta.p90)):
        assert _finished_share(times + left / TYPICAL) == pytest.approx(done + part * (1 - done), abs=0.03)


def test_an_eta_looks_ahead_as_far_as_the_prior_and_then_says_any_moment() -> None:
    for times in (2, 3, 8):
        assert PLAN.eta(times * TYPICAL).p50 > TYPICAL / 10
    for times in (20, 50):
        assert PLAN.eta(times * TYPICAL).p90 == timedelta(0)


def _looks_until(plan: Plan, elapsed: timedelta) -> int:
    return len(_looks(plan, 0.5, elapsed / plan.typical)) - 1


def test_looks_thin_out_once_nearly_all_trainings_are_over() -> None:
    """Of a training that never ends: from each time to one that is half as long again."""
    made = [_looks_until(PLAN, 1.5 * times * TYPICAL) - _looks_until(PLAN, times * TYPICAL) for times in (0.8, 1.3, 2.0, 3.0)]
    assert made == sorted(made, reverse=True)
    assert made[-1] < made[0] / 5
    assert _looks_until(PLAN, timedelta(hours=12)) < 180


@trying
@given(elapsed, elapsed)
def test_a_verdict_only_ever_grows_worse_with_time(one: timedelta, other: timedelta) -> None:
    order = list(Verdict)
    sooner, later = sorted([one, other])
    assert order.index(PLAN.verdict(sooner)) <= order.index(PLAN.verdict(later))


def test_within_the_time_that_the_vendor_names_a_training_is_plausible_then_late_and_after_twice_that_stuck() -> None:
    hours = {
        -1: Verdict.PLAUSIBLE,
        0: Verdict.PLAUSIBLE,
        4: Verdict.PLAUSIBLE,
        5: Verdict.LATE,
        8: Verdict.STUCK,
        40: Verdict.STUCK,
        400: Verdict.STUCK,
    }
    assert {hour: PLAN.verdict(timedelta(hours=hour)) for hour in hours} == hours


@trying
@given(st.floats(0.01, 1), st.floats(0, 5))
def test_where_callbacks_tell_of_most_ends_looks_are_fewer_by_the_square_root_and_never_too_few(missed: float, times: float) -> None:
    some = Plan(missed=missed)
    made, expected = (plan._rate(int(place(times))) for plan in (some, PLAN))
    assert expected * missed**0.5 * 0.999 <= made <= expected * 1.001
    assert made >= 0.999 / SPARSEST
