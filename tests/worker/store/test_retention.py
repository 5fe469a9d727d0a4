"""Retention erases what was asked for and the story of what is long over, keeps what it cost, and leaves alone what anything may still hang on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text, update

from tests.worker.store.made import NOW, a_job, an_attempt, change, changed
from worker.core.job import Conversation, ConversationId, Deletion, Job, JobId, Mark, Outcome, ReplicaId
from worker.core.learned import subject_of
from worker.core.request import Request, Start
from worker.core.states import State
from worker.store.adding import KeyReusedError
from worker.store.jobs import Applied, Ledger
from worker.store.sealing import Sealer
from worker.store.stories import ERASED
from worker.store.tables import METADATA

DAY = timedelta(days=1)
KEEP, LATER = 90 * DAY, NOW + 91 * DAY
WORDS = ("Ann Smith", "ann.jpg", "s3cr3t", "order-4711", "tell.example", "persona-7", "room.example", "her own words")
REQUEST = Request(
    replica={"train_image_url": "https://pictures.example/ann.jpg?s3cr3t", "replica_name": "Ann Smith", "model_name": "phoenix-4"},
    conversation={"persona_id": "persona-7"},
    notify_url="https://tell.example/me",
    metadata={"order": "order-4711"},
    consent={"affirmed_by": "Ann Smith", "statement": "her own words", "affirmed_at": "2026-10-01T00:00:00Z"},
    start=Start.ON_DEMAND,
)
TALK = Conversation(mark=Mark("rc-0"), id=ConversationId("c1"), url="https://room.example/c1", ended_at=NOW, opened_at=NOW)


def an_end(ledger: Ledger, state: State = State.DONE, outcome: Outcome = Outcome.TRAINED, key: str | None = None, **changes: Any) -> Job:  # noqa: ANN401
    """A job that was over at NOW, with one submission; `changes`: of the attempt."""
    job = ledger.add(a_job(request=REQUEST, idempotency_key=key), "fingerprint", ring=None).job
    made = None if outcome in {Outcome.REFUSED, Outcome.ABSENT} else ReplicaId(f"r{job.id[-12:]}")
    attempt = an_attempt(job, outcome=outcome, replica_id=made, **changes)
    return changed(ledger, job, state=state, due_at=None, attempts=(attempt,), conversation=TALK, detail="Ann Smith said so")


def erased(ledger: Ledger, at: Any = LATER, watched: timedelta = LATER - NOW + DAY) -> int:  # noqa: ANN401 - a moment
    place, count = None, 0
    while True:
        place, some = ledger.retention.some(place, at, KEEP, watched)
        count += some
        if place is None:
            return count


def dump(database: Engine) -> str:
    """All that is stored, as text."""
    with database.begin() as connection:
        return "".join(str(connection.execute(text(f"SELECT * FROM {name}")).all()) for name in METADATA.tables)  # noqa: S608 - our own names


def test_what_was_asked_for_and_what_was_said_of_it_is_gone_and_what_it_cost_is_kept(ledger: Ledger, database: Engine) -> None:
    job = an_end(ledger)
    ledger.apply(change(ledger.get(job.id), priority=1), NOW)
    before = ledger.get(job.id)
    book = ledger.book(LATER)
    assert erased(ledger) == 1
    after = ledger.get(job.id)
    assert [word for word in WORDS if word in dump(database)] == []
    assert (after.attempts, after.state, after.account, after.caller) == (before.attempts, before.state, before.account, before.caller)
    assert (after.erased_at, after.conversation and after.conversation.id) == (LATER, "c1")
    assert ledger.book(LATER) == book
    assert [(line.event, line.to_state) for line in ledger.story(job.id)] == [(ERASED, State.DONE)]
    assert (subject_of(after.request), after.request.source) == (subject_of(before.request), before.request.source)
    assert erased(ledger) == 0


def test_nothing_that_is_sealed_stays_readable(database: Engine) -> None:
    ledger = Ledger(database, Sealer([Fernet.generate_key().decode()]))
    job = an_end(ledger)
    assert erased(ledger) == 1
    assert set(ledger.get(job.id).request.replica.values()) == {"erased", "phoenix-4"}


def test_a_key_goes_on_to_mean_its_job_so_that_nothing_is_paid_again(ledger: Ledger) -> None:
    job = an_end(ledger, key="headshot-4711")
    erased(ledger)
    again = ledger.add(a_job(request=REQUEST, idempotency_key="headshot-4711"), "fingerprint", ring=None)
    assert (again.job.id, again.created) == (job.id, False)
    with pytest.raises(KeyReusedError):
        ledger.add(a_job(request=REQUEST, idempotency_key="headshot-4711"), "another", ring=None)


def test_whoever_read_it_before_writes_over_nothing(ledger: Ledger) -> None:
    job = an_end(ledger)
    erased(ledger)
    assert ledger.apply_batch([Applied(job, *_later(job))], LATER) == []


def _later(job: Job) -> Any:  # noqa: ANN401 - the rest of a change
    made = change(job, priority=3)
    return made.event, made.decision


UNTOUCHED: dict[str, Callable[[Ledger], object]] = {
    "one that is not over": lambda ledger: an_end(ledger, State.READY),
    "one that is held": lambda ledger: an_end(ledger, State.HELD),
    "one whose training may still be paid": lambda ledger: an_end(ledger, State.CANCELLED, Outcome.CHARGED),
    "one whose submission is in doubt": lambda ledger: an_end(ledger, State.CANCELLED, Outcome.RESERVED),
    "one whose refund is not safe yet": lambda ledger: an_end(ledger, State.ABANDONED, Outcome.FAILED, deletable_at=LATER + DAY),
    "one whose refund has no date": lambda ledger: an_end(ledger, State.ABANDONED, Outcome.FAILED),
    "one whose replica waits for its deletion": lambda ledger: an_end(ledger, deletion=Deletion(due_at=LATER + DAY)),
    "one that is still looked at": lambda ledger: changed(ledger, an_end(ledger, State.CANCELLED), due_at=LATER + DAY),
    "one whose conversation may be opening": lambda ledger: changed(ledger, an_end(ledger), conversation=replace(TALK, intended_at=NOW)),
    "one whose conversation is to be ended": lambda ledger: changed(ledger, an_end(ledger), conversation=replace(TALK, end_due_at=LATER)),
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_what_anything_may_hang_on_is_left_alone(ledger: Ledger, database: Engine, name: str) -> None:
    UNTOUCHED[name](ledger)
    before = dump(database)
    assert erased(ledger) == 0
    assert dump(database) == before


def test_a_training_that_outlived_every_look_keeps_nothing_that_was_asked_for_and_its_money_stays(ledger: Ledger, database: Engine) -> None:
    job = an_end(ledger, State.CANCELLED, Outcome.CHARGED)
    an_end(ledger, State.CANCELLED, Outcome.RESERVED)
    assert erased(ledger, watched=KEEP) == 1
    assert ledger.get(job.id).attempt.outcome is Outcome.CHARGED
    assert ledger.get(job.id).erased_at == LATER
    assert "Ann Smith" in dump(database), "of the other nobody knows yet whether it was paid"


def test_what_was_over_for_less_is_left_alone_however_old_the_job_is(ledger: Ledger) -> None:
    job = an_end(ledger)
    assert erased(ledger, NOW + 89 * DAY) == 0
    ledger.apply(change(ledger.get(job.id), priority=1), LATER - DAY)
    assert erased(ledger) == 0


def test_what_a_caller_is_still_to_be_told_is_told_first(ledger: Ledger, database: Engine) -> None:
    job = an_end(ledger)
    row = {"id": "m", "job_id": job.id, "caller": "shop", "destination": "d", "kind": "job.done", "about": {}, "version": 0, "tries": 1}
    with database.begin() as connection:
        connection.execute(METADATA.tables["notification"].insert().values(**row, at=NOW, since=NOW, status="waiting", due_at=LATER))
    assert erased(ledger) == 0
    with database.begin() as connection:
        connection.execute(update(METADATA.tables["notification"]).values(status="delivered", due_at=None))
    assert erased(ledger) == 1


@pytest.mark.parametrize(
    ("state", "outcome", "changes"),
    [
        (State.ABANDONED, Outcome.FAILED, {"deletable_at": NOW + DAY, "error_first_seen_at": NOW}),
        (State.ABANDONED, Outcome.FAILED, {"deletable_at": NOW + DAY, "error_first_seen_at": NOW, "deleted_at": NOW + 2 * DAY}),
        (State.CANCELLED, Outcome.CHARGED, {"vanished_at": NOW}),
        (State.ABANDONED, Outcome.REFUSED, {}),
    ],
)
def test_what_is_settled_is_erased_however_it_ended(ledger: Ledger, state: State, outcome: Outcome, changes: dict[str, Any]) -> None:
    an_end(ledger, state, outcome, **changes)
    assert erased(ledger) == 1


def test_all_of_many_are_erased_some_at_a_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.store.retention._TOGETHER", 2)
    ids = [an_end(ledger).id for _ in range(5)]
    place: JobId | None = None
    found = list[tuple[JobId | None, int]]()
    while not found or place is not None:
        place, count = ledger.retention.some(place, LATER, KEEP, KEEP)
        found.append((place, count))
    assert found == [(ids[1], 2), (ids[3], 2), (ids[4], 1), (None, 0)]
