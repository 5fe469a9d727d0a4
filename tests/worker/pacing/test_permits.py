"""A permit is of the thread that took it, for one call, and for a while; one that is not used is given back, and nobody waits for it."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.broker import Broker
from tests.worker.pacing.made import HOUR, LOOK, MAIN, SUBMIT, Made, ticket
from worker.pacing import pace as module
from worker.pacing.kinds import Held, Numbers, Reason, Verdict
from worker.pacing.pacer import Ticket


def test_a_permit_that_a_thread_took_is_its_next_calls_and_is_not_asked_for_twice(paces: Made) -> None:
    pace = paces(1)
    assert pace.permit(MAIN, SUBMIT) is None
    assert pace.permit(MAIN, SUBMIT) is None
    with ThreadPoolExecutor(1) as another:
        assert isinstance(another.submit(pace.enter, MAIN, SUBMIT).result(), Held)
    ticket(pace, SUBMIT)
    assert isinstance(pace.enter(MAIN, SUBMIT), Held)


def test_a_permit_that_was_not_used_for_long_is_none(paces: Made) -> None:
    pace = paces(1, Numbers.scaled(timedelta(seconds=6)))
    pace.permit(MAIN, SUBMIT)
    time.sleep(1.1)
    assert isinstance(pace.enter(MAIN, SUBMIT), Held)


def test_what_a_thread_took_and_did_not_use_is_given_back_for_all_and_nothing_of_other_threads(paces: Made) -> None:
    one, two = paces(4), paces(4)
    for kind in (SUBMIT, LOOK):
        assert one.permit(MAIN, kind) is None
    with ThreadPoolExecutor(1) as another:
        assert another.submit(one.permit, MAIN, SUBMIT).result() is None
        ticket(one, SUBMIT)
        one.release()
        assert (one.standing(MAIN).sent, two.standing(MAIN).sent) == (2, 2)
        assert isinstance(another.submit(one.enter, MAIN, SUBMIT).result(), Ticket)
    assert two.standing(MAIN).sent == 2
    ticket(two, LOOK)


def test_a_probe_that_was_not_used_is_given_back_and_another_finds_out(paces: Made) -> None:
    one, two = (paces(None, Numbers.scaled(timedelta(seconds=6))) for _ in range(2))  # a breaker opens for half a second
    for _ in range(HOUR.failures):
        one.saw(ticket(one, SUBMIT), Verdict.FAILED)
    time.sleep(0.6)
    assert one.permit(MAIN, SUBMIT) is None
    held = two.permit(MAIN, SUBMIT)
    assert held is not None
    assert held.reason is Reason.BREAKER
    one.release()
    two.saw(ticket(two, SUBMIT), Verdict.OK)
    assert one.standing(MAIN).breaks == {}


def test_a_permit_that_grew_too_old_is_given_back_when_another_is_taken(paces: Made) -> None:
    pace = paces(4, Numbers.scaled(timedelta(seconds=6)))
    assert pace.permit(MAIN, SUBMIT) is None
    time.sleep(1.1)
    assert pace.permit(MAIN, SUBMIT) is None
    assert pace.standing(MAIN).sent == 1


def test_a_permit_that_was_given_back_while_redis_was_away_is_not_told_to_it(monkeypatch: pytest.MonkeyPatch, paces: Made) -> None:
    monkeypatch.setattr(module, "_AWAY_MS", 300)
    mortal = Broker().start()
    try:
        pace = paces(40, url=mortal.url)
        mortal.halt()
        for _ in range(10):
            assert pace.permit(MAIN, SUBMIT) is None
            pace.release()
        assert pace.standing(MAIN).sent == 0
        ticket(pace, SUBMIT)
        mortal.start()
        time.sleep(0.35)
        ticket(pace, LOOK)
        assert pace.standing(MAIN).sent == 2
    finally:
        mortal.stop()
