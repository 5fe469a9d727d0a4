"""A list that shows fewer than it was asked for is asked for fewer, for that account and for a while; one that is a little behind is not."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from tests.worker.tavus.made import ACCOUNT, PATIENCE, calling, look
from tests.worker.tavus.scripted import Asked, Said, Scripted
from worker.core.events import PollUnread, TrainingContinued
from worker.core.job import ReplicaId
from worker.tavus.batches import MOST, Batches
from worker.tavus.polls import poll

HUNDRED = [ReplicaId(f"r{number:04}") for number in range(100)]
HOUR = 3600.0
Shown = Callable[[list[str]], list[str]]


def said_of(ids: list[str]) -> Said:
    return Said(200, {"data": [{"replica_id": one, "status": "started"} for one in ids], "total_count": len(ids)})


def asked_for(one: Asked) -> list[str]:
    return one.query["replica_ids"].split(",")


def a_list_that_shows(shown: Shown) -> Callable[[Asked], Said]:
    """Everybody is there when asked for alone; of those that a list is asked for it shows what `shown` says."""

    def script(one: Asked) -> Said:
        if one.path == "/v2/replicas":
            return said_of(shown(asked_for(one)))
        return Said(200, {"replica_id": one.path.rsplit("/", 1)[1], "status": "started"})

    return script


def polled(shown: Shown, batches: Batches) -> tuple[int, int]:
    """How many list calls and single GETs it took to ask for a hundred, of whom all train."""
    with Scripted(a_list_that_shows(shown)) as server, calling(server.url) as tavus:
        news = poll(tavus, [look(one) for one in HUNDRED], PATIENCE, batches)
    assert set(news) == set(HUNDRED)
    assert {type(one) for one in news.values()} == {TrainingContinued}
    lists = sum(one.path == "/v2/replicas" for one in server.asked)
    return lists, len(server.asked) - lists


def test_a_list_that_takes_a_hundred_costs_one_call() -> None:
    assert polled(lambda ids: ids, Batches()) == (1, 0)


@pytest.mark.parametrize("cap", [20, 50, 98])
def test_a_filter_that_takes_fewer_costs_one_look_to_find_out_and_then_smaller_batches(cap: int) -> None:
    batches = Batches()
    rest = -(-(100 - cap - 1) // cap)
    assert polled(lambda ids: ids[:cap], batches) == (1 + rest, 1)
    assert batches.most(ACCOUNT) == cap
    assert polled(lambda ids: ids[:cap], batches) == (-(-100 // cap), 0)


def test_a_filter_that_is_not_taken_at_all_is_given_up_for_single_looks_and_the_log_says_so() -> None:
    batches = Batches()
    with capture_logs() as logged:
        assert polled(lambda _: ["r-of-somebody"], batches) == (1, 100)
    assert polled(lambda _: ["r-of-somebody"], batches) == (0, 100)
    assert [(line["log_level"], line["account"], line["at_once"]) for line in logged] == [("warning", ACCOUNT, 1)]


def test_a_list_that_drops_many_here_and_there_is_asked_for_half_as_many() -> None:
    batches = Batches()
    polled(lambda ids: ids[::2] if len(ids) > 60 else ids, batches)
    assert batches.most(ACCOUNT) == 50


def test_a_list_that_shows_nobody_of_many_is_asked_for_half_as_many_until_they_are_few() -> None:
    batches = Batches()
    lists, singles = polled(lambda _: [], batches)
    assert batches.most(ACCOUNT) == 12
    assert lists < 15
    assert singles <= 100 + 2  # who was asked for alone to see that he is there is asked for no second time


@pytest.mark.parametrize("missing", [HUNDRED[-1:], HUNDRED[3:12:3]])
def test_a_list_that_is_a_little_behind_is_not_taken_for_one_that_takes_fewer(missing: list[ReplicaId]) -> None:
    batches = Batches()
    assert polled(lambda ids: [one for one in ids if one not in missing], batches) == (1, len(missing))
    assert batches.most(ACCOUNT) == MOST


def test_a_limit_is_of_one_account_and_is_tried_again_after_an_hour() -> None:
    now = [0.0]
    batches = Batches(lambda: now[0])
    assert batches.learn(ACCOUNT, HUNDRED, HUNDRED[:40])
    assert (batches.most(ACCOUNT), batches.most("another")) == (40, MOST)
    now[0] = HOUR
    assert batches.most(ACCOUNT) == MOST


def test_when_a_single_look_is_not_answered_the_others_are_not_asked_for() -> None:
    def script(one: Asked) -> Said:
        return said_of([]) if one.path == "/v2/replicas" else Said(503, {"message": "busy"})

    with Scripted(script) as server, calling(server.url) as tavus:
        news = poll(tavus, [look(one) for one in HUNDRED], PATIENCE, Batches())
    assert {type(one) for one in news.values()} == {PollUnread}
    assert len(server.asked) == 2
