"""Many jobs that are added together are what they would be one after the other, whoever else adds the same at that moment."""

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from tests.worker.store.made import LEASE, MAIN, NOW, THREADS, a_job, an_attempt, at_once, new_id
from worker.core.job import Job
from worker.core.request import Request
from worker.core.states import State
from worker.store.database import open_database
from worker.store.jobs import Added, KeyReusedError, Ledger, New

_PROCESSES = 3
_KEYS = 40


def some(count: int, **changes: Any) -> list[New]:  # noqa: ANN401 - fields of Job
    return [New(a_job(**changes), "fingerprint") for _ in range(count)]


def keyed(keys: list[str], fingerprint: str = "fingerprint", **changes: Any) -> list[New]:  # noqa: ANN401 - fields of Job
    return [New(a_job(idempotency_key=key, **changes), fingerprint) for key in keys]


def job_ids(outcomes: list[Added | KeyReusedError]) -> list[str]:
    return [one.job.id if isinstance(one, Added) else one.job_id for one in outcomes]


@pytest.mark.parametrize("ring", [None, LEASE])
def test_each_is_stored_with_its_story_and_answered_in_order(ledger: Ledger, ring: Any) -> None:  # noqa: ANN401 - a duration or none
    new = some(30)
    added = ledger.add_many(new, ring=ring)
    assert job_ids(added) == [one.job.id for one in new]
    assert all(isinstance(one, Added) and one.created for one in added)
    assert {job.id: job for job in ledger.recent(99)} == {one.job.id: one.job for one in added if isinstance(one, Added)}
    assert all([line.event for line in ledger.story(one.job.id)] == ["Enqueued"] for one in new)
    assert len(ledger.claim_due([State.QUEUED], MAIN, NOW, LEASE, 99)) == (0 if ring else 30)


def test_nobody_is_nobody(ledger: Ledger) -> None:
    assert ledger.add_many([], ring=None) == []


def test_within_one_call_the_first_of_a_key_has_it(ledger: Ledger) -> None:
    first, again, other = *keyed(["key", "key"]), *keyed(["key"], "another")
    added, known, refused = ledger.add_many([first, again, other], ring=None)
    assert isinstance(added, Added)
    assert known == Added(added.job, created=False)
    assert isinstance(refused, KeyReusedError)
    assert refused.job_id == first.job.id
    assert ledger.recent(9) == [added.job]


def test_an_id_that_is_taken_stores_none_of_them(ledger: Ledger) -> None:
    [taken] = ledger.add_many(some(1), ring=None)
    assert isinstance(taken, Added)
    with pytest.raises(IntegrityError):
        ledger.add_many([*some(3), New(replace(taken.job, account="another"), "fingerprint")], ring=None)
    assert ledger.recent(9) == [taken.job]


def test_where_the_holder_of_a_key_cannot_be_read_none_of_them_is_stored(database: Engine, ledger: Ledger) -> None:
    [held] = ledger.add_many(keyed(["key"]), ring=None)
    assert isinstance(held, Added)
    with database.begin() as connection:
        connection.execute(text("UPDATE job SET failure = 'a word of a newer version' WHERE id = :id"), {"id": held.job.id})
    fresh = [*some(2), *keyed(["another"])]
    with pytest.raises(ValueError, match="newer version"):
        ledger.add_many([*fresh, *keyed(["key"])], ring=None)
    assert [job_id for job_id in (one.job.id for one in fresh) if ledger.get_many([job_id])] == []


def test_what_no_database_keeps_is_put_right_as_in_a_single_one(ledger: Ledger) -> None:
    metadata = {"nul": "a\x00b", "half": "\ud800", "none": float("nan"), "escaped": "\\u0000", "snow": "\N{SNOWMAN}\N{GRINNING FACE}"}
    numbers = {"large": 10**30, "huge": 1e300, "exact": 6.208479595147445e16, "deep": [{"of": [None, True, -0.0]}]}
    jobs = [a_job(request=Request(replica={"name": "\x00"}, metadata=metadata)), a_job(request=Request(replica={}, metadata=numbers))]
    ledger.add_many([New(job, "fingerprint") for job in jobs], ring=None)
    odd, exact = (ledger.get(job.id) for job in jobs)
    put_right = {"nul": "a\N{REPLACEMENT CHARACTER}b", "half": "\N{REPLACEMENT CHARACTER}", "none": None}
    assert odd.request.metadata == metadata | put_right
    assert odd.request.replica == {"name": "\N{REPLACEMENT CHARACTER}"}
    assert exact.request.metadata == numbers


