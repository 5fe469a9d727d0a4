"""What is written is what is read, field by field, whatever callers and Tavus write into them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worker.store.made import NOW, a_job, an_attempt, change, changed, new_id, stored
from worker.core import events
from worker.core.decision import Decision
from worker.core.failures import Failure
from worker.core.job import Attempt, Conversation, ConversationId, Deletion, Job, Mark, Outcome, ReplicaId
from worker.core.marks import replica_mark
from worker.core.request import AutoFix, Request, Start
from worker.core.states import State
from worker.store.jobs import Applied, Ledger

MOMENTS = st.datetimes(datetime(1999, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive, by its rules
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
DOCUMENTS = st.dictionaries(
    WORDS, st.recursive(PLAIN, lambda held: st.lists(held) | st.dictionaries(WORDS, held), max_leaves=5), max_size=3
)
COUNTS = st.integers(0, 2**31 - 1)


def maybe(some: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | some


ATTEMPTS = st.builds(
    Attempt, number=st.just(0), mark=st.just(Mark("")), intended_at=MOMENTS, fixer=st.booleans(), outcome=st.sampled_from(Outcome),
    replica_id=maybe(st.just(ReplicaId("r1"))), failure=maybe(st.sampled_from(Failure)), error_first_seen_at=maybe(MOMENTS),
    deletable_at=maybe(MOMENTS), deleted_at=maybe(MOMENTS), vanished_at=maybe(MOMENTS), ended_at=maybe(MOMENTS),
    called_at=maybe(MOMENTS), late_at=maybe(MOMENTS), witness=maybe(st.just(ReplicaId("r2"))),
    deletion=maybe(st.builds(Deletion, due_at=MOMENTS, hard=st.booleans(), confirmed_at=maybe(MOMENTS))),
    strays=st.lists(st.sampled_from([ReplicaId("r8"), ReplicaId("r9")]), unique=True).map(tuple),
)  # fmt: skip
CONVERSATIONS = st.builds(
    Conversation,
    mark=st.just(Mark("rc-000000000000-1")),
    lost=COUNTS,
    intended_at=maybe(MOMENTS),
    id=maybe(st.just(ConversationId("c1"))),
    url=maybe(WORDS),
    end_due_at=maybe(MOMENTS),
    ended_at=maybe(MOMENTS),
    opened_at=maybe(MOMENTS),
    admission=maybe(WORDS),
)
REQUESTS = st.builds(
    Request, replica=DOCUMENTS, conversation=DOCUMENTS, start=st.sampled_from(Start), auto_fix=st.sampled_from(AutoFix),
    notify_url=maybe(WORDS), metadata=DOCUMENTS, source_url_provider=maybe(WORDS),
    consent=maybe(st.fixed_dictionaries({"affirmed_by": WORDS, "statement": WORDS, "affirmed_at": WORDS})),
)  # fmt: skip


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """A job with anything in any field, and an id, key and marks that no other has."""
    job_id = new_id()
    attempts = draw(st.lists(ATTEMPTS, max_size=3))
    numbered = tuple(replace(one, number=n, mark=replica_mark(job_id, n)) for n, one in enumerate(attempts, 1))
    return Job(
        id=job_id, account=draw(WORDS), caller=draw(WORDS), request=draw(REQUESTS), created_at=draw(MOMENTS), state=draw(st.sampled_from(State)),
        version=draw(COUNTS), due_at=draw(maybe(MOMENTS)), priority=draw(st.integers(-(2**31), 2**31 - 1)),
        idempotency_key=draw(maybe(st.just(f"key of {job_id}"))), attempts=numbered, conversation=draw(maybe(CONVERSATIONS)),
        conversation_wanted=draw(st.booleans()), cancel_requested=draw(st.booleans()), tries=draw(COUNTS), trying_since=draw(maybe(MOMENTS)),
        scans=draw(COUNTS), missing_since=draw(maybe(MOMENTS)), watched_since=draw(maybe(MOMENTS)), progress=draw(maybe(WORDS)),
        failure=draw(maybe(st.sampled_from(Failure))), detail=draw(maybe(WORDS)), release_to=draw(maybe(st.sampled_from(State))),
        patient_from=draw(COUNTS), openings=tuple(draw(st.lists(MOMENTS, max_size=3))), visited_at=draw(maybe(MOMENTS)),
    )  # fmt: skip


# Sharing the ledger between examples is what is wanted: each adds to it.
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(jobs())
def test_a_job_is_read_as_it_was_added_but_due_at_once(ledger: Ledger, job: Job) -> None:
    added = ledger.add(job, "fingerprint", ring=None)
    assert added.created
    assert added.job == replace(job, due_at=job.created_at)
    assert ledger.get(job.id) == added.job


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(jobs())
def test_a_job_is_read_as_it_was_decided(ledger: Ledger, decided: Job) -> None:
    fixed = {name: getattr(decided, name) for name in ("id", "account", "caller", "request", "created_at", "idempotency_key")}
    before = ledger.add(Job(**fixed), "fingerprint", ring=None).job
    after = ledger.apply(Applied(before, events.FellDue(), Decision(decided)), NOW)
    assert after == replace(decided, version=1)
    assert ledger.get(decided.id) == after


def test_an_attempt_is_changed_where_it_stands(ledger: Ledger) -> None:
    job = stored(ledger)
    first, second = an_attempt(job), an_attempt(job, 2)
    refused = replace(first, outcome=Outcome.REFUSED)
    job = changed(ledger, job, attempts=(first,))
    job = changed(ledger, job, attempts=(refused, second))
    assert ledger.get(job.id).attempts == (refused, second)
    assert ledger.find_by_mark(second.mark) == job.id
    assert ledger.find_by_mark(Mark("rw-000000000000-9")) is None


def test_what_no_database_keeps_is_put_right_and_stops_no_job(ledger: Ledger) -> None:
    metadata = {"a\0": ["\ud800", float("nan"), {"b": float("inf")}]}
    job = a_job(caller="x\0", idempotency_key="k\0", request=Request(replica={}, metadata=metadata))
    ledger.add(job, "fingerprint", ring=None)
    assert ledger.get(job.id).request.metadata == {"a\ufffd": ["\ufffd", None, {"b": None}]}
    assert ledger.add(replace(job, id=new_id()), "fingerprint", ring=None).job.id == job.id
    event = events.InputUnread("half a word: \udfff\0")
    ledger.apply(Applied(job, event, Decision(replace(job, detail=event.detail), why=event.detail)), NOW)
    assert ledger.get(job.id).detail == ledger.story(job.id)[-1].why == "half a word: \ufffd\ufffd"


def test_an_unknown_job_is_a_key_error(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        ledger.get(new_id())
    assert ledger.get_many([new_id()]) == []
    assert ledger.story(new_id()) == []


def test_more_jobs_are_read_at_once_than_one_list_of_ids_holds(ledger: Ledger) -> None:
    job = stored(ledger)
    assert ledger.get_many([*(new_id() for _ in range(1200)), job.id]) == [job]


def test_the_newest_jobs_come_first_and_states_are_counted(ledger: Ledger) -> None:
    old, held, new = stored(ledger), stored(ledger, State.HELD, None), stored(ledger)
    assert ledger.recent(2) == [new, held]
    assert ledger.recent(9, State.QUEUED) == [new, old]
    assert ledger.counts() == {State.QUEUED: 2, State.HELD: 1}
    assert ledger.held(held.account) == [held.id]
    assert ledger.held("another") == []


def test_nothing_is_written_of_a_decision_that_cannot_be_kept(ledger: Ledger) -> None:
    job = stored(ledger)
    with pytest.raises(Exception, match=r"(?i)unique"):
        ledger.apply_batch([change(stored(ledger), attempts=(an_attempt(job),)), change(job, attempts=(an_attempt(job),))], NOW)
    assert ledger.get(job.id) == job
