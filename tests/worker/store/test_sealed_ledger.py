"""With a key nothing that the database holds shows an address of a request; the ledger says the same as without one, and keys rotate under it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, select

from tests.worker.store.made import LEASE, NOW, SECOND, a_job, an_attempt, change
from worker.core.decision import Decision
from worker.core.deliveries import Patience
from worker.core.effects import TellCaller
from worker.core.events import ConversationOpened, FellDue, TrainingContinued
from worker.core.job import Conversation, ConversationId, Job, Mark, ReplicaId
from worker.core.request import Request
from worker.core.states import State
from worker.store.inbox import New
from worker.store.jobs import Applied, Ledger
from worker.store.outbox import Outbox
from worker.store.resealing import Kept
from worker.store.sealing import SEALED, Sealer
from worker.store.shelves import UNREADABLE
from worker.store.tables import METADATA

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRETS = ("s3cr3t", "tavus.daily.example", "notify.example", "context", "provider.example", "Ann Smith")
PICTURE = "https://pictures.example/head.jpg?X-Amz-Signature=s3cr3t"
REQUEST = Request(
    replica={"train_image_url": PICTURE, "model_name": "phoenix-4", "replica_name": "A\N{SNOWMAN}\0"},
    conversation={"conversational_context": "context"},
    notify_url="https://notify.example/?token=s3cr3t",
    metadata={"order": [4711, 1.5, None, {"a": "b"}]},
    source_url_provider="https://provider.example/?token=s3cr3t",
    consent={"affirmed_by": "Ann Smith", "statement": "Bob agreed.", "affirmed_at": "2026-01-31T10:00:00Z"},
)
ROOM = "https://tavus.daily.example/c1"


def dump(database: Engine) -> str:
    """Everything that is in the database."""
    with database.connect() as connection:
        return repr([connection.execute(select(table)).all() for table in METADATA.sorted_tables])


def with_a_conversation(ledger: Ledger, job: Job) -> Job:
    conversation = Conversation(mark=Mark("rc-000000000000-1"), id=ConversationId("c1"), url=ROOM)
    opened = ConversationOpened(Mark("rc-000000000000-1"), ConversationId("c1"), ROOM)
    done = Decision(replace(job, state=State.DONE, due_at=None, conversation=conversation), why="it is open")
    return ledger.apply(Applied(job, opened, done), NOW)


@pytest.fixture
def sealed(database: Engine) -> Ledger:
    return Ledger(database, Sealer([OLD]))


def test_nothing_that_is_written_shows_what_was_asked_for(database: Engine, sealed: Ledger) -> None:
    one = sealed.add(a_job(request=REQUEST), "fingerprint", ring=None).job
    rich = a_job(request=REQUEST, conversation=Conversation(mark=Mark("rc-000000000001-1"), url=ROOM), tries=1)
    sealed.add(rich, "fingerprint", ring=None)
    with_a_conversation(sealed, one)
    changed = change(rich, request=replace(REQUEST, replica={"train_image_url": f"{PICTURE}&again"}))
    sealed.apply(changed, NOW)
    held = dump(database)
    assert [secret for secret in SECRETS if secret in held] == []
    assert held.count(SEALED) == 7


def test_every_way_of_reading_says_what_was_written(sealed: Ledger) -> None:
    job = sealed.add(a_job(request=REQUEST, idempotency_key="k"), "fingerprint", ring=None).job
    known = replace(
        job, request=replace(REQUEST, replica=dict(REQUEST.replica) | {"replica_name": "A\N{SNOWMAN}\N{REPLACEMENT CHARACTER}"})
    )
    ways: list[Callable[[], Any]] = [
        lambda: sealed.get(job.id),
        lambda: sealed.recent(1)[0],
        lambda: sealed.find_by_key("tests", "k", "fingerprint"),
        lambda: sealed.add(a_job(request=REQUEST, idempotency_key="k"), "fingerprint", ring=None).job,
        lambda: sealed.shelf(None, 9).jobs[0],
    ]
    for way in ways:
        assert way() == known
    [taken] = sealed.take([job.id], NOW + SECOND, LEASE)
    assert taken.request == known.request
    done = with_a_conversation(sealed, taken)
    assert sealed.get(job.id) == done
    assert sealed.story(job.id)[-1].data["url"] == ROOM
    assert sealed.shelf(None, 9).stories[job.id][-1].data["url"] == ROOM


def test_a_look_without_news_leaves_the_sealed_request_as_it_is(database: Engine, sealed: Ledger) -> None:
    job = sealed.get(sealed.add(a_job(request=REQUEST), "fingerprint", ring=None).job.id)
    before = dump(database)
    put_off = Applied(job, TrainingContinued(ReplicaId("r1"), None), Decision(replace(job, due_at=NOW + LEASE)))
    assert sealed.put_off([put_off], NOW) == {job.id}
    looked_at = sealed.get(job.id)
    sealed.apply(Applied(looked_at, FellDue(), Decision(replace(looked_at, tries=1), why="again")), NOW)
    token = before.partition(SEALED)[2][:80]
    assert token in dump(database)


def resealed(database: Engine, *keys: str) -> int:
    return sum(Ledger(database, Sealer(keys)).reseal())


@pytest.fixture
def plain(database: Engine) -> list[Job]:
    ledger = Ledger(database)
    jobs = [ledger.add(a_job(request=REQUEST), "fingerprint", ring=None).job for _ in range(3)]
    return [with_a_conversation(ledger, ledger.get(job.id)) for job in jobs]


def test_what_no_key_sealed_is_read_with_one_and_sealed_by_a_reseal(database: Engine, plain: list[Job]) -> None:
    ledger = Ledger(database, Sealer([NEW]))
    before = {job.id: (ledger.get(job.id), ledger.story(job.id)) for job in plain}
    assert "s3cr3t" in dump(database)
    assert resealed(database, NEW) == 9  # three jobs, and two lines of each one's story
    assert [secret for secret in SECRETS if secret in dump(database)] == []
    assert {job.id: (ledger.get(job.id), ledger.story(job.id)) for job in plain} == before
    assert resealed(database, NEW) == 0


def test_after_a_reseal_the_older_key_can_go(database: Engine, sealed: Ledger) -> None:
    job = with_a_conversation(sealed, sealed.add(a_job(request=REQUEST), "fingerprint", ring=None).job)
    new = Ledger(database, Sealer([NEW]))
    with pytest.raises(UNREADABLE, match="REPLICAS_ENCRYPTION_KEY"):
        new.get(job.id)
    assert resealed(database, NEW, OLD) == 3
    assert new.get(job.id).request.replica["train_image_url"] == PICTURE
    assert new.story(job.id)[-1].data["url"] == ROOM


def test_a_reseal_that_is_interrupted_goes_on_where_it_was(database: Engine, plain: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.store.resealing._TOGETHER", 1)
    for changed in Ledger(database, Sealer([NEW])).reseal():
        assert changed == 1
        break  # and whoever ran it is gone
    assert resealed(database, NEW) == 8
    assert {job.id: Ledger(database, Sealer([NEW])).get(job.id) for job in plain} == {job.id: job for job in plain}


def test_a_reseal_without_the_older_key_says_so_and_changes_nothing(database: Engine, sealed: Ledger) -> None:
    sealed.add(a_job(request=REQUEST), "fingerprint", ring=None)
    before = dump(database)
    with pytest.raises(ValueError, match="REPLICAS_ENCRYPTION_KEY"):
        resealed(database, NEW)
    assert dump(database) == before


def test_who_works_with_a_job_meanwhile_is_not_robbed_by_a_reseal(database: Engine, plain: list[Job]) -> None:
    resealed(database, NEW)
    ledger = Ledger(database, Sealer([NEW]))
    for job in plain:
        assert ledger.apply(change(job, tries=7), NOW).tries == 7


def test_what_signs_and_what_is_told_and_what_was_heard_is_sealed_and_keys_rotate_under_it(database: Engine, sealed: Ledger) -> None:
    outbox = Outbox(database, Sealer([OLD]), Patience())
    [secret] = outbox.secrets("shop", NOW)
    job = sealed.add(a_job(request=REQUEST), "fingerprint", ring=None).job
    heard = New(mark=Mark("rc-000000000000-1"), kind="system.shutdown", body={"said": "Ann Smith"}, job_id=job.id, once=True)
    assert sealed.keep_letter(heard, NOW)
    done = replace(job, state=State.DONE, due_at=None)
    sealed.apply(Applied(job, FellDue(), Decision(done, (TellCaller("job.done", {"said": "Ann Smith"}),), "over")), NOW)
    held = dump(database)
    assert [word for word in (*SECRETS, secret.text) if word in held] == []
    assert resealed(database, NEW, OLD) == 5, "the request, its first line, the secret, the word and the letter"
    ledger, again = Ledger(database, Sealer([NEW])), Outbox(database, Sealer([NEW]), Patience())
    assert again.secrets("shop", NOW) == [secret]
    [told] = again.recent(9)
    assert told.about == {"said": "Ann Smith"}
    assert again.find(told.id) == told
    [letter] = ledger.take_letters(NOW, LEASE, 9, of_trainings=False)
    assert letter.body == heard.body
    ledger.letters_read([letter])
    assert resealed(database, OLD, NEW) == 4, "what was read is gone"


def test_a_letter_under_another_key_keeps_no_other_from_being_taken(database: Engine, sealed: Ledger) -> None:
    job = sealed.add(a_job(request=REQUEST), "fingerprint", ring=None).job
    for number, ledger in enumerate((sealed, Ledger(database, Sealer([NEW]))), start=1):
        heard = New(mark=Mark(f"rc-000000000000-{number}"), kind="system.shutdown", body={"said": number}, job_id=job.id, once=True)
        assert ledger.keep_letter(heard, NOW)
    taken = Ledger(database, Sealer([NEW])).take_letters(NOW, LEASE, 9, of_trainings=False)
    assert [one.body for one in taken] == [None, {"said": 2}]
    [again] = sealed.take_letters(NOW + LEASE, LEASE, 1, of_trainings=False)
    assert again.body == {"said": 1}, "whoever has its key reads it"


def test_a_table_with_a_key_of_several_columns_is_walked_to_its_end(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.store.resealing._TOGETHER", 2)
    monkeypatch.setattr("worker.store.resealing.KEPT", (Kept("attempt", ("job_id", "number"), texts=("witness",)),))
    ledger = Ledger(database, Sealer([NEW]))
    for _ in range(2):
        job = a_job()
        attempts = tuple(an_attempt(job, number, witness=ReplicaId(f"r{number}")) for number in (1, 2, 3))
        ledger.add(replace(job, attempts=attempts), "fingerprint", ring=None)
    assert list(ledger.reseal()) == [2, 2, 2]
    assert list(ledger.reseal()) == [0, 0, 0]
    assert dump(database).count(SEALED) == 8, "six witnesses, and two requests as they were"
