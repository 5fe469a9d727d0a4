"""Waits are bounded and spread, patience ends when it is over and not before, and a dead destination is asked seldom; all by the arguments alone."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.worker.core.samples import NOW
from worker.core.deliveries import Breaker, Heard, Patience, heard

PATIENCE = Patience()
SEEDS = st.text(max_size=30)
DURATIONS = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=5))
PATIENCES = st.builds(
    Patience, whole=DURATIONS, base=DURATIONS, cap=DURATIONS, failures=st.integers(1, 9), shut_base=DURATIONS, shut_cap=DURATIONS
)
ANSWERS = st.sampled_from(Heard)
ALIVE = {Heard.ACCEPTED, Heard.GONE, Heard.REFUSED}


@given(st.integers(100, 599))
def test_only_2xx_is_success_and_only_410_ends_it(status: int) -> None:
    assert (heard(status) is Heard.ACCEPTED) == (200 <= status <= 299)
    assert (heard(status) is Heard.GONE) == (status == 410)


def test_a_server_that_answers_is_alive_unless_it_says_that_it_is_not() -> None:
    assert {heard(status) for status in (301, 302, 400, 401, 404, 422)} == {Heard.REFUSED}
    assert {heard(status) for status in (408, 425, 429, 500, 502, 503, 599)} == {Heard.FAILING}
    assert heard(None) is Heard.SILENT


@given(PATIENCES, st.integers(1, 10_000), SEEDS)
def test_a_wait_is_anywhere_between_nothing_and_its_bound(patience: Patience, tries: int, seed: str) -> None:
    bound = min(patience.base * 2.0 ** min(tries - 1, 20), patience.cap)
    assert timedelta(0) <= patience.backoff(tries, seed) <= bound
    assert patience.backoff(tries, seed) == patience.backoff(tries, seed)


def test_the_jitter_is_full_and_those_who_failed_together_do_not_come_back_together() -> None:
    waits = sorted(PATIENCE.backoff(8, f"msg_{number}") / (PATIENCE.base * 128) for number in range(1000))
    assert waits[0] < 0.02
    assert waits[-1] > 0.98
    assert 0.45 < sum(waits) / len(waits) < 0.55
    assert max(after - before for before, after in pairwise(waits)) < 0.02


@given(PATIENCES, SEEDS)
def test_a_notification_is_tried_until_its_time_is_over_once_more_then_and_never_after(patience: Patience, seed: str) -> None:
    until, now, tries = NOW + patience.whole, NOW, 1
    while (again := patience.next_try(tries, now, until, seed)) is not None:
        assert now <= again <= until
        now, tries = max(again, now + timedelta(seconds=1) * 2.0 ** min(tries, 40)) if again < until else until, tries + 1
    assert now >= until


def test_three_days_are_some_fifty_attempts_of_which_the_first_ten_come_within_hours() -> None:
    counts = []
    for number in range(50):
        moments, tries = [NOW], 1
        while (again := PATIENCE.next_try(tries, moments[-1], NOW + PATIENCE.whole, str(number))) is not None:
            moments, tries = [*moments, again], tries + 1
        assert moments[-1] == NOW + timedelta(days=3)
        assert moments[9] < NOW + timedelta(hours=4)
        counts.append(len(moments))
    assert 35 < sum(counts) / len(counts) < 60


@given(PATIENCES, st.lists(ANSWERS, max_size=40), SEEDS)
def test_a_breaker_shuts_after_so_many_failures_in_a_row_and_any_sign_of_life_opens_it(
    patience: Patience, answers: list[Heard], seed: str
) -> None:
    breaker, failed = Breaker(), 0
    for answer in answers:
        breaker = breaker.after(answer, NOW, patience, seed)
        failed = 0 if answer in ALIVE else failed + 1
        assert breaker.failures == failed
        assert breaker.is_doubted(patience) == (breaker.shut_until is not None) == (failed >= patience.failures)
        if breaker.shut_until is not None:
            bound = min(patience.shut_base * 2.0 ** min(failed - patience.failures, 20), patience.shut_cap)
            assert NOW + bound / 2 - timedelta(microseconds=1) <= breaker.shut_until <= NOW + bound
            assert not breaker.is_shut(breaker.shut_until)


@dataclass
class Dead:
    """A destination that never answers, asked as often as its breaker lets."""

    now: datetime = NOW
    breaker: Breaker = field(default_factory=Breaker)
    asked: int = 0

    def ask(self) -> None:
        self.asked += 1
        self.breaker = self.breaker.after(Heard.SILENT, self.now, PATIENCE, "dead")
        self.now = self.breaker.shut_until or self.now


def test_a_dead_destination_is_asked_about_once_an_hour_however_much_waits_for_it() -> None:
    dead = Dead()
    while dead.now < NOW + timedelta(days=3):
        dead.ask()
    assert dead.asked < 72 * 1.6
    assert dead.breaker.shut_until is not None
    assert dead.breaker.shut_until - dead.now <= PATIENCE.shut_cap
