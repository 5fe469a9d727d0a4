"""A job's document says where it is and what comes next, is JSON in every state, and holds no address and no secret."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.views import job_document, line_document
from tests.scheduler.made import PICTURE, SECRET
from worker.core.failures import POLICIES, Failure
from worker.core.job import Attempt, Conversation, ConversationId, Job, JobId, Outcome, ReplicaId
from worker.core.marks import conversation_mark, replica_mark
from worker.core.request import Request
from worker.core.rules import Rules
from worker.core.states import State
from worker.store.stories import Line

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ID = JobId("0000000000000000mm00000001")
ATTEMPT = Attempt(
    number=1, mark=replica_mark(ID, 1), intended_at=NOW - timedelta(hours=1), outcome=Outcome.CHARGED, replica_id=ReplicaId("r1")
)
REQUEST = Request(
    replica={"train_image_url": PICTURE, "voice_name": "anna"},
    conversation={"callback_url": PICTURE},
    notify_url=PICTURE,
    metadata={"order": 7},
)
JOB = Job(id=ID, account="default", caller="local", request=REQUEST, created_at=NOW, idempotency_key="k1", due_at=NOW)


def shown(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of Job
    return job_document(replace(JOB, **changes), Rules(), NOW)


@pytest.mark.parametrize("state", State)
def test_in_every_state_the_document_is_json_without_an_address(state: State) -> None:
    talk = Conversation(mark=conversation_mark(ID, 1), id=ConversationId("c1"), url="https://tavus.daily.co/c1")
    document = json.dumps(shown(state=state, attempts=(ATTEMPT,), failure=Failure.IMAGE_QUALITY, conversation=talk))
    assert json.loads(document)["state"] == state
    assert SECRET not in document
    assert "pictures.example" not in document


def test_a_new_job_has_nothing_to_tell_yet() -> None:
    document = shown()
    assert (document["id"], document["idempotency_key"], document["metadata"]) == (ID, "k1", {"order": 7})
    assert document["due_at"] == "2026-11-01T12:00:00+00:00"
    assert [document[name] for name in ("eta", "replica_id", "conversation", "failure", "progress")] == [None] * 5
    assert (document["submissions"], document["attempts"]) == (0, [])


def test_only_a_training_has_an_eta_and_it_lies_ahead() -> None:
    eta = shown(state=State.TRAINING, attempts=(ATTEMPT,))["eta"]
    assert NOW < datetime.fromisoformat(eta["p50"]) < datetime.fromisoformat(eta["p90"])
    assert shown(state=State.SUBMITTING, attempts=(ATTEMPT,))["eta"] is None


def test_a_training_is_judged_by_its_time_and_never_by_its_progress() -> None:
    ages = {hours: replace(ATTEMPT, intended_at=NOW - timedelta(hours=hours)) for hours in (1, 5, 20)}
    for progress in ("0/100", "99/100", None):
        verdicts = [shown(state=State.TRAINING, attempts=(one,), progress=progress)["eta"]["verdict"] for one in ages.values()]
        assert verdicts == ["plausible", "late", "stuck"]


def test_a_failure_is_told_with_its_code_its_detail_and_what_to_do() -> None:
    told = POLICIES[Failure.IMAGE_QUALITY].told
    assert shown(failure=Failure.IMAGE_QUALITY, detail="too dark")["failure"] == {
        "code": "ImageQualityError",
        "told": told,
        "detail": "too dark",
    }


def test_an_attempt_says_when_its_replica_may_be_deleted() -> None:
    failed = replace(ATTEMPT, outcome=Outcome.FAILED, failure=Failure.IMAGE_QUALITY, deletable_at=NOW + timedelta(hours=24))
    [attempt] = shown(state=State.ABANDONED, attempts=(failed,))["attempts"]
    assert (attempt["outcome"], attempt["deletable_at"]) == ("failed", "2026-11-02T12:00:00+00:00")


def test_a_conversation_that_is_only_meant_is_not_shown() -> None:
    meant = Conversation(mark=conversation_mark(ID, 1), intended_at=NOW)
    assert shown(state=State.OPENING, conversation=meant)["conversation"] is None


def test_a_line_of_the_story_says_what_when_and_why_but_not_its_data() -> None:
    line = Line(at=NOW, version=3, event="FellDue", data={"detail": SECRET}, from_state=None, to_state=State.QUEUED, why="because")
    assert line_document(line) == {
        "at": "2026-11-01T12:00:00+00:00", "event": "FellDue", "from_state": None, "to_state": "queued", "why": "because",
    }  # fmt: skip
