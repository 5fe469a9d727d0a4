"""A replica is deleted only when a fresh look agrees with the ledger, and never while somebody may be talking to it.

A contradiction declines the deletion; an answer that is none leaves it open.
"""

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import ACCOUNT, DONE, PAGE_OF_HTML, asked_of, delete, open_with, performing, train
from tests.worker.tavus.scripted import Asked, Said, Scripted
from worker.core.effects import ConfirmFailure
from worker.core.events import ConversationOpened, DeletionDeclined, DeletionUnread, Event, FailureConfirmed, ReplicaDeleted
from worker.core.failures import Failure
from worker.core.job import ReplicaId
from worker.tavus.perform import Performer

R1 = ReplicaId("r1")
FAILED = {"replica_id": "r1", "status": "error", "error_message": "too dark"}
TRAINED = {"replica_id": "r1", "status": "completed"}


def deletions(sandbox: Sandbox) -> int:
    return asked_of(sandbox).get("delete_replica", 0)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(("outcome", "failed"), [("", False), ("sandbox_outcome=HeadphonesError", True)])
def test_what_the_ledger_and_tavus_agree_on_is_deleted(
    sandbox: Sandbox, performer: Performer, outcome: str, *, failed: bool, hard: bool
) -> None:
    one = train(performer.tavus, sandbox, outcome)
    sandbox.advance(DONE)
    assert performer.perform(delete(one, failed=failed, hard=hard)) == ReplicaDeleted(one)
    assert performer.perform(delete(one, failed=failed, hard=hard)) == ReplicaDeleted(one)  # gone already: it counts
    assert deletions(sandbox) == 1
    assert sandbox.ledger()["refunds_lost"] == []


@pytest.mark.parametrize("failed", [False, True])
def test_what_trains_is_not_deleted_whatever_the_ledger_believes(sandbox: Sandbox, performer: Performer, *, failed: bool) -> None:
    one = train(performer.tavus, sandbox)
    tuned = train(performer.tavus, sandbox, model_name="phoenix-4.5")
    sandbox.advance(DONE / 100)
    for replica in (one, tuned):
        assert isinstance(performer.perform(delete(replica, failed=failed)), DeletionDeclined)
    assert deletions(sandbox) == 0


def test_a_failed_one_that_is_trained_after_all_is_kept_and_the_other_way_round(sandbox: Sandbox, performer: Performer) -> None:
    trained, broken = train(performer.tavus, sandbox), train(performer.tavus, sandbox, "sandbox_outcome=HeadphonesError")
    sandbox.advance(DONE)
    news = performer.perform(delete(trained, failed=True))
    assert news == DeletionDeclined(trained, "Tavus says 'completed' of it, the ledger failed")
    assert isinstance(performer.perform(delete(broken, failed=False)), DeletionDeclined)
    assert deletions(sandbox) == 0


@pytest.mark.parametrize(("outcome", "failed"), [("", False), ("sandbox_outcome=tuning", True)])
def test_what_somebody_may_be_talking_to_is_kept_until_that_ends(
    sandbox: Sandbox, performer: Performer, outcome: str, *, failed: bool
) -> None:
    one = train(performer.tavus, sandbox, outcome, model_name="phoenix-4.5")
    other = train(performer.tavus, sandbox, "other")
    sandbox.advance(DONE)
    talk = performer.perform(open_with(one))
    assert isinstance(talk, ConversationOpened)
    news = performer.perform(delete(one, failed=failed))
    assert isinstance(news, DeletionDeclined)
    assert talk.conversation_id in news.detail
    assert performer.perform(delete(other, failed=False)) == ReplicaDeleted(other)
    performer.tavus.end_conversation(ACCOUNT, talk.conversation_id)
    assert performer.perform(delete(one, failed=failed)) == ReplicaDeleted(one)


@pytest.mark.parametrize("harm", ["cut", "half", "hang", "500", "502", "503", "429", "garbage", "no_id"])
@pytest.mark.parametrize("kind", ["get_replica", "list_conversations"])
def test_nothing_is_deleted_on_an_answer_that_is_none(sandbox: Sandbox, performer: Performer, kind: str, harm: str) -> None:
    one = train(performer.tavus, sandbox)
    sandbox.advance(DONE)
    sandbox.set_faults({"on": kind, "kind": harm, "seconds": 0.05})
    assert isinstance(performer.perform(delete(one, failed=False)), DeletionUnread)
    assert deletions(sandbox) == 0


