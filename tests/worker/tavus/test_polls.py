"""One call tells how many trainings go, and whatever is not an answer leaves every one of them where it is."""

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox import messages
from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import ACCOUNT, DONE, PAGE_OF_HTML, PATIENCE, asked_of, calling, look, poll, train
from tests.worker.tavus.scripted import Asked, Said, Scripted
from worker.core.events import PollUnread, ReplicaMissing, TrainingCompleted, TrainingContinued, TrainingFailed
from worker.core.failures import Failure
from worker.core.job import ReplicaId
from worker.tavus.client import Tavus
from worker.tavus.polls import PollEvent

TWO = "phoenix-4.5"


def asked(sandbox: Sandbox) -> tuple[int, int]:
    """How many list calls and single GETs there were."""
    kinds = asked_of(sandbox)
    return kinds.get("list_replicas", 0), kinds.get("get_replica", 0)


def test_a_hundred_trainings_are_one_call_when_nothing_is_new(sandbox: Sandbox, tavus: Tavus) -> None:
    looks = [look(train(tavus, sandbox, str(number))) for number in range(100)]
    news = poll(tavus, looks, PATIENCE)
    assert news == {one.replica_id: TrainingContinued(one.replica_id, "0/100") for one in looks}
    assert asked(sandbox) == (1, 0)


def test_a_completed_training_is_told_by_the_list_alone(sandbox: Sandbox, tavus: Tavus) -> None:
    ids = [train(tavus, sandbox, str(number)) for number in range(3)]
    sandbox.advance(DONE)
    assert poll(tavus, [look(one) for one in ids], PATIENCE) == {one: TrainingCompleted(one) for one in ids}
    assert asked(sandbox) == (1, 0)


def test_each_error_costs_one_single_look_for_its_words(sandbox: Sandbox, tavus: Tavus) -> None:
    well, badly = train(tavus, sandbox), train(tavus, sandbox, "sandbox_outcome=PoseNotSuitableError")
    sandbox.advance(timedelta(minutes=30))
    news = poll(tavus, [look(well), look(badly)], PATIENCE)
    words = f"PoseNotSuitableError: {messages.IMAGE['PoseNotSuitableError']}"
    assert isinstance(news[well], TrainingContinued)
    failed = news[badly]
    assert isinstance(failed, TrainingFailed)
    assert failed.failure is Failure.POSE_NOT_SUITABLE
    assert words.startswith(failed.detail)
    assert len(failed.detail) > 200
    assert asked(sandbox) == (1, 1)


def test_who_is_missing_from_the_list_is_asked_for_and_believed() -> None:
    with Sandbox(Rules(list_delay=timedelta(days=1))) as sandbox, calling(sandbox.url) as tavus:
        ids = [train(tavus, sandbox, str(number)) for number in range(2)]
        assert poll(tavus, [look(one) for one in ids], PATIENCE) == {one: TrainingContinued(one, "0/100") for one in ids}
        sandbox.advance(DONE)
        assert poll(tavus, [look(one) for one in ids], PATIENCE) == {one: TrainingCompleted(one) for one in ids}
        assert asked(sandbox) == (2, 4)


def test_who_is_deleted_or_never_was_is_missing(sandbox: Sandbox, tavus: Tavus) -> None:
    there, deleted, never = train(tavus, sandbox), train(tavus, sandbox, "x"), ReplicaId("r00000000000")
    tavus.delete_replica(ACCOUNT, deleted, hard=False)
    news = poll(tavus, [look(there), look(deleted), look(never)], PATIENCE)
    assert isinstance(news[there], TrainingContinued)
    assert news[deleted] == ReplicaMissing(deleted, "Tavus answers 404: Not Found")
    assert news[never] == ReplicaMissing(never, "Tavus answers 400: Invalid replica_id")


@pytest.mark.parametrize("others", [0, 1])
def test_a_two_stage_training_is_over_only_with_its_tuning(sandbox: Sandbox, tavus: Tavus, others: int) -> None:
    looks = [look(train(tavus, sandbox, str(number))) for number in range(others)]
    well, badly = train(tavus, sandbox, model_name=TWO), train(tavus, sandbox, "sandbox_outcome=tuning", model_name=TWO)
    sandbox.advance(timedelta(minutes=2))
    for one in (well, badly):
        assert isinstance(poll(tavus, [*looks, look(one, TWO)], PATIENCE)[one], TrainingContinued)
    sandbox.advance(DONE)
    assert poll(tavus, [*looks, look(well, TWO)], PATIENCE)[well] == TrainingCompleted(well)
    assert isinstance(poll(tavus, [*looks, look(badly, TWO)], PATIENCE)[badly], TrainingFailed)


def test_a_tuning_that_the_list_shows_costs_no_single_look(sandbox: Sandbox, tavus: Tavus) -> None:
    ids = [train(tavus, sandbox, str(number), model_name=TWO) for number in range(5)]
    sandbox.advance(timedelta(minutes=2))
    poll(tavus, [look(one, TWO) for one in ids], PATIENCE)
    assert asked(sandbox) == (1, 0)


def told(listed: list[dict[str, Any]] | Said, single: Said, model: str = "phoenix-4") -> tuple[PollEvent, int]:
    """What is told of r1, beside r2 which trains, and how many single GETs that took."""
    rows = [{"replica_id": "r2", "status": "started"}, *listed] if isinstance(listed, list) else []
    page = listed if isinstance(listed, Said) else Said(200, {"data": rows, "total_count": len(rows)})

    def script(one: Asked) -> Said:
        return page if one.path == "/v2/replicas" else single

    with Scripted(script) as server, calling(server.url) as tavus:
        news = poll(tavus, [look("r1", model), look("r2")], PATIENCE)
    assert set(news) == {"r1", "r2"}
    return news[ReplicaId("r1")], len(server.asked) - 1


