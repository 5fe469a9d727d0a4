"""A callback is a hint: with our token it makes the job due now and nothing else; with any other nothing happens."""

from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.sweep import Swept, sweep
from tests.broker import Broker
from tests.scheduler.api.served import Api, problem, serving
from tests.scheduler.made import a_job_in, in_hours, opened, paid, rows, settings_in
from worker.app import POLL
from worker.core.job import Job
from worker.core.marks import replica_mark
from worker.core.states import State
from worker.store.clock import utc_now


def training(api: Api) -> Job:
    """A job in training whose next look is hours away."""
    stranger = a_job_in(api.parts, State.CANCELLED)
    return a_job_in(api.parts, State.TRAINING, in_hours(3), attempts=paid(stranger))


def path_of(api: Api, job: Job) -> str:
    """The path that Tavus was given."""
    url = api.parts.callbacks.url_for(job.attempt.mark)
    assert url is not None
    return url.removeprefix("http://127.0.0.1:1")


def test_our_token_makes_the_job_due_now_for_the_next_sweep_to_take_with_all_others(api: Api, broker: Broker) -> None:
    job = training(api)
    broker.client.flushall()
    answer = api.post(path_of(api, job))
    assert (answer.status_code, answer.content) == (204, b"")
    assert broker.waiting(POLL) == 0
    after = api.parts.ledger.get(job.id)
    assert after.due_at is not None
    assert after.due_at <= utc_now()
    assert sweep(api.parts) == Swept(1)
    assert [message["arguments"][0] for message in broker.messages(POLL)] == [[[job.id]]]
    assert after.state is State.TRAINING
    assert after.attempt.called_at is not None
    assert after.attempt == replace(job.attempt, called_at=after.attempt.called_at)


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b'{"status": "error", "replica_id": "r0"}', b'{"event_type": "replica_deleted"}', b"x" * 1_000_000],
)
def test_the_body_is_never_believed(api: Api, body: bytes) -> None:
    job = training(api)
    assert api.client.post(path_of(api, job), content=body, headers={"content-type": "text/html"}).status_code == 204
    after = api.parts.ledger.get(job.id)
    assert (after.state, after.failure) == (State.TRAINING, None)
    # That it came is noted, and another replica that it names, to be asked about; that is all that a body can do.
    assert [replace(attempt, witness=None, called_at=None) for attempt in after.attempts] == list(job.attempts)


def test_a_callback_that_comes_twice_is_harmless(api: Api) -> None:
    job = training(api)
    assert [api.post(path_of(api, job)).status_code for _ in range(3)] == [204, 204, 204]


@pytest.mark.parametrize("state", [State.DONE, State.HELD, State.ABANDONED, State.CANCELLED])
def test_a_callback_that_comes_late_is_noted_and_changes_nothing_else(api: Api, state: State) -> None:
    job = a_job_in(api.parts, State.CANCELLED)
    job = a_job_in(api.parts, state, attempts=paid(job))
    assert api.post(path_of(api, job)).status_code == 204
    after = api.parts.ledger.get(job.id)
    assert after.attempt.called_at is not None
    noted = replace(job, version=after.version, attempts=(replace(job.attempt, called_at=after.attempt.called_at),))
    assert after == noted


def test_a_forged_token_is_404_and_changes_nothing(api: Api, broker: Broker) -> None:
    job = training(api)
    broker.client.flushall()
    right = path_of(api, job)
    token, before = right.rpartition("/")[2], (api.parts.ledger.get(job.id), rows(api.parts))
    mark, _, signature = token.rpartition(".")
    forged = [
        mark,
        f"{mark}.",
        f"{mark}.{signature[:-1]}",
        f"{mark}.{signature[::-1]}",
        f"{mark}0.{signature}",
        f".{signature}",
        "%00.%00",
        "é.é",
    ]
    for one in forged:
        problem(api.post(f"/hooks/tavus/{one}"), 404, "not-found")
    assert (api.parts.ledger.get(job.id), rows(api.parts)) == before
    assert broker.waiting(POLL) == 0


def test_a_token_of_ours_for_no_attempt_looks_like_a_forged_one(api: Api) -> None:
    url = api.parts.callbacks.url_for(replica_mark(a_job_in(api.parts).id, 7))
    assert url is not None
    unknown = problem(api.post(url.removeprefix("http://127.0.0.1:1")), 404, "not-found")
    assert unknown == problem(api.post("/hooks/tavus/forged.forged"), 404, "not-found")


def test_without_a_secret_every_token_is_forged(home: Path, api: Api) -> None:
    job = training(api)
    with serving(settings_in(home)) as without, opened(without.parts.settings):
        problem(without.post(path_of(api, job)), 404, "not-found")
        problem(without.post(f"/hooks/tavus/{job.attempt.mark}."), 404, "not-found")


def test_only_a_post_is_a_callback(api: Api) -> None:
    problem(api.get(path_of(api, training(api))), 405, "method-not-allowed")
