"""The routes of jobs: one job for a key, whatever way it comes; every question and every action, and why an action is not possible."""

import json
from datetime import datetime

import pytest

from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.api.served import Api, problem, serving
from tests.scheduler.commands import commands_in
from tests.scheduler.made import PICTURE, SECRET, a_job_in, a_replica, a_request, at_tavus, in_hours, paid, rows, trained
from tests.worker.store.made import changed
from worker.app import CLEAN_UP, OPEN, SUBMIT
from worker.core.job import Conversation, Job, Outcome
from worker.core.marks import conversation_mark
from worker.core.states import State

ACTIONS = ("cancel", "release", "abandon", "conversation")
UNKNOWN = "0000000000000000mm00000001"


def do(api: Api, job: Job, action: str) -> str:
    answer = api.post(f"/v1/jobs/{job.id}/{action}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["state"])


def test_a_new_job_is_201_with_its_place_and_its_document(api: Api, broker: Broker) -> None:
    answer = api.post("/v1/jobs", a_request(metadata={"order": 7}))
    document = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/jobs/{document['id']}")
    assert (document["state"], document["metadata"]) == ("queued", {"order": 7})
    assert api.get(answer.headers["location"]).json()["id"] == document["id"]
    assert broker.waiting(SUBMIT) == 1
    assert SECRET not in answer.text


@pytest.mark.parametrize("where", ["header", "body", "both", "null"])
def test_the_same_key_and_request_are_the_same_job(api: Api, broker: Broker, where: str) -> None:
    document = a_request(**{"header": {}, "null": {"idempotency_key": None}}.get(where, {"idempotency_key": where}))
    headers = {} if where == "body" else {"idempotency_key": where}
    first, again = (api.post("/v1/jobs", document, **headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["location"] == first.headers["location"]
    assert broker.waiting(SUBMIT) == 1


def test_the_same_key_for_another_request_is_422_with_the_job_that_has_it(api: Api) -> None:
    first = api.post("/v1/jobs", a_request(), idempotency_key="taken").json()
    before = rows(api.parts)
    refused = problem(api.post("/v1/jobs", a_request(priority=1), idempotency_key="taken"), 422, "key-reused")
    assert refused["job_id"] == first["id"]
    assert first["id"] in refused["detail"]
    assert rows(api.parts) == before


def test_the_same_key_on_the_command_line_is_the_same_job(api: Api, broker: Broker) -> None:
    job = api.post("/v1/jobs", a_request(), idempotency_key="both-ways").json()
    replicas = commands_in(api.parts.settings.home, broker)
    said = replicas("enqueue", "--image", PICTURE, "--voice", "anna", "--key", "both-ways", "--json")
    assert json.loads(said.out)["id"] == job["id"]
    assert job["id"] in replicas("enqueue", "--image", PICTURE, "--voice", "liam", "--key", "both-ways").err


def test_jobs_are_listed_newest_first_and_by_state(api: Api) -> None:
    ids = [a_job_in(api.parts, State.SUBMITTING, in_hours(1)).id for _ in range(3)]
    listed = api.get("/v1/jobs?state=submitting&limit=2").json()["jobs"]
    assert [job["id"] for job in listed] == ids[:0:-1]
    assert [job["id"] for job in api.get("/v1/jobs?limit=1").json()["jobs"]] == ids[2:]


def test_a_story_tells_every_step(api: Api) -> None:
    job = a_job_in(api.parts, State.HELD)
    do(api, job, "abandon")
    lines = api.get(f"/v1/jobs/{job.id}/story").json()["lines"]
    assert [line["event"] for line in lines] == ["Enqueued", "CallbackReceived", "AbandonRequested"]
    assert (lines[-1]["from_state"], lines[-1]["to_state"], lines[-1]["why"]) == ("held", "abandoned", "given up by a person")


def test_an_unknown_job_is_404_everywhere(api: Api) -> None:
    for job_id in (UNKNOWN, "%00", "..", "%F0%9F%98%80", "x" * 3000, f"a%3Fsig={SECRET}"):
        answers = [api.get(f"/v1/jobs/{job_id}/story"), api.client.delete(f"/v1/jobs/{job_id}/replica")]
        answers += [api.post(f"/v1/jobs/{job_id}/{action}") for action in ACTIONS]
        assert [answer.status_code for answer in answers] == [404] * len(answers), job_id
        assert not any(SECRET in answer.text for answer in answers)
    problem(api.get(f"/v1/jobs/{UNKNOWN}"), 404, "unknown-job")


def test_a_job_is_cancelled(api: Api) -> None:
    job = a_job_in(api.parts, State.QUEUED, in_hours(1))
    assert [do(api, job, "cancel"), do(api, job, "cancel")] == ["cancelled", "cancelled"]


def test_a_job_that_may_have_been_paid_is_cancelled_once_that_is_known(api: Api) -> None:
    answer = api.post(f"/v1/jobs/{a_job_in(api.parts, State.SUBMITTING, in_hours(1)).id}/cancel").json()
    assert (answer["state"], answer["cancel_requested"]) == ("submitting", True)


def test_a_held_job_is_released_and_rung_for(api: Api, broker: Broker) -> None:
    job = a_job_in(api.parts, State.HELD)
    broker.client.flushall()
    assert do(api, job, "release") == "queued"
    assert [message["arguments"][0] for message in broker.messages(SUBMIT)] == [[job.id]]


def test_a_conversation_is_opened_at_once_or_remembered(api: Api, broker: Broker) -> None:
    ready, queued = a_job_in(api.parts, State.READY), a_job_in(api.parts, State.QUEUED, in_hours(1))
    ready = changed(api.parts.ledger, ready, attempts=paid(ready, Outcome.TRAINED))
    assert do(api, ready, "conversation") == "opening"
    assert [message["arguments"][0] for message in broker.messages(OPEN)] == [[ready.id]]
    assert do(api, queued, "conversation") == "queued"
    assert api.parts.ledger.get(queued.id).conversation_wanted


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("done", "cancel"),
        ("abandoned", "cancel"),
        ("queued", "release"),
        ("ready", "abandon"),
        ("done", "conversation"),
        ("cancelled", "release"),
    ],
)
def test_what_is_not_possible_is_409_with_the_reason_and_changes_nothing(api: Api, state: str, action: str) -> None:
    job = a_job_in(api.parts, State(state))
    before = rows(api.parts)
    detail = problem(api.post(f"/v1/jobs/{job.id}/{action}"), 409, "not-possible")["detail"]
    assert detail.startswith(f"The job is {state}. ")
    assert (api.parts.ledger.get(job.id), rows(api.parts)) == (job, before)


def test_a_failed_replica_is_kept_until_its_refund_is_safe(api: Api, broker: Broker) -> None:
    opens = in_hours(5)
    job = a_job_in(api.parts, State.ABANDONED)
    job = a_job_in(api.parts, State.ABANDONED, attempts=paid(job, Outcome.FAILED, deletable_at=opens))
    for query in ("", f"?replica_id={job.replica_id}", f"?hard=true&replica_id={job.replica_id}"):
        kept = problem(api.client.delete(f"/v1/jobs/{job.id}/replica{query}"), 409, "not-deletable")
        assert datetime.fromisoformat(kept["until"]) == opens
        assert "refund" in kept["detail"]
    assert broker.waiting(CLEAN_UP) == 0
    assert api.parts.ledger.get(job.id) == job


@pytest.mark.parametrize("outcome", [Outcome.CHARGED, Outcome.RESERVED])
def test_a_replica_that_may_train_is_not_deleted_and_time_alone_will_not_help(api: Api, outcome: Outcome) -> None:
    job = a_job_in(api.parts, State.QUEUED)
    job = a_job_in(api.parts, State.TRAINING, in_hours(1), attempts=paid(job, outcome))
    assert problem(api.client.delete(f"/v1/jobs/{job.id}/replica"), 409, "not-deletable")["until"] is None


def test_a_job_without_a_replica_has_nothing_to_delete(api: Api) -> None:
    assert "no replica" in problem(api.client.delete(f"/v1/jobs/{a_job_in(api.parts).id}/replica"), 409, "not-deletable")["detail"]


@pytest.mark.parametrize("hard", [False, True])
def test_a_deletion_that_is_safe_is_on_record_and_rung_for(api: Api, broker: Broker, hard: bool) -> None:  # noqa: FBT001 - a parameter's value
    job = a_job_in(api.parts, State.READY)
    job = a_job_in(api.parts, State.READY, attempts=paid(job, Outcome.TRAINED))
    query = f"?hard=true&replica_id={job.replica_id}" if hard else ""
    answer = api.client.delete(f"/v1/jobs/{job.id}/replica{query}")
    assert (answer.status_code, answer.json()["replica_id"]) == (202, job.replica_id)
    wish = api.parts.ledger.get(job.id).attempt.deletion
    assert wish is not None
    assert wish.hard is hard
    assert [message["arguments"][0] for message in broker.messages(CLEAN_UP)] == [[job.id]]


def test_assets_are_not_erased_for_who_does_not_name_the_replica(api: Api) -> None:
    job = a_job_in(api.parts, State.READY)
    job = a_job_in(api.parts, State.READY, attempts=paid(job, Outcome.TRAINED))
    refused = problem(api.client.delete(f"/v1/jobs/{job.id}/replica?hard=true"), 409, "not-deletable")
    assert str(job.replica_id) in refused["detail"]
    assert api.parts.ledger.get(job.id) == job


def test_no_answer_about_a_job_holds_its_address(api: Api) -> None:
    job = a_job_in(api.parts)
    talk = Conversation(mark=conversation_mark(job.id, 1))
    job = a_job_in(api.parts, State.ABANDONED, attempts=paid(job, Outcome.FAILED), conversation=talk)
    answers = [api.get("/v1/jobs?limit=500"), api.get(f"/v1/jobs/{job.id}"), api.get(f"/v1/jobs/{job.id}/story"), api.get("/openapi.json")]
    assert not any(SECRET in answer.text or "pictures.example" in answer.text for answer in answers)


def test_a_job_of_a_real_training_shows_no_secret(api: Api) -> None:
    with Sandbox() as tavus, serving(at_tavus(api.parts.settings, tavus)) as there:
        ready = trained(there.parts, tavus)
        request = a_replica(train_image_url=tavus.picture(f"sandbox_outcome=ImageQualityError&X-Amz-Signature={SECRET}"))
        failed = there.post("/v1/jobs", request).json()["id"]
        there.parts.engine.advance(failed)
        text = "".join(there.get(f"/v1/jobs/{job}{rest}").text for job in (ready.id, failed) for rest in ("", "/story"))
    assert there.parts.ledger.get(ready.id).state is State.READY
    assert SECRET not in text
    assert "key-of-default" not in text