def shown(**fields: object) -> dict[str, Any]:
    return {"replica_id": "r1", **fields}


@pytest.mark.parametrize("said_by", ["answer", "request"])
def test_a_list_that_shows_no_tuning_is_not_believed_about_two_stages(said_by: str) -> None:
    model = {"model_name": TWO} if said_by == "answer" else {}
    row, asked_for = shown(status="completed", **model), TWO if said_by == "request" else ""
    for finetune, kind in (("completed", TrainingCompleted), ("errored", TrainingFailed), ("training", TrainingContinued)):
        news, singles = told([row], Said(200, {**row, "finetune_status": finetune}), asked_for)
        assert (type(news), singles) == (kind, 1)


@pytest.mark.parametrize("key", ["replica_id", "face_id"])
@pytest.mark.parametrize("word", ["completed", "ready"])
def test_both_words_and_both_keys_are_understood(key: str, word: str) -> None:
    assert told([{key: "r1", "status": word}], Said(500)) == (TrainingCompleted(ReplicaId("r1")), 0)


@pytest.mark.parametrize("status", ["started", "queued", "cancelled", "", None])
def test_an_unknown_word_changes_nothing(status: str | None) -> None:
    assert told([shown(status=status)], Said(500)) == (TrainingContinued(ReplicaId("r1"), None), 0)


@pytest.mark.parametrize(
    "single",
    [
        Said(200, {}),
        Said(200, b"<html>"),
        Said(200, {"replica_id": "r9", "status": "completed"}),
        Said(204),
        Said(302),
        Said(400, {"error": "Invalid JSON"}),
        Said(403, {"message": "no"}),
        Said(404, PAGE_OF_HTML),
        Said(404, b"404"),
        Said(500),
        Said(503, {"error": "Not Found"}),
    ],
)
@pytest.mark.parametrize("listed", [[], [shown(status="error")]])
def test_a_question_that_is_not_answered_is_no_news(single: Said, listed: list[dict[str, Any]]) -> None:
    news, singles = told(listed, single)
    assert isinstance(news, PollUnread)
    assert singles == 1


@pytest.mark.parametrize("status", [500, 502, 429, 404, 400, 301])
def test_a_list_that_is_not_answered_is_no_news_of_anybody(status: int) -> None:
    news, singles = told(Said(status, {"error": "Invalid replica_id"}, {"Retry-After": "5"}), Said(500))
    assert news == PollUnread(f"Tavus answers {status}: Invalid replica_id", timedelta(seconds=5))
    assert singles == 0


@pytest.mark.parametrize(
    "listed", [Said(200, {"data": [{"status": "completed"}], "total_count": 1}), Said(200, []), Said(200, PAGE_OF_HTML)]
)
def test_a_list_that_cannot_be_read_is_no_news_of_anybody(listed: Said) -> None:
    news, singles = told(listed, Said(500))
    assert isinstance(news, PollUnread)
    assert singles == 0


@pytest.mark.parametrize("harm", ["cut", "half", "hang", "500", "502", "503", "429", "garbage", "no_id"])
@pytest.mark.parametrize("many", [1, 2])
def test_a_broken_answer_leaves_every_training_where_it_is(sandbox: Sandbox, tavus: Tavus, harm: str, many: int) -> None:
    ids = [train(tavus, sandbox, str(number)) for number in range(many)]
    sandbox.advance(DONE)
    sandbox.set_faults({"kind": harm, "seconds": 0.05})
    assert {type(event) for event in poll(tavus, [look(one) for one in ids], PATIENCE).values()} == {PollUnread}
    sandbox.set_faults()
    assert {type(event) for event in poll(tavus, [look(one) for one in ids], PATIENCE).values()} == {TrainingCompleted}


@pytest.mark.parametrize("many", [1, 2])
@pytest.mark.parametrize(("key", "fault"), [("invalid", Failure.KEY_REJECTED), (None, Failure.KEY_REJECTED)])
def test_a_key_that_is_not_accepted_is_the_accounts_fault(sandbox: Sandbox, many: int, key: str | None, fault: Failure) -> None:
    with calling(sandbox.url, key=key) as tavus:
        news = poll(tavus, [look(f"r{number}") for number in range(many)], PATIENCE)
    assert {event.account_fault for event in news.values() if isinstance(event, PollUnread)} == {fault}
    assert len(news) == many


def test_a_batch_that_runs_out_of_time_asks_for_no_more(sandbox: Sandbox, tavus: Tavus) -> None:
    ids = [train(tavus, sandbox, f"sandbox_outcome=HeadphonesError&{number}") for number in range(3)]
    sandbox.advance(DONE)
    assert {type(event) for event in poll(tavus, [look(one) for one in ids], timedelta(0)).values()} == {PollUnread}
    assert asked(sandbox) == (1, 0)


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"error_message": "too dark"}, "too dark"),
        ({"error_message": None, "error": "too dark"}, "too dark"),
        ({"status": "completed", "finetune_status": "errored"}, "the tuning failed"),
        ({"failure_reason": "too dark"}, "Tavus gives no reason: replica_id: r1, status: error, failure_reason: too dark"),
    ],
)
def test_a_failure_is_told_in_tavus_own_words(fields: dict[str, object], detail: str) -> None:
    single = {**shown(status="error"), **fields}
    news, _ = told([shown(status="error")], Said(200, single), TWO)
    assert news == TrainingFailed(ReplicaId("r1"), Failure.UNRECOGNISED, detail)


def test_nothing_asked_is_nothing_told(sandbox: Sandbox, tavus: Tavus) -> None:
    assert poll(tavus, [], PATIENCE) == {}
    assert asked(sandbox) == (0, 0)
