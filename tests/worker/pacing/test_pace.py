"""The pace over a real Valkey: one budget and one probe for all processes, limits that change while it runs, and a Redis that goes away."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest
from structlog.testing import capture_logs

from tests.broker import Broker
from tests.worker.pacing import hammer
from tests.worker.pacing.made import HOUR, LOOK, MAIN, SUBMIT, Made, ticket
from worker.brokers import plain_address
from worker.pacing import pace as module
from worker.pacing.kinds import Held, Kind, Numbers, Reason, Verdict
from worker.pacing.pace import Pace
from worker.pacing.pacer import Ticket

N = Numbers()


def out(pace: Pace, kind: Kind, times: int) -> int:
    """How many of so many calls go out."""
    return sum(isinstance(pace.enter(MAIN, kind), Ticket) for _ in range(times))


def fail(pace: Pace, kind: Kind) -> None:
    """Open the breaker."""
    for _ in range(N.failures):
        pace.saw(ticket(pace, kind), Verdict.FAILED)


def test_processes_that_hammer_never_send_more_in_any_window_than_the_budget_together(broker: Broker) -> None:
    limit, window = 40, 1.0
    words = [sys.executable, hammer.__file__, broker.url, str(limit), str(window), "6"]
    processes = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(3)]
    calls: list[tuple[float, float, str]] = []
    for process in processes:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        calls += json.loads(said)
    assert len(calls) >= 2 * limit  # they were kept busy
    # Those alone that certainly were in it: the host may put a process to sleep between its permit and its clock.
    assert max(sum(start <= asked and had < start + window for asked, had, _ in calls) for start, _, _ in calls) <= limit
    assert {kind for _, _, kind in calls} == {"submit", "look"}


def test_a_budget_is_of_the_account_and_not_of_the_process(paces: Made) -> None:
    one, two = paces(10), paces(10)
    assert out(one, SUBMIT, 6) + out(two, SUBMIT, 6) == 9
    assert out(one, LOOK, 6) + out(two, LOOK, 6) == 1
    assert isinstance(two.enter("other", SUBMIT), Ticket)


def test_a_retry_after_that_one_process_is_told_stops_all(paces: Made) -> None:
    one, two = paces(), paces()
    one.saw(ticket(one, LOOK), Verdict.LIMITED, timedelta(seconds=30))
    held = two.permit(MAIN, SUBMIT)
    assert held is not None
    assert held.reason is Reason.PAUSED
    assert timedelta(seconds=25) < held.after <= timedelta(seconds=30)
    assert two.permit("other", SUBMIT) is None


def test_a_429_lowers_the_rate_for_all_and_a_second_one_in_the_same_window_does_not(paces: Made) -> None:
    one, two = paces(100), paces(100)
    tickets = [ticket(one, SUBMIT) for _ in range(80)]
    for each in tickets:
        one.saw(each, Verdict.LIMITED)
    assert two.standing(MAIN).allowed == 40
    assert two.room(MAIN, SUBMIT) == 0


def test_a_breaker_is_open_for_all_processes_and_lets_one_probe_through_in_all(paces: Made) -> None:
    numbers = Numbers.scaled(timedelta(seconds=12))  # it opens for a second
    workers = [paces(None, numbers) for _ in range(8)]
    with capture_logs() as told:
        fail(workers[0], SUBMIT)
        assert {type(one.enter(MAIN, SUBMIT)) for one in workers} == {Held}
        assert workers[1].permit(MAIN, LOOK) is None
        assert workers[1].standing(MAIN).breaks[SUBMIT][0] is Reason.BREAKER
        until_half_open(workers[1])
        gate = threading.Barrier(len(workers))

        def rush(one: Pace) -> Ticket | Held:
            gate.wait()
            return one.enter(MAIN, SUBMIT)

        with ThreadPoolExecutor(len(workers)) as pool:
            replies = list(pool.map(rush, workers))
        (probe,) = [reply for reply in replies if isinstance(reply, Ticket)]
        assert [one.room(MAIN, SUBMIT) for one in workers] == [0] * len(workers)
        workers[3].saw(probe, Verdict.OK)
    assert all(isinstance(one.enter(MAIN, SUBMIT), Ticket) for one in workers)
    assert workers[0].standing(MAIN).breaks == {}
    assert [line["log_level"] for line in told] == ["warning", "info"]


def until_half_open(pace: Pace) -> None:
    """Wait until there is room for a probe."""
    for _ in range(2_000):
        if pace.room(MAIN, SUBMIT) == 1:
            return
        time.sleep(0.01)
    raise AssertionError


def test_a_limit_that_is_set_holds_for_running_processes(broker: Broker) -> None:
    limits: list[int | None] = [4]
    pace = Pace(broker.url, lambda _: limits[-1], HOUR)
    assert out(pace, SUBMIT, 10) == 3
    for limit, more in ((20, 15), (2, 0)):
        limits.append(limit)
        pace._known.clear()  # seconds later
        assert out(pace, SUBMIT, 30) == more
    limits.append(None)
    assert pace.standing(MAIN).limit is None  # whoever looks has it at once
    assert out(pace, SUBMIT, 10) == 10
    pace.close()


def test_a_limit_is_not_asked_for_with_each_call_and_the_last_one_holds_while_nobody_can_say(broker: Broker) -> None:
    asked = count()

    def limits(_: str) -> int:
        if next(asked):
            raise ConnectionError
        return 4

    pace = Pace(broker.url, limits, HOUR)
    assert out(pace, SUBMIT, 50) == 3
    assert next(asked) == 1
    pace._known[MAIN] = (0, 4)
    assert out(pace, SUBMIT, 50) == 0
    pace.close()


def test_a_call_that_took_long_counts_from_its_reply(paces: Made) -> None:
    pace = paces(1, Numbers.scaled(timedelta(seconds=3)))
    slow = ticket(pace, SUBMIT)
    time.sleep(1.0)
    replied = time.monotonic()
    pace.saw(slow, Verdict.OK)
    held = pace.permit(MAIN, SUBMIT)
    assert held is not None
    assert held.after >= timedelta(seconds=3 - (time.monotonic() - replied))


def test_success_costs_redis_nothing(broker: Broker, paces: Made) -> None:
    pace = paces(10)
    one = ticket(pace, SUBMIT)
    before = broker.client.info("commandstats")
    pace.saw(one, Verdict.OK)
    after = broker.client.info("commandstats")
    assert after.get("cmdstat_evalsha", {}).get("calls") == before.get("cmdstat_evalsha", {}).get("calls")


@pytest.fixture
def mortal() -> Iterator[Broker]:
    """A Valkey that a test may kill."""
    one = Broker().start()
    yield one
    one.stop()


def test_without_redis_a_process_keeps_to_half_of_its_part_and_redis_hears_of_it_when_it_is_back(
    mortal: Broker, paces: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AWAY_MS", 300)
    one, two = paces(40, url=mortal.url), paces(40, url=mortal.url)
    assert out(two, SUBMIT, 1) + out(one, SUBMIT, 1) == 2  # they know of one another
    assert out(two, LOOK, 1) == 1
    mortal.halt()
    with capture_logs() as told:
        begun = time.monotonic()
        assert out(one, SUBMIT, 50) == 9 - 1  # 40 / 2 processes / 2, nine tenths of it, and what it sent before counts
        assert out(one, LOOK, 50) == 1
        assert time.monotonic() - begun < 5.0
        assert not one.standing(MAIN).shared
    assert [line["log_level"] for line in told] == ["warning"]
    mortal.start()
    time.sleep(0.35)
    assert isinstance(one.enter(MAIN, SUBMIT), Ticket)
    standing = two.standing(MAIN)
    assert standing.shared
    assert 11 <= standing.sent <= 13  # the calls of the first second may not have been on Redis' disk


def test_a_redis_that_was_emptied_hears_again_what_went_out(broker: Broker, paces: Made) -> None:
    one, two = paces(20), paces(20)
    assert out(one, SUBMIT, 9) + out(two, LOOK, 9) == 18
    broker.client.flushall()
    again = [out(pace, kind, 1) for _ in range(20) for pace, kind in ((one, SUBMIT), (two, LOOK))]
    assert sum(again) <= 2 + 2  # one each before it knows, and what was left
    assert one.standing(MAIN).sent >= 20


@pytest.mark.parametrize(("processes", "each"), [(1, 36), (2, 18), (10, 3)])
def test_processes_that_redis_never_counted_share_half_of_the_budget_by_what_they_are_told_of_each_other(
    paces: Made, processes: int, each: int
) -> None:
    everybody = [paces(80, url="redis://127.0.0.1:1/0") for _ in range(processes)]
    for one in everybody:
        one.among(processes)
    assert [out(one, SUBMIT, 50) for one in everybody] == [each] * processes  # nine tenths of 80 / 2 / so many
    assert processes * each <= 80 / 2


def test_what_redis_counted_last_holds_where_it_is_more(mortal: Broker, paces: Made) -> None:
    paces(80, url=mortal.url).room(MAIN, SUBMIT)
    one, two = paces(80, url=mortal.url), paces(80, url=mortal.url)
    assert out(one, SUBMIT, 1) + out(two, SUBMIT, 1) == 2
    assert out(one, SUBMIT, 1) == 1
    mortal.halt()
    one.among(1)
    assert out(one, SUBMIT, 50) == 18 - 2  # of two


def test_without_redis_a_breaker_and_a_pause_hold_within_the_process(paces: Made) -> None:
    alone = paces(url="redis://127.0.0.1:1/0")
    fail(alone, SUBMIT)
    held = alone.permit(MAIN, SUBMIT)
    assert held is not None
    assert held.reason is Reason.BREAKER
    alone.saw(ticket(alone, LOOK), Verdict.LIMITED, timedelta(seconds=5))
    assert {type(alone.enter(MAIN, kind)) for kind in Kind} == {Held}
    assert alone.standing(MAIN).pause > timedelta(seconds=4)


def test_an_address_that_is_none_of_redis_leaves_each_process_its_own_pace() -> None:
    with capture_logs() as told:
        pace = Pace("amqp://host//", lambda _: 80)
    assert out(pace, SUBMIT, 50) == 9
    assert len(told) == 1
    pace.close()


def test_a_socket_is_found_as_celery_writes_it() -> None:
    assert plain_address("redis+socket:///tmp/a%20b/v.sock?virtual_host=2") == "unix:///tmp/a b/v.sock?db=2"
    assert plain_address("redis://h:1/0") == "redis://h:1/0"
