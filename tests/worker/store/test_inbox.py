"""The inbox loses nothing that it has taken in, gives a letter to one reader at a time, and keeps of a conversation each word once."""

from datetime import timedelta

from tests.worker.store.made import NOW, an_attempt, at_once, changed, stored
from worker.core.job import JobId, Mark
from worker.core.states import State
from worker.store.inbox import Letter, New
from worker.store.jobs import Ledger

LEASE = timedelta(seconds=90)
BODY = {"replica_id": "r1", "odd": "\x00\ud800"}


def training(ledger: Ledger) -> Mark:
    """The mark of a job that is in training."""
    job = stored(ledger)
    attempt = an_attempt(job)
    changed(ledger, job, state=State.TRAINING, due_at=NOW, attempts=(attempt,))
    return attempt.mark


def taken(ledger: Ledger, *, of_trainings: bool = True, limit: int = 10, later: timedelta = timedelta(0)) -> list[Letter]:
    return ledger.take_letters(NOW + later, LEASE, limit, of_trainings=of_trainings)


def test_what_is_kept_is_due_at_once_and_read_by_one_at_a_time(ledger: Ledger) -> None:
    mark = training(ledger)
    assert not ledger.due(NOW, rung_before=NOW).letters
    assert ledger.keep_letter(New(mark=mark, kind="training", body=BODY), NOW)
    assert ledger.due(NOW, rung_before=NOW).letters
    [letter] = taken(ledger)
    assert (letter.job_id, letter.mark, letter.kind) == (ledger.find_by_mark(mark), mark, "training")
    assert (letter.body or {})["replica_id"] == "r1"
    assert not ledger.due(NOW, rung_before=NOW).letters
    assert taken(ledger) == []
    assert taken(ledger, later=LEASE) == [letter]  # whoever had it died
    ledger.letters_read([letter])
    assert taken(ledger, later=10 * LEASE) == []


def test_nothing_is_kept_about_whom_nobody_knows(ledger: Ledger) -> None:
    assert not ledger.keep_letter(New(mark=Mark("rw-000000000000-9"), kind="training", body={}), NOW)
    about = New(mark=Mark("rc-000000000000-1"), kind="system.shutdown", body={}, job_id=JobId("0" * 26), once=True)
    assert not ledger.keep_letter(about, NOW)
    assert not ledger.due(NOW, rung_before=NOW).letters


def test_hints_are_kept_each_time_and_a_conversations_words_once_for_ever(ledger: Ledger) -> None:
    mark, job_id = training(ledger), stored(ledger).id
    word = New(mark=Mark("rc-000000000000-1"), kind="system.shutdown", body={"a": 1}, job_id=job_id, once=True)
    for _ in range(3):
        assert ledger.keep_letter(New(mark=mark, kind="training", body={}), NOW)
        assert ledger.keep_letter(word, NOW)
    assert len(taken(ledger)) == 3
    [letter] = taken(ledger, of_trainings=False)
    assert letter.body == {"a": 1}
    ledger.letters_read([letter])
    assert ledger.keep_letter(word, NOW)
    assert taken(ledger, of_trainings=False, later=10 * LEASE) == []


def test_many_readers_share_the_letters_and_none_is_read_twice(ledger: Ledger) -> None:
    mark = training(ledger)
    for _ in range(20):
        ledger.keep_letter(New(mark=mark, kind="training", body={}), NOW)
    got = [letter.id for some in at_once(lambda _: taken(ledger, limit=5), 4) for letter in some]
    got += [letter.id for letter in taken(ledger, limit=20)]
    assert len(got) == len(set(got)) == 20


def test_that_somebody_waits_is_noted_for_a_job_that_is_being_opened_and_fences_nobody(ledger: Ledger) -> None:
    job = changed(ledger, stored(ledger), state=State.OPENING, due_at=NOW)
    ledger.visited(job.id, NOW + LEASE)
    after = ledger.get(job.id)
    assert (after.visited_at, after.version) == (NOW + LEASE, job.version)
    ready = changed(ledger, after, state=State.READY, due_at=None)
    ledger.visited(job.id, NOW + 2 * LEASE)
    assert ledger.get(job.id).visited_at == ready.visited_at


def test_who_waits_counts_those_who_have_waited_longer_on_the_same_account(ledger: Ledger) -> None:
    since = [NOW + timedelta(minutes=number) for number in range(3)]
    jobs = [changed(ledger, stored(ledger), state=State.OPENING, due_at=NOW, trying_since=one) for one in since]
    assert [ledger.waiting_before(jobs[0].account, one) for one in since] == [0, 1, 2]
    assert ledger.waiting_before("another", since[2]) == 0
