"""Patience: waits grow, are bounded, and are the same for the same job."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.worker.core.samples import trying
from worker.core.rules import Rules, phase

RULES = Rules()
tries = st.integers(0, 10_000)
seeds = st.text(max_size=30)
durations = st.floats(0.001, 10_000).map(lambda seconds: timedelta(seconds=seconds))
rules = st.builds(lambda base, cap, settle: Rules(retry_base=base, retry_cap=cap, settle_time=settle), durations, durations, durations)
ROUNDING = timedelta(microseconds=2)


@trying
@given(rules, tries, seeds)
def test_a_backoff_is_between_half_and_all_of_the_doubled_base_and_never_over_the_cap(one: Rules, number: int, seed: str) -> None:
    whole = min(one.retry_base.total_seconds() * 2.0 ** min(number, 20), one.retry_cap.total_seconds())
    wait = one.backoff(number, seed)
    assert timedelta(seconds=whole) / 2 - ROUNDING <= wait <= timedelta(seconds=whole) + ROUNDING
    assert wait <= one.retry_cap


@trying
@given(seeds)
def test_a_long_outage_ends_in_waits_near_the_cap(seed: str) -> None:
    assert RULES.retry_cap / 2 <= RULES.backoff(1000, seed) <= RULES.retry_cap


@trying
@given(tries, seeds)
def test_a_backoff_is_the_same_for_the_same_job_and_try(number: int, seed: str) -> None:
    assert RULES.backoff(number, seed) == RULES.backoff(number, seed)


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    assert len({RULES.backoff(3, f"job-{n}") for n in range(100)}) == 100


@trying
@given(rules, st.integers(0, 1000))
def test_scans_for_a_mark_are_spread_over_the_settle_time(one: Rules, scans: int) -> None:
    wait, after = one.settle_wait(scans), one.settle_wait(scans + 1)
    assert one.settle_time / 60 - ROUNDING <= wait <= one.settle_time / 4 + ROUNDING
    assert wait <= after


def test_a_settle_time_is_long_enough_for_the_scans_that_must_agree() -> None:
    scans, waited = 0, timedelta(0)
    while waited < RULES.settle_time:
        waited += RULES.settle_wait(scans)
        scans += 1
    assert RULES.settle_scans <= scans <= 20


@trying
@given(seeds)
def test_a_phase_is_at_least_nothing_and_less_than_one(seed: str) -> None:
    assert 0.0 <= phase(seed) < 1.0


def test_phases_are_spread_evenly() -> None:
    shares = [phase(f"job-{n}") for n in range(2000)]
    for tenth in range(10):
        assert 120 < sum(tenth / 10 <= share < (tenth + 1) / 10 for share in shares) < 280


def test_the_patience_out_of_the_box_is_what_the_design_promises() -> None:
    assert RULES.settle_time == timedelta(minutes=30)
    assert RULES.refund_hold == timedelta(hours=24)
    assert RULES.settle_scans >= 3
    assert RULES.max_paid_attempts == 2
