"""The plan follows what a project's trainings take: nothing moves it alone, twenty are enough, and what was never seen stays possible."""

import random
from datetime import timedelta
from itertools import pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.core.samples import HOUR, MINUTE, trying
from worker.core.learning import MOST, Lesson, lesson_of
from worker.core.polling import Plan
from worker.core.times import EARLY, place

PRIOR = Plan()
ODD = (timedelta(0), 40 * HOUR)
TIMES = st.lists(st.tuples(st.timedeltas(timedelta(0), 50 * HOUR), st.booleans()), max_size=30)


def learned(*well: timedelta, failed: tuple[timedelta, ...] = ()) -> Plan:
    """The plan after trainings that took so long."""
    return lesson_of([*((one, True) for one in well), *((one, False) for one in failed)]).plan(PRIOR)


def around(hours: float, count: int = 20, spread: float = 0.08, seed: int = 1) -> list[timedelta]:
    """Trainings of about so many hours."""
    chance = random.Random(seed)
    return [timedelta(hours=chance.lognormvariate(log(hours), spread)) for _ in range(count)]


def share(plan: Plan, elapsed: timedelta) -> float:
    """The share of trainings that the plan expects to be over by then."""
    return plan._share_at(elapsed / plan.typical)


def gap(plan: Plan, elapsed: timedelta) -> timedelta:
    """How far apart looks are by then."""
    return plan.typical / plan._rate(int(place(elapsed / plan.typical)))


def test_who_saw_nothing_has_the_prior() -> None:
    assert Lesson().plan(PRIOR) is PRIOR


@trying
@given(TIMES)
def test_whatever_was_seen_the_plan_is_one_shares_grow_from_nothing_to_everything_and_looks_go_on(
    seen: list[tuple[timedelta, bool]],
) -> None:
    plan = lesson_of(seen).plan(PRIOR)
    shares = plan.times.shares
    assert shares[0] == 0.0
    assert all(before <= after <= 1.0 + 1e-9 for before, after in pairwise(shares))
    assert all(before < after for before, after in pairwise(plan._looks))
    assert PRIOR.worth == plan.worth


@trying
@given(TIMES, st.randoms(use_true_random=False))
def test_the_order_of_what_was_seen_means_nothing(seen: list[tuple[timedelta, bool]], chance: random.Random) -> None:
    mixed = chance.sample(seen, len(seen))
    one, other = lesson_of(seen).plan(PRIOR), lesson_of(mixed).plan(PRIOR)
    assert one.typical / other.typical == pytest.approx(1)
    assert one.times.shares == pytest.approx(other.times.shares)


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_training_does_not_move_the_plan_though_it_be_the_first(odd: timedelta) -> None:
    for before in ([], around(3.5, 5), around(1.5, 20)):
        without, with_it = learned(*before), learned(*before, odd)
        assert abs(with_it.typical / without.typical - 1) < 0.05
        assert abs(with_it.eta(timedelta(0)).p50 / without.eta(timedelta(0)).p50 - 1) < 0.05
        assert abs(with_it.eta(timedelta(0)).p90 / without.eta(timedelta(0)).p90 - 1) < 0.05
        assert gap(with_it, with_it.typical) < 1.25 * gap(without, without.typical)


@pytest.mark.parametrize("hours", [1, 2, 6, 8])
def test_after_twenty_trainings_of_another_length_that_is_the_typical_one(hours: float) -> None:
    plan = learned(*around(hours))
    assert plan.typical / HOUR == pytest.approx(hours, rel=0.08)
    assert plan.eta(timedelta(0)).p50 / HOUR == pytest.approx(hours, rel=0.08)
    assert gap(plan, hours * HOUR) < 0.01 * hours * HOUR
    assert gap(plan, hours * HOUR / 2) > 5 * gap(plan, hours * HOUR)


def test_a_few_of_another_length_move_it_some_of_the_way() -> None:
    assert timedelta(hours=1.2) < learned(*around(1, 5)).typical < timedelta(hours=3.3)


def test_where_half_take_two_hours_and_half_take_five_both_are_looked_at_densely_and_between_them_it_is_quiet() -> None:
    plan = learned(*around(2, 10), *around(5, 10))
    assert gap(plan, 3.2 * HOUR) > 3 * max(gap(plan, 2 * HOUR), gap(plan, 5 * HOUR))
    assert 0.4 < share(plan, 3 * HOUR) < 0.6


def test_the_share_of_rejections_follows_what_was_seen_and_so_do_their_times() -> None:
    none, many = learned(*around(3.5)), learned(*around(3.5, 16), failed=(MINUTE, 2 * MINUTE, 3 * MINUTE, 3 * MINUTE))
    assert share(none, HOUR) < EARLY
    assert 0.1 < share(many, HOUR) < 0.2
    slow = learned(*around(3.5, 10), failed=tuple(around(1, 10)))
    assert gap(slow, HOUR) < gap(none, HOUR) / 4


def test_however_many_are_rejected_those_that_train_are_not_crowded_out_and_their_share_stays_true() -> None:
    rejected = [(timedelta(minutes=3 + number % 3), False) for number in range(19 * MOST)]
    lesson = lesson_of([*rejected, *((one, True) for one in around(1.5, MOST))])
    assert (len(lesson.trained), len(lesson.failed)) == (MOST, MOST)
    plan = lesson.plan(PRIOR)
    assert plan.typical / HOUR == pytest.approx(1.5, rel=0.05)
    assert share(plan, HOUR / 2) == pytest.approx(0.95, abs=0.02)
    few = lesson_of([*rejected[:MOST], *((one, True) for one in around(1.5, MOST))])
    assert share(few.plan(PRIOR), HOUR / 2) == pytest.approx(0.5, abs=0.02)


def test_that_failed_trainings_end_soon_says_nothing_of_how_long_good_ones_take() -> None:
    assert learned(failed=(MINUTE,) * 20).typical / PRIOR.typical == pytest.approx(1)


def test_what_takes_much_longer_than_anything_that_was_seen_is_still_expected_and_looks_thin_out_for_it() -> None:
    plan = learned(*around(2, 100))
    assert 0.002 < 1 - share(plan, 3 * HOUR) < 0.03
    assert gap(plan, 7 * HOUR) > 5 * gap(plan, 2 * HOUR)
    looks = plan._looks_at(12 * HOUR / plan.typical)
    assert looks < 250, "of a training that never ends"


def test_the_more_was_seen_the_less_the_prior_counts() -> None:
    shares = [share(learned(*around(6, count)), 4.5 * HOUR) for count in (0, 5, 20, 100)]
    assert shares == sorted(shares, reverse=True)


def test_a_dial_and_a_share_of_callbacks_stay_as_they_are() -> None:
    plan = lesson_of([(HOUR, True)]).plan(Plan(worth=7.0, missed=0.5))
    assert (plan.worth, plan.missed) == (7.0, 0.5)