def test_a_job_with_a_past_is_stored_whole_beside_a_new_one(ledger: Ledger) -> None:
    old = a_job(tries=3, progress="50/100", patient_from=2, cancel_requested=True)
    old = replace(old, attempts=(an_attempt(old),))
    added = ledger.add_many([New(old, "fingerprint"), *some(1)], ring=None)
    assert ledger.get(old.id) == replace(old, due_at=NOW)
    assert {job.id for job in ledger.recent(9)} == set(job_ids(added))


@pytest.mark.parametrize("seed", range(12))
def test_many_at_once_are_what_they_are_one_after_the_other(ledger: Ledger, seed: int) -> None:
    chance = random.Random(seed)
    plan = [(chance.choice((None, "a", "b", "c", "d")), chance.choice("fg")) for _ in range(20)]
    cut = chance.randrange(20)  # some are there before
    together, alone = ([New(a_job(caller=caller, idempotency_key=key), mark) for key, mark in plan] for caller in ("together", "alone"))
    outcomes = ledger.add_many(together[:cut], ring=None) + ledger.add_many(together[cut:], ring=None)
    assert _told(together, outcomes) == _told(alone, [_added(ledger, one) for one in alone])
    stored = {caller: sorted(job.id for job in ledger.recent(99) if job.caller == caller) for caller in ("together", "alone")}
    assert len(stored["together"]) == len(stored["alone"])


def _added(ledger: Ledger, new: New) -> Added | KeyReusedError:
    try:
        return ledger.add(new.job, new.fingerprint, ring=None)
    except KeyReusedError as refused:
        return refused


def _told(new: list[New], outcomes: list[Added | KeyReusedError]) -> list[tuple[object, int]]:
    """What became of each, and whose job it has."""
    place = {one.job.id: number for number, one in enumerate(new)}
    return [(one.created, place[one.job.id]) if isinstance(one, Added) else (KeyReusedError, place[one.job_id]) for one in outcomes]


def test_many_who_add_the_same_keys_in_any_order_get_the_same_jobs_and_nobody_waits_for_ever(ledger: Ledger) -> None:
    def add(number: int) -> dict[str, str]:
        keys = [f"key-{key}" for key in range(_KEYS)]
        random.Random(number).shuffle(keys)
        return dict(zip(keys, job_ids(ledger.add_many(keyed(keys), ring=None)), strict=True))

    first, *others = at_once(add)
    assert others == [first] * (THREADS - 1)
    assert len(ledger.recent(999)) == _KEYS


def _in_a_process(url: str, number: int) -> list[tuple[str, str, bool]]:
    """What one process is told of keys that all processes add, some of them for another request."""
    ledger = Ledger(open_database(url, 1))
    told: list[tuple[str, str, bool]] = []
    try:
        for start in range(0, _KEYS, 8):
            keys = [f"key-{key}" for key in range(start, start + 8)]
            random.Random(f"{number}{start}").shuffle(keys)
            jobs = [
                Job(id=new_id_of(number, key), account="main", caller="tests", request=Request(replica={}), created_at=NOW) for key in keys
            ]
            new = [New(replace(job, idempotency_key=key), "fingerprint") for job, key in zip(jobs, keys, strict=True)]
            outcomes = ledger.add_many(new, ring=None)
            told += [(key, one.job.id, one.created) for key, one in zip(keys, outcomes, strict=True) if isinstance(one, Added)]
    finally:
        ledger.close()
    return told


def new_id_of(number: int, key: str) -> Any:  # noqa: ANN401 - a job's id
    """An id that no other process gives."""
    return f"{new_id()[:20]}{number:02d}{int(key.removeprefix('key-')):04d}"


def test_processes_that_race_for_keys_get_one_job_each_and_one_of_them_made_it(database: Engine, ledger: Ledger) -> None:
    url = database.url.render_as_string(hide_password=False)
    apart = get_context("forkserver")
    apart.set_forkserver_preload([__name__])  # what they need is loaded once, and they begin in the same moment
    with ProcessPoolExecutor(_PROCESSES, apart) as pool:
        told = [one for found in pool.map(_in_a_process, [url] * _PROCESSES, range(_PROCESSES)) for one in found]
    assert len(told) == _PROCESSES * _KEYS
    assert len({(key, job_id) for key, job_id, _ in told}) == _KEYS
    assert sum(created for *_, created in told) == _KEYS == len(ledger.recent(999))
