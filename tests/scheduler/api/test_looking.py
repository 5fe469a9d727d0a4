"""Jobs are found page by page, by whatever they are asked for, and explained in sentences; their conversations end; limits and voices are told."""

import pytest

from tests.broker import Broker
from tests.scheduler.api.served import Api, problem
from tests.scheduler.made import a_job_in, in_hours, paid
from tests.worker.store.made import changed
from worker.app import CLEAN_UP
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Conversation, ConversationId, Job, Outcome, Terms
from worker.core.marks import conversation_mark
from worker.core.states import State
from worker.store.clock import utc_now


def done(api: Api, **changes: object) -> Job:
    """A job that has its conversation."""
    job = a_job_in(api.parts, State.READY)
    talk = Conversation(mark=conversation_mark(job.id, 1), id=ConversationId("c1"), url="https://tavus.example/c1")
    return changed(api.parts.ledger, job, state=State.DONE, attempts=paid(job, Outcome.TRAINED), conversation=talk, **changes)


def test_pages_follow_each_other_by_a_word_that_is_no_id(api: Api) -> None:
    ids = [a_job_in(api.parts, State.OPENING, in_hours(1)).id for _ in range(5)]
    found, cursor = list[str](), ""
    for _ in range(3):
        page = api.get(f"/v1/jobs?state=opening&limit=2{cursor}").json()
        found += [job["id"] for job in page["jobs"]]
        assert page["next"] not in ids
        cursor = f"&cursor={page['next']}"
    assert (found, page["next"]) == (ids[::-1], None)


def test_jobs_are_asked_for_by_what_they_are(api: Api) -> None:
    job = a_job_in(api.parts, State.SUBMITTING, in_hours(1), account="studio")
    job = changed(api.parts.ledger, job, attempts=paid(job))
    at = job.created_at.isoformat().replace("+00:00", "Z")
    for query in ("state=submitting", "account=studio", "caller=local&limit=1", f"replica_id={job.replica_id}", f"since={at}"):
        assert job.id in [one["id"] for one in api.get(f"/v1/jobs?{query}").json()["jobs"]], query
    for query in ("state=cancelled", "account=default", "caller=crm", "replica_id=r-of-nobody", f"before={at}"):
        assert job.id not in [one["id"] for one in api.get(f"/v1/jobs?{query}&limit=500").json()["jobs"]], query


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "cursor=x", "state=asleep", "account=", "caller=%00", "replica_id=%00", "since=yesterday", "since=1",
     "before=2026-01-01T00:00:00", "since=0001-01-01T00:00:00%2B14:00", f"account={'x' * 201}"],
)  # fmt: skip
def test_what_nothing_can_be_found_by_is_refused(api: Api, query: str) -> None:
    problem(api.get(f"/v1/jobs?{query}"), 422, "invalid-request")


@pytest.mark.parametrize("state", State)
def test_a_job_in_any_state_is_explained_in_sentences(api: Api, state: State) -> None:
    job = a_job_in(api.parts, state, in_hours(1))
    outcome = {State.TRAINING: Outcome.CHARGED, State.SUBMITTING: Outcome.RESERVED}.get(state, Outcome.TRAINED)
    job = changed(api.parts.ledger, job, attempts=paid(job, outcome))
    told = api.get(f"/v1/jobs/{job.id}/explain").json()
    assert (told["id"], told["state"], told["next_at"]) == (job.id, state, job.due_at and job.due_at.isoformat())
    for sentence in (told["why"], told["next"], *told["you_can"]):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "  " not in sentence
        assert "None" not in sentence


def test_the_explanation_offers_what_is_possible_and_nothing_else(api: Api) -> None:
    held = api.parts.ledger.get(a_job_in(api.parts, State.HELD, failure=Failure.UNRECOGNISED, detail="E-77").id)
    told = api.get(f"/v1/jobs/{held.id}/explain").json()
    assert "E-77" in told["why"]
    assert [sentence.split(":")[1].split("/")[-1].rstrip(".") for sentence in told["you_can"]] == ["cancel", "release", "abandon"]
    for way in told["you_can"]:
        assert api.post(way.split("POST ")[1].rstrip(".")).status_code in {200, 409}  # the first of them leaves nothing to the others


def test_a_stopped_account_explains_its_jobs(api: Api) -> None:
    job = a_job_in(api.parts, State.QUEUED, in_hours(1), account="studio")
    api.parts.ledger.stop(StopAccount("studio", Failure.OUT_OF_CREDIT, deaf=False), utc_now())
    told = api.get(f"/v1/jobs/{job.id}/explain").json()
    assert "'studio' is stopped" in told["why"]
    assert told["next_at"] is None
    assert any("/v1/accounts/studio/resume" in way for way in told["you_can"])
    api.post("/v1/accounts/studio/resume")


def test_a_conversation_is_asked_to_end_once_and_rung_for(api: Api, broker: Broker) -> None:
    job = done(api)
    assert any(f"/v1/jobs/{job.id}/conversation/end" in way for way in api.get(f"/v1/jobs/{job.id}/explain").json()["you_can"])
    for _ in range(2):
        answer = api.post(f"/v1/jobs/{job.id}/conversation/end")
        assert (answer.status_code, answer.json()["conversation"]["id"]) == (200, "c1")
    assert [line["event"] for line in api.get(f"/v1/jobs/{job.id}/story").json()["lines"]].count("ConversationEndRequested") == 1
    assert {message["arguments"][0][0] for message in broker.messages(CLEAN_UP)} == {job.id}


def test_where_there_is_no_conversation_none_can_end(api: Api) -> None:
    detail = problem(api.post(f"/v1/jobs/{a_job_in(api.parts).id}/conversation/end"), 409, "not-possible")["detail"]
    assert "no conversation" in detail


def test_limits_that_are_put_take_the_place_of_all(api: Api) -> None:
    path = "/v1/accounts/studio/limits"
    api.client.patch(path, json={"max_in_flight": 3, "price": "40.50"})
    assert api.client.put(path, json={"max_trainings_a_month": 20.0}).json()["max_trainings_a_month"] == 20
    assert api.parts.ledger.terms("studio") == Terms(max_trainings_a_month=20)
    for wrong in ({"price": 40.5}, {"price": True}, {"max_in_flight": "3"}, {"max_in_flight": True}, {"price": "123456789"}):
        problem(api.client.put(path, json=wrong), 422, "invalid-request")
    problem(api.client.put("/v1/accounts/nobody/limits", json={}), 404, "unknown-account")
    api.client.put(path, json={})


def test_limits_are_refused_when_they_are_longer_than_any_and_not_read_first(api: Api) -> None:
    path, kind = "/v1/accounts/studio/limits", {"content-type": "application/json"}
    for send in (api.client.put, api.client.patch):
        problem(send(path, content=b" " * 300_000 + b"{}", headers=kind), 413, "too-large")
        problem(send(path, content=(b" " * 65_536 for _ in range(9)), headers=kind), 413, "too-large")
        assert send(path, json={}).status_code == 200


def test_voices_are_told_as_far_as_they_are_known(api: Api) -> None:
    assert api.get("/v1/accounts/studio/voices").json() == {"account": "studio", "voices": []}
    api.parts.ledger.keep_voices("studio", ["Liam", "anna"], utc_now())
    assert api.get("/v1/accounts/studio/voices").json()["voices"] == ["anna", "liam"]
    api.parts.ledger.keep_voices("studio", [], utc_now())
    problem(api.get("/v1/accounts/nobody/voices"), 404, "unknown-account")
