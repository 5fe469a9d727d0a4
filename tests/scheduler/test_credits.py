"""The credit book and an account's limits, as the command line and the API show and set them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.broker import Broker
from tests.scheduler.api.served import problem, serving
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import a_job_in, in_hours, paid
from tests.worker.store.made import changed
from worker.assembly import Parts
from worker.core.failures import Failure
from worker.core.job import Job, Lost, Outcome, ReplicaId, Terms
from worker.core.states import State
from worker.settings import Settings

NOW = datetime.now(UTC)
MONTH = f"{NOW:%Y-%m}"


@pytest.fixture
def replicas(settings: Settings, broker: Broker) -> Commands:
    """The command line on the ledger of `parts`."""
    return commands_in(settings.home, broker)


def an_attempt_of(parts: Parts, outcome: Outcome, **changes: Any) -> Job:  # noqa: ANN401 - fields of Attempt
    """A job with one attempt of this month."""
    job = a_job_in(parts, State.HELD)
    [attempt] = paid(job, outcome, intended_at=NOW)
    return changed(parts.ledger, job, attempts=(replace(attempt, **changes),))


def a_month(parts: Parts) -> None:
    """Every entry once, and one that went twice over."""
    for outcome in (Outcome.CHARGED, Outcome.TRAINED):
        an_attempt_of(parts, outcome)
    for outcome in (Outcome.RESERVED, Outcome.REFUSED):
        an_attempt_of(parts, outcome, replica_id=None)
    an_attempt_of(parts, Outcome.FAILED, deletable_at=in_hours(1))
    an_attempt_of(parts, Outcome.FAILED, deletable_at=in_hours(-1))
    an_attempt_of(parts, Outcome.FAILED, deletable_at=in_hours(1), vanished_at=NOW)
    an_attempt_of(parts, Outcome.TRAINED, strays=(ReplicaId("r2"), ReplicaId("r3")))
    an_attempt_of(parts, Outcome.TRAINED, intended_at=NOW - timedelta(days=62))


def test_the_book_tells_each_months_trainings_and_the_money_at_risk(replicas: Commands, parts: Parts) -> None:
    a_month(parts)
    assert replicas("limits", "default", "--price", "45.50").status == 0
    [this, earlier] = json.loads(replicas("credits", "--json").out)
    assert earlier["month"] < MONTH
    assert (this["account"], this["month"], this["submissions"]) == ("default", MONTH, 8)
    assert (this["paid"], this["in_doubt"], this["failed"], this["at_risk"]) == (3 + 2 + 1, 1, 3, 1 + 2)
    assert (this["refunds_expected"], this["refunds_assumed"]) == (1, 1)
    assert (this["money_paid"], this["money_at_risk"], this["refund_expected"]) == ("273.00", "136.50", "45.50")


def test_the_book_can_be_asked_for_one_account_and_one_month(replicas: Commands, parts: Parts) -> None:
    a_month(parts)
    assert [one["month"] for one in json.loads(replicas("credits", "--month", MONTH, "--json").out)] == [MONTH]
    assert json.loads(replicas("credits", "--account", "studio", "--json").out) == []
    assert "no month" in replicas("credits", "--month", "soon").err


def test_the_api_shows_the_same_book(parts: Parts, settings: Settings, replicas: Commands) -> None:
    a_month(parts)
    with serving(settings) as api:
        assert api.get("/v1/credits").json() == {"months": json.loads(replicas("credits", "--json").out)}
        assert api.get(f"/v1/credits?month={MONTH}&account=default").json()["months"][0]["submissions"] == 8
        problem(api.get("/v1/credits?month=soon"), 422, "invalid-request")


def test_limits_are_set_one_by_one_and_taken_away_again(replicas: Commands, parts: Parts) -> None:
    assert replicas("limits", "--max-in-flight", "3", "--requests-a-minute", "60", "--lost", "hold", "--retry-after-refund").status == 0
    assert replicas("limits", "default", "--max-trainings-a-month", "20", "--max-in-flight", "none").status == 0
    assert parts.ledger.terms("default") == Terms(max_trainings_a_month=20, requests_a_minute=60, lost=Lost.HOLD, retry_after_refund=True)
    assert parts.ledger.terms("studio") == Terms()
    assert json.loads(replicas("limits", "--json").out)["max_trainings_a_month"] == 20


@pytest.mark.parametrize(
    "words", [("--max-in-flight", "many"), ("--price", "free"), ("--max-trainings-a-month", "-1"), ("--requests-a-minute", "0")]
)
def test_a_limit_that_is_none_is_refused(replicas: Commands, parts: Parts, words: tuple[str, str]) -> None:
    assert replicas("limits", *words).status != 0
    assert parts.ledger.terms("default") == Terms()


def test_limits_of_an_account_that_nobody_knows_are_not_set(replicas: Commands, parts: Parts) -> None:
    assert "there is no account" in replicas("limits", "defualt", "--max-in-flight", "1").err
    assert parts.ledger.terms("defualt") == Terms()


def test_the_api_sets_what_is_named_and_leaves_the_rest(parts: Parts, settings: Settings) -> None:
    with serving(settings) as api:
        path = "/v1/accounts/studio/limits"
        assert api.client.patch(path, json={"price": "40", "max_in_flight": 2}).json()["max_in_flight"] == 2
        assert api.client.patch(path, json={"max_in_flight": None, "lost": "hold", "requests_a_minute": 30}).json() == api.get(path).json()
        assert parts.ledger.terms("studio") == Terms(price=Decimal(40), lost=Lost.HOLD, requests_a_minute=30)
        for wrong in ({"max_in_flight": -1}, {"requests_a_minute": 0}, {"price": "NaN"}, {"colour": "red"}, {"lost": "maybe"}):
            problem(api.client.patch(path, json=wrong), 422, "invalid-request")
        problem(api.client.patch("/v1/accounts/nobody/limits", json={}), 404, "unknown-account")


def test_a_raised_limit_lets_waiting_jobs_through_at_once(replicas: Commands, parts: Parts) -> None:
    waiting = a_job_in(parts, due_at=in_hours(100), failure=Failure.MONTH_SPENT, detail="20 of 20")
    other = a_job_in(parts, due_at=in_hours(100), failure=Failure.RATE_LIMITED)
    replicas("limits", "--max-trainings-a-month", "30")
    due = {job.id for job in parts.ledger.get_many([waiting.id, other.id]) if job.due_at and job.due_at <= in_hours(0)}
    assert due == {waiting.id}


def test_a_job_shows_what_its_attempts_mean_in_money(parts: Parts, settings: Settings) -> None:
    job = an_attempt_of(parts, Outcome.FAILED, deletable_at=in_hours(1))
    with serving(settings) as api:
        [attempt] = api.get(f"/v1/jobs/{job.id}").json()["attempts"]
    assert (attempt["outcome"], attempt["credit"]) == ("failed", "refund_expected")


def abandoned(parts: Parts) -> Job:
    """A job that is over because its picture was no good."""
    return a_job_in(parts, State.ABANDONED, failure=Failure.IMAGE_TOO_SMALL, detail="100x100")


def test_an_abandoned_job_is_tried_again_with_another_picture_and_keeps_its_story(replicas: Commands, parts: Parts) -> None:
    job = abandoned(parts)
    before = len(parts.ledger.story(job.id))
    said = replicas("retry", job.id, "--image", "https://pictures.example/better.jpg?token=HUSH")
    after = parts.ledger.get(job.id)
    assert (said.status, after.state, after.failure) == (0, State.QUEUED, None)
    assert "HUSH" not in said.out
    assert after.request.image_url == "https://pictures.example/better.jpg?token=HUSH"
    assert after.request.replica["voice_name"] == "anna"
    story = parts.ledger.story(job.id)
    assert [line.event for line in story[before:]] == ["RetryRequested"]
    assert "HUSH" not in str(story)


def test_a_retry_may_bring_a_video_instead_or_nothing_new(replicas: Commands, parts: Parts) -> None:
    first, second = abandoned(parts), abandoned(parts)
    assert replicas("retry", first.id, "--video", "https://pictures.example/ann.mp4").status == 0
    assert "train_image_url" not in parts.ledger.get(first.id).request.replica
    assert replicas("retry", second.id).status == 0
    assert parts.ledger.get(second.id).request == second.request


def test_a_retry_goes_through_the_door_like_a_new_request(parts: Parts, settings: Settings) -> None:
    job = abandoned(parts)
    with serving(settings) as api:
        path = f"/v1/jobs/{job.id}/retry"
        wrong = problem(api.post(path, {"train_image_url": "ftp://x/y.jpg", "colour": "red"}), 422, "invalid-request")
        assert [one["field"] for one in wrong["problems"]] == ["replica.colour", "replica.train_image_url"]
        problem(api.post(path, []), 422, "invalid-request")
        assert parts.ledger.get(job.id).state is State.ABANDONED
        assert api.post(path, {"train_image_url": "https://pictures.example/c.jpg"}).json()["state"] == "queued"
        assert "abandoned" in problem(api.post(path, {}), 409, "not-possible")["detail"]


def test_a_retry_waits_until_it_is_known_what_became_of_the_last_submission(parts: Parts, settings: Settings) -> None:
    job = abandoned(parts)
    changed(parts.ledger, job, attempts=paid(job, Outcome.CHARGED))
    with serving(settings) as api:
        assert "not known yet" in problem(api.post(f"/v1/jobs/{job.id}/retry", {}), 409, "not-possible")["detail"]


def test_a_failed_replica_may_be_named_when_the_job_follows_another(parts: Parts, settings: Settings) -> None:
    job = a_job_in(parts, State.DONE)
    [first] = paid(job, Outcome.FAILED, deletable_at=in_hours(-1), failure=Failure.IMAGE_QUALITY)
    second = replace(first, number=2, mark=f"{first.mark[:-1]}2", replica_id=ReplicaId("r2nd"), outcome=Outcome.TRAINED, deletable_at=None)
    changed(parts.ledger, job, attempts=(first, second))
    with serving(settings) as api:
        answer = api.client.delete(f"/v1/jobs/{job.id}/replica?replica_id={first.replica_id}")
        assert (answer.status_code, answer.json()["replica_id"]) == (202, first.replica_id)
        problem(api.client.delete(f"/v1/jobs/{job.id}/replica?replica_id=rother"), 409, "not-deletable")
    wished = [one.replica_id for one in parts.ledger.get(job.id).attempts if one.deletion is not None]
    assert wished == [first.replica_id]
