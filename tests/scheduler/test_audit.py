"""An audit finds nothing in a ledger that only the product has written, and every corruption that is planted in it, with exit status 1."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from scheduler.audit import audit_ledger, audit_tavus
from scheduler.findings import Finding
from scheduler.producers import enqueue
from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.commands import commands_in
from tests.scheduler.kept import healthy
from tests.scheduler.made import a_replica, at_tavus, opened, settings_in, trained
from worker.assembly import Parts
from worker.core import events
from worker.core.job import Job, JobId
from worker.core.states import State
from worker.settings import Settings
from worker.store.jobs import Ledger
from worker.tavus.client import Answer
from worker.tavus.wire import replica_of

MANY = 400


@dataclass(frozen=True)
class Planted:
    """A corruption: SQL on one row, and the check that must find it."""

    sql: str
    check: str
    of: State = State.DONE
    words: str = ""


CORRUPTIONS = {
    "a second live replica": Planted(
        "INSERT INTO attempt (job_id, number, mark, intended_at, fixer, outcome, replica_id, account, delete_hard) "
        "SELECT job_id, number + 1, substr(mark, 1, length(mark) - 1) || (number + 1), intended_at, fixer, 'charged', 'rsecond', account, 0 "
        "FROM attempt WHERE job_id = :id ORDER BY number DESC LIMIT 1",
        "paid once",
    ),
    "a replica of another job": Planted(
        "UPDATE attempt SET replica_id = (SELECT replica_id FROM attempt WHERE job_id <> :id AND replica_id IS NOT NULL LIMIT 1) "
        "WHERE job_id = :id AND replica_id IS NOT NULL",
        "one owner",
    ),
    "a training that nobody will look at": Planted("UPDATE job SET due_at = NULL WHERE id = :id", "next look", State.TRAINING),
    "a job that waits for a person and yet is due": Planted("UPDATE job SET due_at = created_at WHERE id = :id", "next look", State.HELD),
    "a state that the story does not tell": Planted("UPDATE job SET state = 'ready' WHERE id = :id", "story"),
    "a story without its beginning": Planted("DELETE FROM story WHERE job_id = :id AND event = 'Enqueued'", "story", words="beginning"),
    "a story with a line taken out": Planted(
        "DELETE FROM story WHERE job_id = :id AND from_state = 'queued' AND to_state <> 'queued'", "story", words="missing"
    ),
    "an outcome written by hand": Planted("UPDATE attempt SET outcome = 'refused', replica_id = NULL WHERE job_id = :id", "state"),
    "a failed replica deleted before its refund was safe": Planted(
        "UPDATE attempt SET deleted_at = error_first_seen_at WHERE job_id = :id AND outcome = 'failed'", "refund", State.ABANDONED
    ),
    "a failed replica without a date to keep it to": Planted(
        "UPDATE attempt SET deletable_at = NULL WHERE job_id = :id AND outcome = 'failed'", "refund", State.ABANDONED
    ),
    "a failed replica that would be deleted tomorrow too early": Planted(
        "UPDATE attempt SET delete_due_at = error_first_seen_at WHERE job_id = :id AND outcome = 'failed'", "refund", State.ABANDONED
    ),
    "a mark of somebody else": Planted("UPDATE attempt SET mark = 'rw-000000000000-7' WHERE job_id = :id AND number = 1", "attempts"),
    "a replica without an outcome": Planted("UPDATE attempt SET replica_id = NULL WHERE job_id = :id", "attempts"),
    "a done job without its conversation": Planted("UPDATE job SET conversation_id = NULL WHERE id = :id", "state"),
    "a queued job that may have been paid for": Planted("UPDATE job SET state = 'queued' WHERE id = :id", "state"),
    "a word that is no state": Planted("UPDATE job SET state = 'resting' WHERE id = :id", "readable"),
    "a word that is no failure in the story": Planted(
        "UPDATE story SET event = 'Guessed' WHERE id = (SELECT max(id) FROM story WHERE job_id = :id)", "story", words="cannot be read"
    ),
    "a held job without a reason": Planted("UPDATE job SET failure = NULL WHERE id = :id", "state", State.HELD),
}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory, home_of: Callable[[Path], Path]) -> Path:
    """A ledger that many jobs have lived in."""
    home = home_of(tmp_path_factory.mktemp("lived"))
    with opened(settings_in(home)) as parts:
        healthy(parts.ledger, 120)
    return home / "ledger.db"


def found(parts: Parts) -> list[Finding]:
    """What an audit of the ledger finds."""
    return list(audit_ledger(parts))


def one_in(ledger: Ledger, state: State) -> Job:
    """A job in this state, with what such a job has: a done one a conversation, an abandoned one a failed replica that is kept."""
    fit = {State.DONE: lambda job: job.conversation is not None, State.ABANDONED: _failed}
    return next(job for job in ledger.recent(10_000, state) if fit.get(state, bool)(job))


def _failed(job: Job) -> bool:
    return any(one.deletable_at is not None and one.deleted_at is None for one in job.attempts)


def by_hand(parts: Parts, sql: str, job_id: JobId) -> int:
    """Change rows as a person with a database client would; how many."""
    with parts.ledger._database.begin() as connection:
        return connection.execute(text(sql), {"id": job_id} if ":id" in sql else {}).rowcount


def test_nothing_is_found_where_only_the_product_has_written(parts: Parts) -> None:
    healthy(parts.ledger, MANY)
    assert len(parts.ledger.recent(10_000)) == MANY
    assert {job.state for job in parts.ledger.recent(10_000)} >= {State.DONE, State.ABANDONED, State.CANCELLED, State.HELD, State.TRAINING}
    assert found(parts) == []


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_planted_corruption_is_found(name: str, settings: Settings, pattern: Path) -> None:
    (settings.home / "ledger.db").write_bytes(pattern.read_bytes())
    planted = CORRUPTIONS[name]
    with opened(settings) as parts:
        assert found(parts) == []
        assert by_hand(parts, planted.sql, one_in(parts.ledger, planted.of).id) > 0
        problems = [one for one in found(parts) if one.check == planted.check]
        assert problems
        assert planted.words in problems[0].problem


def test_the_command_says_so_by_its_exit_status_and_as_a_table(settings: Settings, broker: Broker, pattern: Path) -> None:
    (settings.home / "ledger.db").write_bytes(pattern.read_bytes())
    replicas = commands_in(settings.home, broker)
    healthy_one = replicas("audit")
    assert (healthy_one.status, healthy_one.out) == (0, "120 jobs, and everything holds\n")
    with opened(settings) as parts:
        job = one_in(parts.ledger, State.HELD)
        by_hand(parts, "UPDATE job SET due_at = created_at WHERE id = :id", job.id)
    broken, as_json = replicas("audit"), replicas("audit", "--json")
    assert (broken.status, as_json.status) == (1, 1)
    assert job.id in broken.out
    assert "1 findings in 120 jobs" in broken.out
    assert [(one["check"], one["subject"]) for one in json.loads(as_json.out)] == [("next look", job.id)]


@dataclass(frozen=True)
class Remote:
    """Parts, and the Tavus that they work with."""

    parts: Parts
    tavus: Sandbox

    def made(self, name: str) -> str:
        """A replica that somebody made at Tavus by hand; its id."""
        body = {"train_image_url": self.tavus.picture(f"by={name}"), "voice_name": "anna", "replica_name": name, "model_name": "phoenix-4"}
        reply = self.parts.tavus.create_replica("default", body)
        assert isinstance(reply, Answer)
        replica = replica_of(reply.document)
        assert replica is not None
        return replica.id

    def failed(self) -> Job:
        """A job whose replica has just failed."""
        job = enqueue(self.parts, a_replica(train_image_url=self.tavus.picture("sandbox_outcome=CelebrityFoundError"))).job
        self.parts.engine.advance(job.id)
        self.tavus.advance(timedelta(hours=12))
        self.parts.engine.tell(job.id, events.CallbackReceived())
        [over] = self.parts.engine.advance_many([job.id])
        assert isinstance(over, Job)
        return over

    def gone(self, job: Job) -> None:
        """Somebody deletes the job's replica at Tavus."""
        assert job.replica_id is not None
        self.parts.tavus.delete_replica("default", job.replica_id, hard=False)

    def found(self) -> list[tuple[str, str]]:
        """What an audit of the lists finds."""
        return [(one.check, one.subject) for one in audit_tavus(self.parts)]


