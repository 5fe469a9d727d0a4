"""What the book lets out: the budget, who comes first, pauses, and a breaker with one probe. Its twin over Redis says the same."""

from datetime import timedelta

import pytest

from worker.pacing.book import MANY, Book
from worker.pacing.kinds import Kind, Numbers, Reason, Verdict

N = Numbers()
SPAN = N.window + N.margin
SUBMIT, CONVERSE, LOOK = Kind.SUBMIT, Kind.CONVERSE, Kind.LOOK


class Line:
    """A book, and a clock that the test moves."""

    def __init__(self, limit: int | None = None) -> None:
        self.book, self.limit, self.now, self._number = Book(N), limit, 0, 0

    def go(self, kind: Kind, *verdict: Verdict, retry: bool = False, pause: int = 0) -> Reason | None:
        """One call and its reply, or why there is none."""
        self._number += 1
        look = self.book.take(kind, str(self._number), self.limit, self.now, retry=retry)
        if look.reason is None and verdict:
            self.book.saw(kind, str(self._number), verdict[0], self.limit, self.now, probe=look.probe, pause=pause)
        return look.reason

    def out(self, kind: Kind, times: int) -> int:
        """How many of so many calls went out."""
        return sum(self.go(kind, Verdict.OK) is None for _ in range(times))


def test_no_more_go_out_in_any_window_than_the_limit() -> None:
    line, gone = Line(10), list[int]()
    for now in range(0, 5 * N.window, 500):
        line.now = now
        for kind in Kind:
            if line.go(kind, Verdict.OK) is None:
                gone.append(now)
    assert len(gone) >= 40
    assert all(sum(start <= moment < start + N.window for moment in gone) <= 10 for start in gone)


def test_without_a_limit_everything_goes_out() -> None:
    line = Line()
    assert line.out(LOOK, 5_000) == 5_000
    assert line.book.ask(LOOK, None, 0).room == MANY


def test_looks_leave_half_of_the_budget_to_those_who_pay_and_those_a_tenth_to_looks() -> None:
    looks, pays = Line(60), Line(60)
    assert looks.out(LOOK, 100) == 30
    assert looks.out(SUBMIT, 100) == 30
    assert pays.out(SUBMIT, 100) == 54
    assert pays.out(LOOK, 100) == 6


def test_while_a_submission_waits_looks_take_no_more_than_a_tenth_so_that_it_is_first_when_there_is_room() -> None:
    line = Line(20)
    line.out(LOOK, 10)
    line.out(SUBMIT, 10)
    line.now = SPAN  # what went out counts no more
    line.out(LOOK, 10)
    line.out(SUBMIT, 10)
    line.now += SPAN - 1
    assert line.go(SUBMIT) is Reason.BUDGET
    line.now += 1
    assert line.out(LOOK, 10) == 2
    line.now += N.patience
    assert line.out(LOOK, 10) == 8


def test_the_room_that_is_foreseen_is_what_can_go_out() -> None:
    line = Line(60)
    for kind in (LOOK, SUBMIT, CONVERSE):
        room = line.book.ask(kind, 60, 0).room
        assert line.out(kind, 100) == room


def test_the_wait_that_is_told_is_over_when_there_is_room() -> None:
    line = Line(6)
    for moment in range(6):
        line.now = 1000 * moment
        assert line.go(SUBMIT if moment % 2 else LOOK, Verdict.OK) is None
    held = line.book.ask(SUBMIT, 6, line.now)
    assert held.reason is Reason.BUDGET
    assert line.book.ask(SUBMIT, 6, line.now + held.wait - 1).reason is Reason.BUDGET
    assert line.book.ask(SUBMIT, 6, line.now + held.wait).reason is None


def test_a_retry_after_stops_every_kind_until_it_is_over_and_never_for_longer_than_the_longest_pause() -> None:
    line = Line()
    line.go(LOOK, Verdict.LIMITED, pause=7_000)
    assert {line.go(kind) for kind in Kind} == {Reason.PAUSED}
    line.now = 7_000
    assert {line.go(kind, Verdict.OK) for kind in Kind} == {None}
    line.go(LOOK, Verdict.LIMITED, pause=10**9)
    line.now += N.longest_pause
    assert line.go(LOOK) is None


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    line = Line()
    line.book.saw(LOOK, "1", Verdict.LIMITED, None, 0, pause=9_000)
    line.book.saw(LOOK, "2", Verdict.LIMITED, None, 0, pause=1_000)
    line.now = 8_999
    assert line.go(LOOK) is Reason.PAUSED


def test_a_breaker_opens_after_failures_in_a_row_and_for_its_kind_alone() -> None:
    line = Line()
    for _ in range(N.failures - 1):
        line.go(SUBMIT, Verdict.FAILED)
    line.go(SUBMIT, Verdict.OK)
    for _ in range(N.failures - 1):
        assert line.go(SUBMIT, Verdict.FAILED) is None
    assert line.go(SUBMIT, Verdict.FAILED) is None
    assert line.go(SUBMIT) is Reason.BREAKER
    assert line.go(CONVERSE) is line.go(LOOK) is None


