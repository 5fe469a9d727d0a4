"""How a rate falls and grows back: pure arithmetic, whatever was sent and whenever it is asked for."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from worker.pacing.kinds import Cut, Kind, Numbers

N = Numbers()
limits = st.none() | st.integers(1, 10_000)
moments = st.integers(0, 10**9)
sent = st.integers(0, 20_000)


def cut(limit: int | None, calls: int, now: int = 0, before: Cut | None = None) -> Cut:
    return N.cut(limit, before, calls, now)


def test_without_a_429_the_limit_is_all_that_holds() -> None:
    assert N.allowed(60, None, 0) == 60
    assert N.allowed(None, None, 0) is None


def test_a_429_halves_what_was_sent_and_a_tenth_of_the_limit_comes_back_each_window() -> None:
    one = cut(60, 60)
    assert [N.allowed(60, one, windows * N.window) for windows in range(8)] == [30, 36, 42, 48, 54, 60, 60, 60]


def test_without_a_limit_a_429_makes_one_of_half_of_what_was_sent() -> None:
    one = cut(None, 200)
    assert [N.allowed(None, one, windows * N.window) for windows in (0, 1, 5, 10)] == [100, 160, 400, 700]


def test_a_rate_grows_back_by_a_tenth_of_the_limit_as_it_is_now() -> None:
    cut = N.cut(60, None, 60, now=0)
    assert [N.allowed(limit, cut, N.window) for limit in (60, 6000, None, 10)] == [36, 630, 90, 10]
    assert N.allowed(60, N.cut(6000, None, 60, now=0), 0) == 60


@given(limits, sent, moments, st.integers(0, N.window - 1))
def test_a_window_knows_one_halving_however_many_429s_it_brings(limit: int | None, calls: int, now: int, later: int) -> None:
    first = cut(limit, calls, now)
    assert cut(limit, calls, now + later, first) == first


@given(limits, sent, moments, st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_rate_never_falls_by_waiting_and_never_passes_the_limit(limit: int | None, calls: int, now: int, one: int, two: int) -> None:
    made = cut(limit, calls, now)
    before, after = N.allowed(limit, made, now + one), N.allowed(limit, made, now + one + two)
    assert before is not None
    assert after is not None
    assert 1 <= before <= after
    assert limit is None or after <= limit


@given(st.integers(10, 10_000), st.lists(st.integers(0, 10**6), max_size=50))
def test_a_storm_of_429s_never_pushes_the_rate_below_a_tenth_of_the_limit(limit: int, waits: list[int]) -> None:
    now, made = 0, cut(limit, limit)
    for wait in waits:
        now += wait
        allowed = N.allowed(limit, made, now)
        assert allowed is not None
        assert allowed >= limit // 10
        made = N.cut(limit, made, allowed, now)


def test_a_storm_that_never_ends_settles_at_a_fifth_of_the_limit() -> None:
    made, allowed = cut(100, 100), 100
    for window in range(1, 30):
        allowed = N.allowed(100, made, window * N.window) or 0
        made = N.cut(100, made, allowed, window * N.window)
    assert 18 <= allowed <= 22


@given(st.integers(1, 10_000), st.booleans())
def test_neither_sort_of_call_may_take_the_whole_budget_unless_it_is_tiny(allowed: int, is_awaited: bool) -> None:  # noqa: FBT001 - drawn
    paying, looking = (N.share(kind, allowed, is_awaited=is_awaited) for kind in (Kind.SUBMIT, Kind.LOOK))
    assert 1 <= looking <= max(allowed // 2, 1)
    assert 1 <= paying <= max(allowed * 9 // 10, 1)
    assert N.share(Kind.CONVERSE, allowed, is_awaited=is_awaited) == paying
    assert N.share(Kind.OTHER, allowed, is_awaited=is_awaited) == looking


def test_another_window_scales_every_duration_and_no_share() -> None:

    small = Numbers.scaled(timedelta(seconds=6))
    assert (small.window, small.margin, small.first_break, small.longest_pause) == (6_000, 100, 500, 30_000)
    assert Numbers.scaled(timedelta(seconds=6), timedelta(seconds=30)).probe == 60_000
    assert (small.paying, small.looking, small.growth, small.failures) == (N.paying, N.looking, N.growth, N.failures)
