"""One pass over an account's list answers for every mark that is looked for; a gap answers for none; and a witness is believed only for its name."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import ACCOUNT, DONE, MARK, PAGE_OF_HTML, TALK, asked_of, look, open_with, performing, train
from tests.worker.tavus.scripted import Asked, Said, Scripted
from worker.core.effects import LookUpConversation, LookUpMark, RenameReplica, VerifyWitness
from worker.core.events import (
    ConversationAbsent,
    ConversationFound,
    ConversationOpened,
    ConversationUnread,
    Event,
    LookupUnread,
    MarkAbsent,
    MarkAmbiguous,
    MarkFound,
    RenameFailed,
    ReplicaRenamed,
    TrainingContinued,
    WitnessRejected,
)
from worker.core.failures import Failure
from worker.core.job import ConversationId, JobId, Mark, ReplicaId
from worker.core.marks import conversation_mark, replica_mark
from worker.tavus.lookups import look_up, look_up_conversations
from worker.tavus.perform import Performer

R1 = ReplicaId("r1")
PATIENCE = timedelta(seconds=20)
MARKS = [replica_mark(JobId(f"0000000000000000mm{number:08}"), 1) for number in range(30)]
TALKS = [conversation_mark(JobId(f"0000000000000000mm{number:08}"), 1) for number in range(30)]


def ask_for(performer: Performer, marks: Sequence[Mark]) -> list[Event]:
    """What is told of the marks when they are asked for together."""
    return performer.ask([LookUpMark(ACCOUNT, mark) for mark in marks])


# Many marks, one pass.


def test_thirty_lost_submissions_are_looked_for_in_one_pass_over_the_list(sandbox: Sandbox, performer: Performer) -> None:
    made = {mark: train(performer.tavus, sandbox, replica_name=f"Ann-{mark}") for mark in MARKS[::2]}
    for number in range(100):
        train(performer.tavus, sandbox, replica_name=f"Somebody {number}")
    twice = train(performer.tavus, sandbox, replica_name=MARKS[0])
    news = ask_for(performer, MARKS)
    assert news[0] == MarkAmbiguous(MARKS[0], (made[MARKS[0]], twice))
    assert news[1:] == [MarkFound(mark, made[mark]) if mark in made else MarkAbsent(mark) for mark in MARKS[1:]]
    assert asked_of(sandbox)["list_replicas"] == 2  # 116 rows


def test_thirty_lost_conversations_are_looked_for_in_one_pass_over_the_list(sandbox: Sandbox, performer: Performer) -> None:
    replica = train(performer.tavus, sandbox)
    sandbox.advance(DONE)
    opened = {}
    for mark in TALKS[:3]:
        news = performer.perform(open_with(replica, conversation_name=mark))
        assert isinstance(news, ConversationOpened)
        opened[mark] = news
    found = performer.ask([LookUpConversation(ACCOUNT, mark) for mark in TALKS])
    expected = [ConversationFound(mark, opened[mark].conversation_id, opened[mark].url) for mark in TALKS[:3]]
    assert found == [*expected, *[ConversationAbsent(mark) for mark in TALKS[3:]]]
    assert asked_of(sandbox)["list_conversations"] == 1


@pytest.mark.parametrize("harm", ["cut", "half", "500", "429", "garbage"])
def test_a_list_that_is_not_read_answers_for_none_of_them(sandbox: Sandbox, performer: Performer, harm: str) -> None:
    train(performer.tavus, sandbox, replica_name=MARKS[0])
    sandbox.set_faults(
        {"on": "list_replicas", "kind": harm, "retry_after": 2}, {"on": "list_conversations", "kind": harm, "retry_after": 2}
    )
    wait = timedelta(seconds=2) if harm == "429" else None
    for one, mark in zip(ask_for(performer, MARKS), MARKS, strict=True):
        assert isinstance(one, LookupUnread)
        assert (one.mark, one.retry_after, one.account_fault) == (mark, wait, None)
    for talk, mark in zip(performer.ask([LookUpConversation(ACCOUNT, mark) for mark in TALKS]), TALKS, strict=True):
        assert isinstance(talk, ConversationUnread)
        assert (talk.mark, talk.retry_after, talk.account_fault) == (mark, wait, None)


def test_a_key_that_is_not_accepted_is_the_accounts_fault_in_every_answer(sandbox: Sandbox) -> None:
    with performing(sandbox.url, key="invalid") as performer:
        news = [*ask_for(performer, MARKS[:2]), *performer.ask([LookUpConversation(ACCOUNT, mark) for mark in TALKS[:2]])]
    assert [getattr(one, "account_fault", None) for one in news] == [Failure.KEY_REJECTED] * 4


def test_nothing_is_asked_for_nobody(sandbox: Sandbox, performer: Performer) -> None:
    assert performer.ask([]) == []
    assert look_up(performer.tavus, [], PATIENCE) == look_up_conversations(performer.tavus, [], PATIENCE) == {}
    assert asked_of(sandbox) == {}


def test_answers_come_in_the_order_of_the_questions(sandbox: Sandbox, performer: Performer) -> None:
    ids = [train(performer.tavus, sandbox, replica_name=mark) for mark in MARKS[:3]]
    assert [one.replica_id for one in ask_for(performer, MARKS[2::-1]) if isinstance(one, MarkFound)] == ids[::-1]
    news = performer.ask([look(one) for one in ids[::-1]])
    assert [one.replica_id for one in news if isinstance(one, TrainingContinued)] == ids[::-1]


# Which of many is the oldest.


def row(replica_id: str, created_at: str | None) -> dict[str, Any]:
    dated = {} if created_at is None else {"created_at": created_at}
    return {"replica_id": replica_id, "replica_name": MARK} | dated


@pytest.mark.parametrize(
    "rows",
    [
        [row("r3", "2026-11-03T00:00:00Z"), row("r2", "2026-11-02T00:00:00Z"), row("r1", "2026-11-01T00:00:00Z")],
        [row("r1", "2026-11-01T00:00:00Z"), row("r3", "2026-11-03T00:00:00Z"), row("r2", "2026-11-02T00:00:00Z")],
        [row("r3", None), row("r2", None), row("r1", None)],
        [row("r3", "2026-11-01T00:00:00Z"), row("r2", "2026-11-01T00:00:00Z"), row("r1", "2026-11-01T00:00:00Z")],
    ],
    ids=["newest first", "in no order", "without dates", "at one moment"],
)
def test_replicas_with_one_mark_are_told_oldest_first(rows: list[dict[str, Any]]) -> None:
    with Scripted(Said(200, {"data": rows, "total_count": 3})) as server, performing(server.url) as performer:
        assert ask_for(performer, [MARK]) == [MarkAmbiguous(MARK, (R1, ReplicaId("r2"), ReplicaId("r3")))]


def test_of_two_conversations_with_one_mark_the_oldest_is_told() -> None:
    rows = [{"conversation_id": f"c{n}", "conversation_name": TALK, "conversation_url": f"https://tavus.example/c{n}"} for n in (2, 1)]
    with Scripted(Said(200, {"data": rows, "total_count": 2})) as server, performing(server.url) as performer:
        news = performer.ask([LookUpConversation(ACCOUNT, TALK)])
    assert news == [ConversationFound(TALK, ConversationId("c1"), "https://tavus.example/c1")]


def test_a_conversation_whose_name_is_not_shown_leaves_open_only_those_that_were_not_found() -> None:
    rows: list[dict[str, Any]] = [
        {"conversation_id": "c2"},
        {"conversation_id": "c1", "conversation_name": TALKS[0], "conversation_url": "https://tavus.example/c1"},
    ]
    with Scripted(Said(200, {"data": rows, "total_count": 2})) as server, performing(server.url) as performer:
        found, other = performer.ask([LookUpConversation(ACCOUNT, mark) for mark in TALKS[:2]])
    assert isinstance(found, ConversationFound)
    assert isinstance(other, ConversationUnread)


@pytest.mark.parametrize(("single", "kind"), [
    (Said(200, {"conversation_id": "c1", "conversation_url": "https://tavus.example/c1"}), ConversationFound),
    (Said(200, {"conversation_id": "c2", "conversation_url": "https://tavus.example/c2"}), ConversationUnread),
    (Said(200, {"conversation_id": "c1"}), ConversationUnread),
    (Said(500), ConversationUnread),
])  # fmt: skip
def test_a_conversation_whose_address_the_list_does_not_show_is_asked_for_by_itself(single: Said, kind: type[Event]) -> None:
    listed = Said(200, {"data": [{"conversation_id": "c1", "conversation_name": TALK}], "total_count": 1})

    def script(asked: Asked) -> Said:
        return listed if asked.path == "/v2/conversations" else single

    with Scripted(script) as server, performing(server.url) as performer:
        (news,) = performer.ask([LookUpConversation(ACCOUNT, TALK)])
    assert type(news) is kind
    assert [asked.path for asked in server.asked] == ["/v2/conversations", "/v2/conversations/c1"]


# A replica that a callback named.


def verified(single: Said) -> Event:
    """What is told of r1 as a witness for the mark."""
    with Scripted(single) as server, performing(server.url) as performer:
        news = performer.perform(VerifyWitness(ACCOUNT, MARK, R1))
    assert [(asked.method, asked.path) for asked in server.asked] == [("GET", "/v2/replicas/r1")]
    return news


def test_a_replica_that_carries_the_mark_is_found_with_one_call(sandbox: Sandbox, performer: Performer) -> None:
    marked, other = train(performer.tavus, sandbox), train(performer.tavus, sandbox, replica_name="Somebody")
    assert performer.perform(VerifyWitness(ACCOUNT, MARK, marked)) == MarkFound(MARK, marked)
    assert isinstance(performer.perform(VerifyWitness(ACCOUNT, MARK, other)), WitnessRejected)
    assert isinstance(performer.perform(VerifyWitness(ACCOUNT, MARK, ReplicaId("rnobody"))), WitnessRejected)
    assert "list_replicas" not in asked_of(sandbox)


@pytest.mark.parametrize(
    "single",
    [
        Said(200, {"replica_id": "r1", "replica_name": "Somebody"}),
        Said(200, {"replica_id": "r1", "replica_name": f"{MARK}1"}),
        Said(200, {"replica_id": "r1", "replica_name": ""}),
        Said(200, {"replica_id": "r1", "replica_name": replica_mark(JobId("0000000000000000mm00000009"), 1)}),
        Said(404, {"message": "Not Found"}),
    ],
)
def test_a_replica_without_the_mark_is_no_witness(single: Said) -> None:
    news = verified(single)
    assert isinstance(news, WitnessRejected)
    assert (news.mark, news.replica_id) == (MARK, R1)
    assert news.detail


@pytest.mark.parametrize(
    "single",
    [
        Said(200, {"replica_id": "r1"}),
        Said(200, {"replica_id": "r2", "replica_name": MARK}),
        Said(200, b"{"),
        Said(404, PAGE_OF_HTML),
        Said(500),
    ],
)
def test_an_answer_that_does_not_show_the_name_says_nothing_of_the_witness(single: Said) -> None:
    news = verified(single)
    assert isinstance(news, LookupUnread)
    assert (news.mark, news.account_fault) == (MARK, None)


def test_a_witness_is_asked_for_again_when_tavus_says_and_a_wrong_key_is_the_accounts_fault() -> None:
    slow, locked = verified(Said(429, {"message": "slow down"}, {"Retry-After": "77"})), verified(Said(401, {"message": "no"}))
    assert isinstance(slow, LookupUnread)
    assert slow.retry_after == timedelta(seconds=77)
    assert isinstance(locked, LookupUnread)
    assert locked.account_fault is Failure.KEY_REJECTED


# The caller's own name.


def test_a_replica_is_renamed_and_its_mark_is_gone_with_it(sandbox: Sandbox, performer: Performer) -> None:
    one = train(performer.tavus, sandbox)
    assert performer.perform(RenameReplica(ACCOUNT, one, "Ann")) == ReplicaRenamed(one)
    assert performer.perform(LookUpMark(ACCOUNT, MARK)) == MarkAbsent(MARK)


@pytest.mark.parametrize("harm", ["cut", "500", "429"])
def test_a_renaming_that_is_not_answered_is_said_to_have_failed(sandbox: Sandbox, performer: Performer, harm: str) -> None:
    one = train(performer.tavus, sandbox)
    sandbox.set_faults({"on": "rename_replica", "kind": harm, "times": 1})
    news = performer.perform(RenameReplica(ACCOUNT, one, "Ann"))
    assert isinstance(news, RenameFailed)
    assert news.replica_id == one
    assert performer.perform(LookUpMark(ACCOUNT, MARK)) == MarkFound(MARK, one)