def test_a_breaker_that_is_half_open_lets_one_probe_through_and_its_reply_decides() -> None:
    line = Line()
    for _ in range(N.failures):
        line.go(SUBMIT, Verdict.FAILED)
    breaks, length = [], N.first_break
    for _ in range(10):
        line.now += length - 1
        assert line.go(SUBMIT) is Reason.BREAKER
        line.now += 1
        assert line.book.ask(SUBMIT, None, line.now).room == 1
        assert line.go(SUBMIT, Verdict.FAILED) is None
        length = line.book.breaks(line.now)[SUBMIT][1]
        breaks.append(length)
    assert breaks[:3] == [2 * N.first_break, 4 * N.first_break, 8 * N.first_break]
    assert breaks[-1] == N.longest_break
    line.now += length
    assert line.go(SUBMIT) is None  # the probe, on its way
    assert line.go(SUBMIT) is Reason.BREAKER
    line.now += N.probe
    assert line.go(SUBMIT, Verdict.OK) is None  # the first probe never came back
    assert line.out(SUBMIT, 10) == 10


def test_a_call_that_was_let_out_and_not_made_leaves_the_book_as_if_nobody_had_asked() -> None:
    line = Line(6)
    line.out(SUBMIT, 2)
    for kind, retry in ((SUBMIT, True), (LOOK, False)):
        before = [line.book.ask(one, 6, 0) for one in Kind], dict(line.book.retries)
        line.book.take(kind, "unmade", 6, 0, retry=retry)
        line.book.release(kind, "unmade")
        assert ([line.book.ask(one, 6, 0) for one in Kind], dict(line.book.retries)) == before


def test_a_probe_that_was_not_made_is_another_calls_at_once_and_only_that_one() -> None:
    line = Line()
    for _ in range(N.failures):
        line.go(SUBMIT, Verdict.FAILED)
    line.now = N.first_break
    assert line.book.take(SUBMIT, "unmade", None, line.now).probe
    line.book.release(SUBMIT, "unmade")
    line.now += 1
    assert line.go(SUBMIT) is None
    line.book.release(SUBMIT, "unmade")
    line.book.release(SUBMIT, "of before")
    assert line.go(SUBMIT) is Reason.BREAKER


def test_replies_to_calls_that_left_before_the_breaker_opened_neither_close_it_nor_open_it_for_longer() -> None:
    line = Line()
    for number in range(N.failures):
        line.book.saw(SUBMIT, str(number), Verdict.FAILED, None, 0)
    for verdict in (Verdict.OK, Verdict.FAILED, Verdict.LIMITED):
        line.book.saw(SUBMIT, "earlier", verdict, None, 0)
        assert line.book.breaks(0) == {SUBMIT: (Reason.BREAKER, N.first_break)}


def test_a_full_house_is_asked_again_by_one_alone_ever_more_rarely_and_is_open_to_all_when_one_came_in() -> None:
    line, waits = Line(), []
    assert line.go(CONVERSE, Verdict.FULL) is None
    for _ in range(8):
        assert line.go(CONVERSE) is Reason.FULL
        waits.append(line.book.breaks(line.now)[CONVERSE][1])
        line.now += waits[-1]
        assert line.go(CONVERSE, Verdict.FULL) is None
    assert waits[:3] == [5_000, 10_000, 20_000]
    assert waits[-1] == N.longest_full
    line.now += N.longest_full
    assert line.go(CONVERSE, Verdict.OK) is None
    assert line.out(CONVERSE, 5) == 5


def test_retries_are_a_tenth_of_what_goes_out_and_a_few_in_any_case() -> None:
    line = Line()
    assert [line.go(SUBMIT, Verdict.OK, retry=True) for _ in range(7)] == [None] * 5 + [Reason.RETRIES] * 2
    line.out(LOOK, 95)
    assert sum(line.go(SUBMIT, Verdict.OK, retry=True) is None for _ in range(50)) == 5
    assert line.go(SUBMIT) is None


@pytest.mark.parametrize("late", [False, True])
def test_a_call_whose_reply_was_late_counts_from_its_reply(*, late: bool) -> None:
    book = Book(N)
    book.take(LOOK, "slow", 1, 0)
    book.saw(LOOK, "slow", Verdict.OK, 1, 20_000, late=late)
    assert (book.ask(LOOK, 1, SPAN).reason is None) is not late
    assert book.ask(LOOK, 1, SPAN + 20_000).reason is None


def test_windows_of_any_length_keep_the_same_promises() -> None:
    numbers = Numbers.scaled(timedelta(seconds=1))
    book = Book(numbers)
    taken = [book.take(SUBMIT, str(now), 10, now).reason is None for now in range(1_016)]
    assert sum(taken) == 9