@pytest.mark.parametrize("harm", ["cut", "hang", "500", "502", "503", "429"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_deletion_of_unknown_outcome_is_asked_once_and_settled_by_the_next(
    sandbox: Sandbox, performer: Performer, harm: str, moment: str
) -> None:
    one = train(performer.tavus, sandbox)
    sandbox.advance(DONE)
    sandbox.set_faults({"on": "delete_replica", "kind": harm, "moment": moment, "times": 1, "seconds": 0.05})
    assert isinstance(performer.perform(delete(one, failed=False)), DeletionUnread)
    assert deletions(sandbox) == 1
    assert performer.perform(delete(one, failed=False)) == ReplicaDeleted(one)


def told(
    single: Said, gone: Said | None = None, talks: list[dict[str, Any]] | Said | None = None, *, failed: bool, hard: bool = False
) -> tuple[Event, list[Asked]]:
    """What is told of r1's deletion, and the deletions that were sent."""
    rows = talks if isinstance(talks, list) else []
    page = talks if isinstance(talks, Said) else Said(200, {"data": rows, "total_count": len(rows)})

    def script(asked: Asked) -> Said:
        if asked.path == "/v2/conversations":
            return page
        return single if asked.method == "GET" else gone or Said(200)

    with Scripted(script) as server, performing(server.url) as performer:
        news = performer.perform(delete("r1", failed=failed, hard=hard))
    return news, [asked for asked in server.asked if asked.method == "DELETE"]


@pytest.mark.parametrize(("hard", "query"), [(False, {}), (True, {"hard": "true"})])
def test_assets_are_erased_only_when_that_was_asked_for(*, hard: bool, query: dict[str, str]) -> None:
    news, sent = told(Said(200, FAILED), failed=True, hard=hard)
    assert news == ReplicaDeleted(R1)
    assert [(asked.path, asked.query) for asked in sent] == [("/v2/replicas/r1", query)]


@pytest.mark.parametrize("gone", [Said(200), Said(204), Said(200, {"message": "OK"}), Said(404, {"message": "Not Found"})])
def test_any_success_and_being_gone_already_count(gone: Said) -> None:
    assert told(Said(200, FAILED), gone, failed=True)[0] == ReplicaDeleted(R1)
    assert told(Said(400, {"error": "Invalid replica_id"}), gone, failed=True) == (ReplicaDeleted(R1), [])


@pytest.mark.parametrize(
    "gone", [Said(404, PAGE_OF_HTML), Said(400, {"error": "busy"}), Said(401, {"message": "no"}), Said(302), Said(500)]
)
def test_anything_else_does_not(gone: Said) -> None:
    news, sent = told(Said(200, FAILED), gone, failed=True)
    assert isinstance(news, DeletionUnread)
    assert str(gone.status) in news.detail
    assert news.account_fault == (Failure.KEY_REJECTED if gone.status == 401 else None)
    assert len(sent) == 1


LOOKS: list[tuple[Said, type[Event]]] = [
    (Said(404, PAGE_OF_HTML), DeletionUnread),
    (Said(200, {"status": "error"}), DeletionUnread),
    (Said(200, {**FAILED, "replica_id": "r2"}), DeletionUnread),
    (Said(200, {**FAILED, "status": "cancelled"}), DeletionDeclined),
    (Said(200, {"replica_id": "r1"}), DeletionDeclined),
    (Said(401, {"message": "Invalid access token"}), DeletionUnread),
]
"""Looks that do not say error of r1, and what is told of each: only a contradiction ends the wish."""


@pytest.mark.parametrize(("single", "kind"), LOOKS)
def test_a_look_that_does_not_say_error_of_this_replica_deletes_nothing(single: Said, kind: type[Event]) -> None:
    news, sent = told(single, failed=True)
    assert type(news) is kind
    assert sent == []


@pytest.mark.parametrize(("single", "kind"), LOOKS)
def test_a_look_that_does_not_say_error_of_this_replica_confirms_nothing(single: Said, kind: type[Event]) -> None:
    assert type(confirmed(single)) is kind


def confirmed(single: Said) -> Event:
    """What is told of a look whether r1 still says that it failed."""
    with Scripted(single) as server, performing(server.url) as performer:
        news = performer.perform(ConfirmFailure(ACCOUNT, R1))
    assert [(asked.method, asked.path) for asked in server.asked] == [("GET", "/v2/replicas/r1")]
    return news


def test_a_failure_is_confirmed_by_a_look_that_says_so_and_nothing_is_deleted(sandbox: Sandbox, performer: Performer) -> None:
    broken = train(performer.tavus, sandbox, "sandbox_outcome=HeadphonesError")
    sandbox.advance(DONE)
    assert performer.perform(ConfirmFailure(ACCOUNT, broken)) == FailureConfirmed(broken)
    assert deletions(sandbox) == 0


def test_what_is_gone_already_counts_as_deleted_before_it_is_confirmed() -> None:
    assert confirmed(Said(404, {"message": "Not Found"})) == ReplicaDeleted(R1)


def test_a_look_waits_as_long_as_it_is_told_to() -> None:
    news = confirmed(Said(429, {"message": "slow down"}, {"Retry-After": "77"}))
    assert isinstance(news, DeletionUnread)
    assert news.retry_after == timedelta(seconds=77)


@pytest.mark.parametrize(
    ("talks", "kind"),
    [
        ([{"conversation_id": "c1", "replica_id": "r1"}], DeletionDeclined),
        ([{"conversation_id": "c1", "face_id": "r1"}], DeletionDeclined),
        ([{"conversation_id": "c1"}], DeletionDeclined),
        ([{"conversation_id": "c2", "replica_id": "r2"}, {"conversation_id": "c1", "replica_id": None}], DeletionDeclined),
        ([{"replica_id": "r2"}], DeletionUnread),
        (Said(200, {"data": [], "total_count": 1}), DeletionUnread),
        (Said(404, {"message": "Not Found"}), DeletionUnread),
    ],
)
def test_a_trained_one_is_kept_while_it_is_or_may_be_talked_to(talks: list[dict[str, Any]] | Said, kind: type[Event]) -> None:
    news, sent = told(Said(200, TRAINED), talks=talks, failed=False)
    assert type(news) is kind
    assert sent == []


def test_a_tuning_is_a_training_even_where_nobody_says_the_model() -> None:
    news, sent = told(Said(200, {**TRAINED, "finetune_status": "training"}), failed=False)
    assert isinstance(news, DeletionDeclined)
    assert sent == []
