"""Absence is said only of a list that was read whole: anything odd about it, and nothing was learned."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import ACCOUNT, LOOK_UP, MARK, SHORT, asked_of, body, performing, submit, train
from tests.worker.tavus.scripted import Asked, Said, Scripted
from worker.core.events import Event, LookupUnread, MarkAbsent, MarkAmbiguous, MarkFound, SubmissionAccepted
from worker.core.failures import Failure
from worker.core.job import ReplicaId
from worker.tavus.client import Answer, Reply
from worker.tavus.perform import Performer
from worker.tavus.scan import Scanned, Unread, scan
from worker.tavus.wire import replica_of

Row = dict[str, Any]
HTML = b"<html>busy</html>"


def rows(count: int, start: int = 0) -> list[Row]:
    return [{"replica_id": f"r{number}", "replica_name": f"Somebody {number}"} for number in range(start, start + count)]


def learned(script: Callable[[int], Said], patience: timedelta = timedelta(seconds=20)) -> tuple[Event, int]:
    """What the look-up says of a list with these pages, and for how many of them it asked."""
    with Scripted(lambda asked: script(int(asked.query["page"]))) as server, performing(server.url, patience=patience) as performer:
        return performer.perform(LOOK_UP), len(server.asked)


def pages(*listed: list[Row], total: int | None = None) -> Callable[[int], Said]:
    """A list of these pages, and none after them."""
    count = sum(map(len, listed)) if total is None else total
    return lambda page: Said(200, {"data": listed[page - 1] if page <= len(listed) else [], "total_count": count})


@pytest.mark.parametrize("others", [0, 1, 99, 100, 101])
def test_a_mark_that_is_there_once_is_found_on_any_page(others: int) -> None:
    everything = [{"replica_id": "rX", "replica_name": f"Ann-{MARK}"}, *rows(others)][::-1]
    news, asked = learned(pages(everything[:100], everything[100:]))
    assert news == MarkFound(MARK, ReplicaId("rX"))
    assert asked == 1 + (others >= 100)


def test_of_a_list_that_is_read_whole_those_alone_are_kept_that_are_wanted_and_a_flaw_in_the_others_counts() -> None:
    listed = {1: rows(100), 2: rows(100, start=100)}
    document = {number: {"data": some, "total_count": 200} for number, some in listed.items()}

    def answer(page: int) -> Reply:
        return Answer(200, document[page])

    wanted = ReplicaId("r150")
    found = scan(answer, replica_of, lambda row: row.id, timedelta(seconds=20), is_wanted=lambda row: row.id == wanted)
    assert isinstance(found, Scanned)
    assert [row.id for row in found.rows] == [wanted]
    document[2]["data"] = rows(100, start=99)
    flawed = scan(answer, replica_of, lambda row: row.id, timedelta(seconds=20), is_wanted=lambda row: row.id == wanted)
    assert isinstance(flawed, Unread)


def test_an_empty_account_has_no_mark() -> None:
    assert learned(pages([])) == (MarkAbsent(MARK), 1)


def test_every_page_of_a_long_list_is_read(sandbox: Sandbox, performer: Performer) -> None:
    for number in range(150):
        train(performer.tavus, sandbox, replica_name=f"Somebody {number}")
    marked = train(performer.tavus, sandbox)
    for number in range(99):
        train(performer.tavus, sandbox, replica_name=f"Somebody else {number}")
    assert performer.perform(LOOK_UP) == MarkFound(MARK, marked)
    assert asked_of(sandbox)["list_replicas"] == 3
    performer.tavus.rename_replica(ACCOUNT, marked, "Somebody at last")
    assert performer.perform(LOOK_UP) == MarkAbsent(MARK)
    assert asked_of(sandbox)["list_replicas"] == 6


def test_a_mark_that_is_there_twice_is_ambiguous_oldest_first(sandbox: Sandbox, performer: Performer) -> None:
    first, second = train(performer.tavus, sandbox), train(performer.tavus, sandbox)
    assert performer.perform(LOOK_UP) == MarkAmbiguous(MARK, (first, second))


@pytest.mark.parametrize(
    "name", [f"{MARK}1", f"x{MARK}", f"{MARK}-copy", f"{MARK} ", MARK.upper(), MARK[:-2], f"{MARK}-rw-00mm00000009-1", ""]
)
def test_a_mark_inside_another_name_is_no_match(sandbox: Sandbox, performer: Performer, name: str) -> None:
    train(performer.tavus, sandbox, replica_name=name)
    assert performer.perform(LOOK_UP) == MarkAbsent(MARK)


@pytest.mark.parametrize("name", [MARK, f"Ann-{MARK}", f"rw-00mm00000009-1-{MARK}"])
def test_a_mark_at_the_end_of_the_callers_name_is_a_match(sandbox: Sandbox, performer: Performer, name: str) -> None:
    one = train(performer.tavus, sandbox, replica_name=name)
    assert performer.perform(LOOK_UP) == MarkFound(MARK, one)


def test_a_replica_that_the_list_shows_late_is_absent_until_then() -> None:
    with Sandbox(Rules(list_delay=timedelta(minutes=10))) as sandbox, performing(sandbox.url) as performer:
        news = performer.perform(submit(body(sandbox.picture())))
        assert isinstance(news, SubmissionAccepted)
        assert performer.perform(LOOK_UP) == MarkAbsent(MARK)
        sandbox.advance(timedelta(minutes=11))
        assert performer.perform(LOOK_UP) == MarkFound(MARK, news.replica_id)


RETRIES = 3
"""How often a page that failed is asked for again."""
WHOLE = pages(rows(100), rows(100, 100), rows(50, 200))


def failing_on_page_3(status: int) -> Callable[[int], Said]:
    return lambda page: WHOLE(page) if page < 3 else Said(status, {"message": "no"})


UNREADABLE: dict[str, Callable[[int], Said]] = {
    "the count shrinks": lambda page: WHOLE(1) if page == 1 else Said(200, {"data": rows(100, 100), "total_count": 200}),
    "a row comes again on the next page": pages(rows(100), rows(100, 99), rows(50, 200), total=250),
    "a row comes twice on one page": pages([*rows(2), *rows(1)]),
    "the page is ignored": lambda _: WHOLE(1),
    "a page is empty too early": pages(rows(100), [], total=250),
    "the count is too low": pages(rows(100), total=40),
    "the count is nought": pages(rows(1), total=0),
    "the count is below nought": pages([], total=-1),
    "the count is no number": lambda _: Said(200, {"data": rows(1), "total_count": "1"}),
    "there is no count": lambda _: Said(200, {"data": rows(1)}),
    "there are no rows": lambda _: Said(200, {"total_count": 0}),
    "a bare list": lambda _: Said(200, []),
    "a row shows no name": pages([*rows(2), {"replica_id": "rX"}]),
    "a row's name is no text": pages([*rows(2), {"replica_id": "rX", "replica_name": ["Ann"]}]),
    "a row has no id": pages([*rows(2), {"replica_name": "Ann"}]),
    "a row's id is no id": pages([*rows(2), {"replica_id": "r1/../r2", "replica_name": "Ann"}]),
    "a row is no object": pages([*rows(2), "rX"]),  # type: ignore[list-item]
    "garbage": lambda _: Said(200, b'{"data": [], "tot'),
    "a page of HTML": lambda _: Said(200, HTML),
    "nothing": lambda _: Said(204),
    "a redirect": lambda _: Said(302, {"data": [], "total_count": 0}, {"Location": "/elsewhere"}),
    "an error that looks like an empty list": lambda _: Said(500, {"data": [], "total_count": 0}),
    "no such address": lambda _: Said(404, {"message": "Not Found"}),
    **{f"{status} on page 3": failing_on_page_3(status) for status in (500, 429, 404)},
}


@pytest.mark.parametrize("script", UNREADABLE.values(), ids=UNREADABLE)
def test_a_list_that_was_not_read_as_a_whole_teaches_nothing(script: Callable[[int], Said]) -> None:
    news, asked = learned(script)
    assert isinstance(news, LookupUnread)
    assert news.mark == MARK
    assert news.detail
    assert asked <= 3 + RETRIES


def test_the_whole_of_that_list_says_absent() -> None:
    assert learned(WHOLE) == (MarkAbsent(MARK), 3)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_page_that_fails_is_asked_for_again_and_the_list_is_read_on(failing: int) -> None:
    failures = [failing] * RETRIES

    def flaky(page: int) -> Said:
        if page in failures:
            failures.remove(page)
            return Said(503, {"message": "no"})
        return WHOLE(page)

    assert learned(flaky) == (MarkAbsent(MARK), 3 + RETRIES)


def test_a_list_that_grows_while_it_is_read_is_read_until_all_of_it_was_seen() -> None:
    asked: list[int] = []

    def read(page: int) -> Said:
        asked.append(page)
        now = rows(257) if len(asked) > 1 else rows(250, 7)  # seven new ones come before the others
        return Said(200, {"data": now[(page - 1) * 100 : page * 100], "total_count": len(now)})

    assert learned(read) == (MarkAbsent(MARK), 5)
    assert asked == [1, 2, 3, 4, 1]


def test_a_list_from_which_something_is_taken_while_it_is_read_is_read_anew() -> None:
    asked: list[int] = []

    def read(page: int) -> Said:
        asked.append(page)
        now = rows(250) if len(asked) == 1 else rows(249)
        return Said(200, {"data": now[(page - 1) * 100 : page * 100], "total_count": len(now)})

    assert learned(read)[0] == MarkAbsent(MARK)
    assert asked == [1, 2, 1, 2, 3]


def test_what_is_new_at_the_front_of_a_list_that_grew_is_found() -> None:
    asked: list[int] = []

    def read(page: int) -> Said:
        asked.append(page)
        everything = [{"replica_id": "rnew", "replica_name": MARK}, *rows(150)]
        now = everything if len(asked) > 1 else everything[1:]
        return Said(200, {"data": now[(page - 1) * 100 : page * 100], "total_count": len(now)})

    assert learned(read)[0] == MarkFound(MARK, ReplicaId("rnew"))


@pytest.mark.parametrize("value", [None, ""])
def test_a_replica_that_is_shown_to_have_no_name_does_not_stand_in_the_way(value: object) -> None:
    assert learned(pages([*rows(2), {"replica_id": "rX", "replica_name": value}])) == (MarkAbsent(MARK), 1)


def test_smaller_pages_than_asked_for_are_read_to_the_end() -> None:
    assert learned(pages(*(rows(20, start) for start in range(0, 100, 20)))) == (MarkAbsent(MARK), 5)


@pytest.mark.parametrize("harm", ["cut", "half", "hang", "500", "502", "503", "429", "garbage", "no_id"])
def test_a_broken_answer_is_never_absence(sandbox: Sandbox, performer: Performer, harm: str) -> None:
    train(performer.tavus, sandbox)
    sandbox.set_faults({"on": "list_replicas", "kind": harm, "seconds": 0.05, "retry_after": 2})
    news = performer.perform(LOOK_UP)
    assert isinstance(news, LookupUnread)
    assert news.retry_after == (timedelta(seconds=2) if harm in ("429", "503") else None)
    assert news.account_fault is None


@pytest.mark.parametrize(("key", "fault"), [("invalid", Failure.KEY_REJECTED), (None, Failure.KEY_REJECTED)])
def test_a_key_that_is_not_accepted_is_the_accounts_fault(sandbox: Sandbox, key: str | None, fault: Failure) -> None:
    with performing(sandbox.url, key=key) as performer:
        news = performer.perform(LOOK_UP)
    assert isinstance(news, LookupUnread)
    assert news.account_fault is fault


def test_a_list_that_takes_too_long_teaches_nothing_and_is_not_read_on() -> None:
    def slow(asked: Asked) -> Said:
        page = int(asked.query["page"])
        return Said(200, {"data": rows(1, page), "total_count": 3000})

    with Scripted(slow) as server, performing(server.url, patience=SHORT) as performer:
        news = performer.perform(LOOK_UP)
    assert isinstance(news, LookupUnread)
    assert "too long, or changes too fast" in news.detail
    assert len(server.asked) < 2900
