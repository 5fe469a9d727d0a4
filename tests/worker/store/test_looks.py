"""A look without news moves the time of the next one, for many jobs in one statement, and nothing that another has written."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from tests.worker.store.conftest import POSTGRESQL
from tests.worker.store.hearing import overheard
from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, an_attempt, at_once, changed, rung, stored
from worker.core.decision import Decision
from worker.core.effects import StopAccount
from worker.core.events import TrainingContinued
from worker.core.failures import Failure
from worker.core.job import Job, JobId, Outcome, ReplicaId
from worker.core.looking import Look
from worker.core.states import State
from worker.store.database import open_database
from worker.store.jobs import Applied, Ledger
from worker.store.looks import Claimed, is_no_news

SOON = NOW + 100 * SECOND
EVENT = TrainingContinued(ReplicaId("r1"), "40/100")


def looked(job: Job, tries: int = 0) -> Applied:
    return Applied(job, EVENT, Decision(replace(job, due_at=SOON, progress="40/100", tries=tries)))


def test_many_looks_are_written_as_many_decisions_would_be_and_their_messages_are_answered(ledger: Ledger) -> None:
    jobs = [ledger.get(rung(ledger, tries=number)) for number in range(1200)]
    changes = [looked(job, tries=number % 3) for number, job in enumerate(jobs)]
    assert ledger.put_off(changes, NOW + SECOND) == {job.id for job in jobs}
    written = {job.id: job for job in ledger.get_many([job.id for job in jobs])}
    assert written == {change.before.id: change.after for change in changes}
    assert ledger.answered(list(written), NOW + LEASE) == []
    assert len(ledger.story(jobs[0].id)) == 2


def test_who_was_written_to_meanwhile_is_left_as_he_is(ledger: Ledger) -> None:
    read = [ledger.get(rung(ledger)) for _ in range(3)]
    called = changed(ledger, read[1], due_at=NOW)
    assert ledger.put_off([looked(job) for job in read], NOW) == {read[0].id, read[2].id}
    assert ledger.get(called.id) == called


def test_of_many_who_look_at_the_same_jobs_at_once_each_job_has_one(ledger: Ledger) -> None:
    jobs = [ledger.get(rung(ledger)) for _ in range(50)]
    written = at_once(lambda number: ledger.put_off([looked(job) for job in (jobs if number % 2 else jobs[::-1])], NOW))
    assert sorted(job_id for ids in written for job_id in ids) == [job.id for job in jobs]
    assert {job.version for job in ledger.get_many([job.id for job in jobs])} == {jobs[0].version + 1}


def in_training(ledger: Ledger, due_at: datetime | None = NOW, account: str = MAIN, **changes: Any) -> Job:  # noqa: ANN401 - fields of Attempt
    job = stored(ledger, account=account)
    charged = {"outcome": Outcome.CHARGED, "replica_id": ReplicaId(f"r{job.id}")}
    return changed(ledger, job, state=State.TRAINING, due_at=due_at, attempts=(an_attempt(job, **(charged | changes)),))


def test_a_look_is_told_of_its_job_what_the_job_says(ledger: Ledger) -> None:
    job = changed(ledger, in_training(ledger), progress="7/100", tries=2, watched_since=NOW - SECOND)
    assert ledger.looks([job.id, job.id], NOW) == [
        Look(job.id, MAIN, job.version, NOW, 2, "7/100", NOW - SECOND, ReplicaId(f"r{job.id}"), "phoenix-4/image", NOW)
    ]


def test_who_is_due_for_more_than_a_look_or_for_none_is_not_among_the_looks(ledger: Ledger) -> None:
    plain, called = in_training(ledger), in_training(ledger)
    assert [claim.job_id for claim in ledger.claim_these([called.id], NOW, LEASE)] == [called.id]
    later, bare, gone = in_training(ledger, NOW + SECOND), in_training(ledger, replica_id=None), in_training(ledger, vanished_at=NOW)
    missed = changed(ledger, in_training(ledger), missing_since=NOW)
    tried = in_training(ledger)
    tried = changed(ledger, tried, attempts=(*tried.attempts, an_attempt(tried, 2)))
    over, queued = changed(ledger, in_training(ledger), state=State.CANCELLED), stored(ledger)
    every = [one.id for one in (plain, called, later, bare, gone, missed, tried, over, queued)]
    assert {look.id for look in ledger.looks([*every, JobId("unknown")], NOW)} == {plain.id, called.id}
    assert {look.id for look in ledger.looks(every, NOW + SECOND)} == {plain.id, called.id, later.id}
    ledger.stop(StopAccount(MAIN, Failure.OUT_OF_CREDIT, deaf=False), NOW)
    assert len(ledger.looks(every, NOW)) == 2
    ledger.stop(StopAccount(MAIN, Failure.KEY_REJECTED, deaf=True), NOW)
    assert ledger.looks(every, NOW) == []


def test_looks_are_claimed_with_whom_is_nearly_due_if_anybody_is_due(ledger: Ledger) -> None:
    third, second, first, late = (in_training(ledger, NOW + seconds * SECOND) for seconds in (7, 5, 1, 11))
    called = in_training(ledger, NOW - LEASE + 3 * SECOND)  # so its lease is over then
    assert ledger.claim_these([called.id], called.due_at or NOW, LEASE)
    assert ledger.claim_looks(MAIN, NOW, SOON, LEASE, 100) == Claimed()
    due, elsewhere = in_training(ledger), in_training(ledger, account="other")
    bare = stored(ledger, State.TRAINING, NOW - SECOND)
    claimed = ledger.claim_looks(MAIN, NOW, NOW + 10 * SECOND, LEASE, 4)
    assert ([look.id for look in claimed.looks], claimed.others) == (sorted([second.id, first.id, due.id]), (bare.id,))
    assert claimed.looks == tuple(ledger.looks(list(claimed.ids), NOW))
    assert {look.due_at for look in claimed.looks} == {NOW + LEASE}
    for left in (third, late, elsewhere):
        assert ledger.get(left.id) == left
    assert ledger.claim_looks(MAIN, NOW, SOON, LEASE, 100) == Claimed()
    assert ledger.claim_looks("other", NOW, SOON, LEASE, 0) == Claimed()
    assert [look.id for look in ledger.claim_looks(MAIN, NOW + 3 * SECOND, NOW + 7 * SECOND, LEASE, 9).looks] == [third.id, called.id]


def test_no_look_is_claimed_of_an_account_whose_key_is_refused(ledger: Ledger) -> None:
    job = in_training(ledger)
    ledger.stop(StopAccount(MAIN, Failure.KEY_REJECTED, deaf=True), NOW)
    assert ledger.claim_looks(MAIN, NOW, SOON, LEASE, 100) == Claimed()
    assert ledger.get(job.id) == job


def test_those_who_claim_looks_at_once_have_each_his_own(ledger: Ledger) -> None:
    ids = [in_training(ledger).id for _ in range(40)]
    claimed = at_once(lambda _: ledger.claim_looks(MAIN, NOW, SOON, LEASE, 10).ids)
    assert sorted(one for own in claimed for one in own) == sorted(ids)


def test_the_next_look_is_written_as_the_next_of_its_job_and_not_over_what_another_wrote(ledger: Ledger) -> None:
    jobs = [in_training(ledger) for _ in range(3)]
    looks = sorted(ledger.looks([job.id for job in jobs], NOW), key=lambda look: look.id)
    stale = changed(ledger, jobs[1], detail="written by another")
    made = [(look, replace(look, version=look.version + 1, due_at=SOON, progress="40/100", tries=1)) for look in looks]
    assert ledger.look_again(made, NOW + SECOND) == {jobs[0].id, jobs[2].id}
    written = {job.id: job for job in ledger.get_many([job.id for job in jobs])}
    for job in (jobs[0], jobs[2]):
        assert written[job.id] == replace(job, version=job.version + 1, due_at=SOON, progress="40/100", tries=1)
        assert written[job.id].written_at == NOW + SECOND
    assert written[stale.id] == stale
    assert {look.version for look in ledger.looks(list(written), SOON)} == {jobs[0].version + 1}
    assert ledger.look_again([], NOW) == set()


def test_no_looks_are_no_mistake(ledger: Ledger) -> None:
    assert ledger.put_off([], NOW) == set()


def test_who_was_rung_for_or_is_due_answers_and_is_not_fenced(ledger: Ledger) -> None:
    called, due, later = rung(ledger), stored(ledger).id, stored(ledger, due_at=NOW + SECOND).id
    over = stored(ledger, State.DONE, None).id
    answered = ledger.answered([later, over, due, called, JobId("unknown")], NOW)
    assert {job.id for job in answered} == {called, due}
    assert answered == ledger.answered([due, called], NOW)
    assert changed(ledger, ledger.get(called), detail="written by another").detail == "written by another"


def test_only_a_later_look_is_no_news(ledger: Ledger) -> None:
    job = stored(ledger, State.TRAINING, attempts=(an_attempt(stored(ledger)),))
    again = replace(job, due_at=SOON, progress="7/100", tries=3)
    assert is_no_news(job, Decision(again))
    assert not is_no_news(job, Decision(again, why="a line"))
    assert not is_no_news(job, Decision(again, (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)))
    assert not is_no_news(job, Decision(replace(again, due_at=None)))
    assert not is_no_news(job, Decision(replace(again, missing_since=NOW)))
    assert not is_no_news(job, Decision(replace(again, attempts=(replace(job.attempts[0], vanished_at=NOW),))))


def test_words_of_others_are_written_as_they_are_for_each_of_many_looks(ledger: Ledger) -> None:
    words = ['a "word", {and} more', "back\\slash\\", "NULL", "", None, "n\0ull", "zwölf\n'"]
    jobs = [ledger.get(rung(ledger)) for _ in words]
    looks = [Applied(job, EVENT, Decision(replace(job, due_at=SOON, progress=word))) for job, word in zip(jobs, words, strict=True)]
    assert ledger.put_off(looks, NOW) == {job.id for job in jobs}
    assert [ledger.get(job.id).progress for job in jobs] == [word and word.replace("\0", "\ufffd") for word in words]


def test_an_odd_name_of_a_job_is_the_name_of_none(ledger: Ledger) -> None:
    called = rung(ledger)
    assert [job.id for job in ledger.answered([JobId('{"'), JobId("\\"), JobId(f"{called},NULL"), called], NOW)] == [called]


def test_a_job_that_another_writes_at_this_moment_is_passed_over_and_nobody_waits(migrated: Callable[[str], str]) -> None:
    database = open_database(migrated(POSTGRESQL), 2)
    ledger = Ledger(database)
    free, locked = (ledger.get(rung(ledger)) for _ in range(2))
    with database.begin() as another:
        another.execute(text("UPDATE job SET detail = 'written' WHERE id = :id"), {"id": locked.id})
        assert ledger.put_off([looked(locked), looked(free)], NOW) == {free.id}
    assert ledger.get(locked.id) == replace(locked, detail="written")
    ledger.close()


def test_a_training_that_another_writes_at_this_moment_is_not_claimed_and_nobody_waits(migrated: Callable[[str], str]) -> None:
    database = open_database(migrated(POSTGRESQL), 2)
    ledger = Ledger(database)
    free, locked = (in_training(ledger) for _ in range(2))
    with database.begin() as another:
        another.execute(text("UPDATE job SET detail = 'written' WHERE id = :id"), {"id": locked.id})
        assert ledger.claim_looks(MAIN, NOW, SOON, LEASE, 9).ids == (free.id,)
    ledger.close()


def test_a_look_without_news_is_one_journey_and_its_job_is_read_in_two(migrated: Callable[[str], str]) -> None:
    database = open_database(migrated(POSTGRESQL), 2)
    ledger = Ledger(database)
    job = changed(ledger, stored(ledger), attempts=())
    job = changed(ledger, job, attempts=(an_attempt(job), an_attempt(job, 2)))
    with overheard(database) as heard:
        assert ledger.answered([job.id], NOW) == [job]
        assert ledger.put_off([looked(job)], NOW) == {job.id}
    assert [(one.text.startswith("SELECT account."), one.alone) for one in heard] == [(True, True), (False, True), (False, True)]
    [look] = ledger.looks([in_training(ledger).id], NOW)
    with overheard(database) as heard:
        assert ledger.looks([look.id], NOW) == [look]
        assert ledger.look_again([(look, look)], NOW) == {look.id}
    assert [one.alone for one in heard] == [True, True]
    ledger.close()