@pytest.fixture
def remote(settings: Settings) -> Iterator[Remote]:
    """A Tavus with replicas of ours and of others, and parts that look at new ones at once."""
    with Sandbox() as tavus, opened(at_tavus(settings, tavus).model_copy(update={"settle_time": timedelta(0)})) as parts:
        one = Remote(parts, tavus)
        one.made("somebody-elses")
        yield one


def test_nothing_is_found_where_tavus_has_what_the_ledger_has(remote: Remote) -> None:
    trained(remote.parts, remote.tavus)
    remote.failed()
    assert remote.found() == []
    assert found(remote.parts) == []


def test_a_replica_with_a_mark_that_no_submission_has_is_found(remote: Remote) -> None:
    stranger = remote.made("Ann-rw-000000000000-1")
    assert remote.found() == [("known replicas", stranger)]


def test_a_second_replica_with_the_mark_of_a_job_is_found(remote: Remote) -> None:
    mark = trained(remote.parts, remote.tavus).attempt.mark
    second = remote.made(mark)
    assert remote.found() == [("known replicas", second), ("paid once", mark)]


def test_a_replica_that_somebody_deleted_is_found_and_a_failed_one_is_a_lost_refund(remote: Remote) -> None:
    ready, failed = trained(remote.parts, remote.tavus), remote.failed()
    for job in (ready, failed):
        remote.gone(job)
    assert sorted(remote.found()) == sorted([("remote", str(ready.replica_id)), ("refund", str(failed.replica_id))])


def test_a_list_that_cannot_be_read_is_said_and_proves_nothing(remote: Remote) -> None:
    trained(remote.parts, remote.tavus)
    remote.tavus.set_faults({"on": "list_replicas", "kind": "500"})
    assert remote.found() == [("remote", "default"), ("remote", "studio")]
