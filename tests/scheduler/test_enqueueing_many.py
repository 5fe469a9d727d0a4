"""Requests that come together are what they would be one after the other: the same is stored, the same refused in the same words, all rung for."""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler.producers import Asked, Outcome, enqueue, enqueue_many
from scheduler.requests import RequestInvalidError
from scheduler.sweep import sweep
from tests.broker import Broker
from tests.scheduler.bad import BAD
from tests.scheduler.made import KEYS, a_replica, a_request, opened, settings_in
from worker.app import SUBMIT, SWEEP
from worker.assembly import Parts
from worker.core.states import State
from worker.store.clock import utc_now
from worker.store.jobs import Added, KeyReusedError

_MANY = 40
_LEFT = re.compile(r"in \d+[dhms][^)]*")  # how long an address still lives: less, the second time that it is said


@pytest.fixture
def two(home_of: Callable[[Path], Path], tmp_path: Path) -> Iterator[tuple[Parts, Parts]]:
    """Two ledgers that know the same voices."""
    homes = [tmp_path / name for name in ("together", "alone")]
    for home in homes:
        home.mkdir()
    with opened(settings_in(home_of(homes[0]))) as together, opened(settings_in(home_of(homes[1]))) as alone:
        for parts in (together, alone):
            for account in KEYS:
                parts.ledger.keep_voices(account, ["anna"], utc_now())
        yield together, alone


def any_request(chance: random.Random) -> Asked:
    """One that is good, bad, repeated, or not the same as before under its key."""
    key = chance.choice((None, "k1", "k2", "k3"))
    good = a_request(priority=chance.randrange(2)) | chance.choice(
        ({}, {"account": "studio"}, {"idempotency_key": chance.choice(("k1", "k2"))})
    )
    document = chance.choice((good, good, good, chance.choice(list(BAD.values()))[0]))
    return Asked(document, *chance.choice(((key, None), (None, key))))


def told(outcomes: list[Outcome]) -> list[object]:
    """What became of each: whether it is new, whose job it has (by place), or every problem of it."""
    places: dict[str, int] = {}
    for place, one in enumerate(outcomes):
        if isinstance(one, Added):
            places.setdefault(one.job.id, place)
    return [
        (one.created, places[one.job.id]) if isinstance(one, Added)
        else ("key reused", places[one.job_id]) if isinstance(one, KeyReusedError)
        else [(problem.field, _LEFT.sub("in a while", problem.problem)) for problem in one.problems]
        for one in outcomes
    ]  # fmt: skip


