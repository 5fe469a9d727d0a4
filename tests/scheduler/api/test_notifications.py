"""What callers are told can be looked at over HTTP, and sent again from there, whatever became of it."""

from datetime import timedelta

from tests.scheduler.api.callers import a_job_of
from tests.scheduler.api.served import Api, problem
from worker.core.deliveries import Heard
from worker.core.events import CancelRequested
from worker.core.job import Job
from worker.store.clock import utc_now
from worker.store.notifications import Notification, Status


def told(api: Api) -> tuple[Job, Notification]:
    """A job that was cancelled, and the word about it."""
    job = api.parts.engine.tell(a_job_of(api.parts, "local", notify_url="https://told.example/?token=s3cr3t").id, CancelRequested())
    [one] = api.parts.courier.outbox.recent(9, job_id=job.id)
    return job, one


def give_up(api: Api, one: Notification) -> None:
    outbox, later = api.parts.courier.outbox, utc_now() + timedelta(days=4)
    taken = outbox.take(one.id, later, api.parts.settings.lease)
    assert taken is not None
    assert outbox.settle(taken, Heard.REFUSED, "answered 404", later)[0] is Status.DEAD


def test_the_newest_are_listed_by_job_and_status_and_never_with_an_address(api: Api) -> None:
    (first, one), (second, other) = told(api), told(api)
    give_up(api, one)
    listed = api.get("/v1/notifications").json()["notifications"]
    assert [found["id"] for found in listed[:2]] == [other.id, one.id]
    assert {(found["type"], found["about"]["state"]) for found in listed[:2]} == {("job.cancelled", "cancelled")}
    assert [found["id"] for found in api.get("/v1/notifications?limit=1").json()["notifications"]] == [other.id]
    dead, *_ = api.get("/v1/notifications?status=dead").json()["notifications"]
    assert (dead["id"], dead["answer"], dead["due_at"], dead["tries"]) == (one.id, "answered 404", None, 1)
    for job in (first, second):
        assert [found["job_id"] for found in api.get(f"/v1/notifications?job_id={job.id}").json()["notifications"]] == [job.id]
    assert "told.example" not in api.get("/v1/notifications").text


def test_one_that_was_given_up_is_due_at_once_when_it_is_sent_again(api: Api) -> None:
    _, one = told(api)
    give_up(api, one)
    again = api.post(f"/v1/notifications/{one.id}/redeliver")
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["status"], again.json()["tries"]) == (one.id, "waiting", 0)
    [claimed] = api.parts.courier.outbox.claim(utc_now(), api.parts.settings.lease, 8, 500).batches
    assert one.id in claimed


def test_what_is_none_is_unknown_whatever_the_path_holds(api: Api) -> None:
    for wrong in ("msg_none_1", "%00", "%ED%A0%80", "msg_\N{SNOWMAN}"):
        problem(api.post(f"/v1/notifications/{wrong}/redeliver"), 404, "unknown-notification")
    problem(api.get("/v1/notifications?status=lost"), 422, "invalid-request")
