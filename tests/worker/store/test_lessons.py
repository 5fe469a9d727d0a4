"""What trainings teach is read from the newest of each kind alone, and one lesson of each subject is kept."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from tests.worker.store.made import MAIN, NOW, SECOND, THREADS, an_attempt, at_once, change, changed, stored
from worker.core.calling import Ending
from worker.core.job import Job, Outcome, ReplicaId
from worker.core.request import Request
from worker.core.states import State
from worker.store.jobs import Ledger
from worker.store.lessons import Training

HOUR = timedelta(hours=1)
VIDEO = Request(replica={"train_video_url": "https://videos.example/head.mp4", "model_name": "phoenix-3"})

LONG_AGO = NOW - timedelta(days=9)


def trained(ledger: Ledger, began: timedelta, took: timedelta | None, outcome: Outcome = Outcome.TRAINED, **given: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job whose training began so long after NOW and took so long; without an end it runs. `called`: so long after the end."""
    called = given.pop("called", None)
    job = stored(ledger, **given)
    ended_at = None if took is None else NOW + began + took
    called_at = None if called is None or ended_at is None else ended_at + called
    dates: dict[str, Any] = {"intended_at": NOW + began, "ended_at": ended_at, "called_at": called_at}
    return changed(ledger, job, attempts=(an_attempt(job, outcome=outcome, replica_id=ReplicaId("r1"), **dates),))


def test_a_ledger_without_a_training_teaches_nothing(ledger: Ledger) -> None:
    job = stored(ledger)
    changed(ledger, job, attempts=(an_attempt(job),))
    assert (ledger.subjects(), ledger.trainings("phoenix-4/image", NOW, 9, LONG_AGO), ledger.endings(MAIN, 9), ledger.lessons()) == (
        [],
        [],
        [],
        {},
    )


def test_each_kind_of_training_is_a_subject_of_its_own_and_those_that_began_last_come_first(ledger: Ledger) -> None:
    trained(ledger, 0 * HOUR, 5 * HOUR)
    trained(ledger, 1 * HOUR, HOUR / 60, Outcome.FAILED)
    trained(ledger, 2 * HOUR, None, Outcome.CHARGED)
    trained(ledger, 0 * HOUR, 2 * HOUR, request=VIDEO)
    assert ledger.subjects() == ["phoenix-3/video", "phoenix-4/image"]
    assert ledger.trainings("phoenix-3/video", NOW, 9, LONG_AGO) == [Training(2 * HOUR, well=True)]
    everything = [Training(None, well=False), Training(HOUR / 60, well=False), Training(5 * HOUR, well=True)]
    assert ledger.trainings("phoenix-4/image", NOW + 9 * HOUR, 9, LONG_AGO) == everything
    assert ledger.trainings("phoenix-4/image", NOW + 9 * HOUR, 2, LONG_AGO) == everything[:2]
    assert ledger.trainings("phoenix-4/image", NOW + 1 * HOUR, 9, LONG_AGO) == everything[1:]


def test_how_late_the_look_came_that_found_a_training_over_is_told_and_of_before_that_was_kept_it_was_in_time(ledger: Ledger) -> None:
    for look_due_at in (NOW + HOUR, None):
        job = stored(ledger)
        ended: dict[str, Any] = {"outcome": Outcome.TRAINED, "replica_id": ReplicaId("r1"), "ended_at": NOW + 3 * HOUR}
        changed(ledger, job, attempts=(an_attempt(job, look_due_at=look_due_at, **ended),))
    assert {one.late for one in ledger.trainings("phoenix-4/image", NOW + HOUR, 9, LONG_AGO)} == {2 * HOUR, 0 * HOUR}


def test_a_look_without_news_leaves_its_moment_for_the_next(ledger: Ledger) -> None:
    job = stored(ledger, State.TRAINING)
    ledger.put_off([change(job, due_at=NOW + HOUR)], NOW + 2 * SECOND)
    ledger.claim_these([job.id], NOW + HOUR, HOUR)
    [found] = ledger.answered([job.id], NOW + HOUR)
    assert found.written_at == NOW + 2 * SECOND


def test_what_never_was_a_training_or_vanished_or_ended_unseen_teaches_nothing(ledger: Ledger) -> None:
    for fields in (
        {"outcome": Outcome.REFUSED},
        {"outcome": Outcome.CHARGED, "replica_id": ReplicaId("r1"), "vanished_at": NOW},
        {"outcome": Outcome.TRAINED, "replica_id": ReplicaId("r1")},
    ):
        job = stored(ledger)
        changed(ledger, job, attempts=(an_attempt(job, **fields),))
    assert ledger.trainings("phoenix-4/image", NOW + HOUR, 9, LONG_AGO) == []


def test_the_endings_of_an_account_tell_of_their_callbacks_newest_first(ledger: Ledger) -> None:
    trained(ledger, 0 * HOUR, HOUR, called=SECOND)
    trained(ledger, 0 * HOUR, 2 * HOUR, Outcome.FAILED)
    job = stored(ledger, account="other")
    changed(ledger, job, attempts=(an_attempt(job, outcome=Outcome.TRAINED, ended_at=NOW),))
    assert ledger.endings(MAIN, 9) == [Ending(NOW + 2 * HOUR, None), Ending(NOW + HOUR, NOW + HOUR + SECOND)]
    assert ledger.endings(MAIN, 1) == [Ending(NOW + 2 * HOUR, None)]
    assert len(ledger.endings("other", 9)) == 1


def test_the_newest_lesson_of_a_subject_takes_the_place_of_the_one_before(ledger: Ledger) -> None:
    ledger.keep_lesson("training:a", {"trained": [1, 2], "failed": []}, NOW)
    ledger.keep_lesson("training:a", {"trained": [3], "failed": [4]}, NOW + HOUR)
    assert ledger.lessons() == {"training:a": {"trained": [3], "failed": [4]}}


def test_many_that_learn_at_once_keep_one_lesson(ledger: Ledger) -> None:
    at_once(lambda number: ledger.keep_lesson("training:a", {"trained": [number], "failed": []}, NOW), THREADS)
    assert list(ledger.lessons()) == ["training:a"]


def test_no_question_reads_more_than_the_index_that_is_made_for_it(ledger: Ledger) -> None:
    trained(ledger, 0 * HOUR, HOUR)
    with ledger._database.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        for question in (
            "SELECT subject FROM attempt WHERE replica_id IS NOT NULL AND subject > 'a' ORDER BY subject LIMIT 1",
            "SELECT number FROM attempt WHERE subject = 'a' AND replica_id IS NOT NULL AND intended_at < '2026-11-01' ORDER BY intended_at DESC",
            "SELECT ended_at FROM attempt WHERE account = 'a' AND outcome = 'trained' AND ended_at IS NOT NULL ORDER BY intended_at DESC LIMIT 60",
        ):
            plan = " ".join(str(row) for row in connection.execute(text(f"{explain} {question}")))
            assert "ix_attempt_subject" in plan or ("account" in question and "ix_attempt_account" in plan)
            assert "sort" not in plan.lower().replace("temp b-tree", "sort")


def test_a_callback_and_an_alarm_are_read_as_they_were_written(ledger: Ledger) -> None:
    job = stored(ledger)
    attempt = an_attempt(job, ended_at=NOW, called_at=NOW + SECOND, late_at=NOW - SECOND)
    assert ledger.get(changed(ledger, job, attempts=(attempt,)).id).attempt == attempt