def one_by_one(parts: Parts, asked: list[Asked]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for one in asked:
        try:
            outcomes.append(enqueue(parts, one.document, key=one.key, beside=one.beside))
        except (RequestInvalidError, KeyReusedError) as refused:
            outcomes.append(refused)
    return outcomes


def contents(parts: Parts) -> list[Any]:
    """All that is stored, but for ids and moments."""
    jobs = parts.ledger.recent(999)
    rows = [
        (str(job.idempotency_key), job.account, job.priority, job.state, len(parts.ledger.story(job.id)), str(job.request)) for job in jobs
    ]
    return sorted(rows)


@pytest.mark.parametrize("seed", range(8))
def test_a_batch_is_what_its_items_are_one_after_the_other(two: tuple[Parts, Parts], seed: int) -> None:
    chance, (together, alone) = random.Random(seed), two
    asked = [any_request(chance) for _ in range(30)]
    cut = chance.randrange(30)
    outcomes = enqueue_many(together, asked[:cut]) + enqueue_many(together, asked[cut:])
    assert told(outcomes) == told(one_by_one(alone, asked))
    assert contents(together) == contents(alone)


def test_every_bad_request_is_refused_in_the_same_words_among_others_and_spoils_none(two: tuple[Parts, Parts]) -> None:
    together, alone = two
    asked = [one for document, _ in BAD.values() for one in (Asked(document), Asked(a_request()))]
    outcomes = enqueue_many(together, asked)
    assert told(outcomes) == told(one_by_one(alone, asked))
    assert len(together.ledger.recent(999)) == len(BAD)


def test_a_repeated_request_has_its_job_though_it_would_not_be_let_in_any_more(parts: Parts) -> None:
    first = enqueue(parts, a_request(idempotency_key="k1"))
    parts.ledger.keep_voices("default", ["benjamin"], utc_now())  # meanwhile the voice is gone
    again, refused = enqueue_many(parts, [Asked(a_request(), beside="k1"), Asked(a_request(priority=1), beside="k1")])
    assert again == Added(first.job, created=False)
    assert isinstance(refused, RequestInvalidError)


def rung(broker: Broker) -> list[str]:
    """Every job that the messages for submissions name."""
    return [job_id for message in broker.messages(SUBMIT) for job_id in message["arguments"][0]]


def test_few_are_rung_for_at_once_with_one_message(parts: Parts, broker: Broker) -> None:
    outcomes = enqueue_many(parts, [Asked(a_request()) for _ in range(3)])
    ids = [one.job.id for one in outcomes if isinstance(one, Added)]
    assert [message["arguments"][0] for message in broker.messages(SUBMIT)] == [ids]
    assert broker.waiting(SWEEP) == 0


def test_many_are_left_due_and_one_message_has_the_sweep_ring_for_them_all(parts: Parts, broker: Broker) -> None:
    for _ in range(2):
        enqueue_many(parts, [Asked(a_request()) for _ in range(_MANY)])
    assert (broker.waiting(SUBMIT), broker.waiting(SWEEP)) == (0, 1)
    assert all(job.due_at == job.created_at for job in parts.ledger.recent(999))
    sweep(parts)
    assert sorted(rung(broker)) == sorted(job.id for job in parts.ledger.recent(999))


def test_what_was_there_before_is_not_rung_for_again(parts: Parts, broker: Broker) -> None:
    asked = [Asked(a_request(idempotency_key=f"k{number}")) for number in range(_MANY)]
    enqueue_many(parts, asked)
    broker.client.flushall()
    assert not any(one.created for one in enqueue_many(parts, asked) if isinstance(one, Added))
    assert broker.names() == []


def test_a_lost_message_costs_no_more_than_the_next_sweep(parts: Parts, broker: Broker) -> None:
    enqueue_many(parts, [Asked(a_request()) for _ in range(_MANY)])
    broker.client.flushall()
    sweep(parts)
    assert sorted(rung(broker)) == sorted(job.id for job in parts.ledger.recent(999))


def test_without_a_broker_many_are_stored_and_stay_due(home: Path) -> None:
    with opened(settings_in(home)) as parts:
        enqueue_many(parts, [Asked(a_request()) for _ in range(_MANY)])
        jobs = parts.ledger.recent(999)
        assert [job.state for job in jobs] == [State.QUEUED] * _MANY
        assert all(job.due_at == job.created_at for job in jobs)


def test_a_broker_that_goes_away_costs_many_no_job_and_one_that_is_back_is_rung_again(home: Path) -> None:
    broker = Broker().start()
    try:
        with opened(settings_in(home, redis_url=broker.url)) as parts:
            many = [Asked(a_request()) for _ in range(_MANY)]
            enqueue_many(parts, many)
            broker.halt()
            assert all(isinstance(one, Added) and one.created for one in enqueue_many(parts, many))
            assert len(parts.ledger.recent(999)) == 2 * _MANY
            broker.start().client.flushall()
            enqueue_many(parts, many)
            enqueue_many(parts, many)  # the first may have met a connection that was cut
            assert broker.waiting(SWEEP) == 1
    finally:
        broker.stop()


def test_the_voices_are_asked_for_once_for_all_and_anew_for_the_next(parts: Parts) -> None:
    parts.ledger.keep_voices("default", ["anna"], utc_now())
    assert all(isinstance(one, Added) for one in enqueue_many(parts, [Asked(a_replica(voice_name="Anna")) for _ in range(3)]))
    parts.ledger.keep_voices("default", ["benjamin"], utc_now())
    assert all(isinstance(one, RequestInvalidError) for one in enqueue_many(parts, [Asked(a_replica(voice_name="Anna")) for _ in range(3)]))
