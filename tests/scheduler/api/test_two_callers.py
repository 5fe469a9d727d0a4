"""Two callers cannot see, cancel or count each other's jobs through any operation of the OpenAPI document.

Whoever adds an operation says in `scheduler.api.scopes` what it needs, and here how it is called; one that says neither fails.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from scheduler.api.scopes import NEEDS
from tests.broker import Broker
from tests.scheduler.api.callers import Bearer, a_caller, a_job_of
from tests.scheduler.api.served import Api, problem, serving
from tests.scheduler.made import a_request, paid, settings_in
from tests.worker.store.made import changed
from worker.core.effects import StopAccount
from worker.core.events import CancelRequested
from worker.core.failures import Failure
from worker.core.job import Job, Outcome
from worker.core.states import State
from worker.store.clock import utc_now

Operation = tuple[str, str]
UNKNOWN = "0000000000000000mm00000001"
WORD = "only-shop-knows-this"
_STATES, _NUMBERS = [f"state={state}" for state in State], count(1)
OPEN = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("POST", "/hooks/tavus/{token}"),
    *((method, "/c/{token}") for method in ("GET", "HEAD", "POST")),
}
"""Those that are not for callers, and need no token."""

NOTIFICATIONS = {("POST", "/v1/notifications/{notification_id}/redeliver")}
"""Those that name a notification."""

BODIES: dict[Operation, object] = {}
"""What is sent along where a job is named; `{}` where nothing is said."""

ELSEWHERE: dict[Operation, Callable[[Job], list[tuple[str, object]]]] = {
    ("POST", "/v1/jobs"): lambda job: [("", a_request(idempotency_key=job.idempotency_key))],
    ("POST", "/v1/jobs:batch"): lambda job: [("", {"jobs": [a_request(idempotency_key=job.idempotency_key, priority=1)]})],
    ("GET", "/v1/jobs"): lambda job: [
        ("", None),
        ("?limit=500", None),
        *((f"?state={state}", None) for state in State),
        (f"?caller={job.caller}", None),
    ],
    ("GET", "/v1/accounts"): lambda _job: [("", None)],
    ("POST", "/v1/accounts/{account}/resume"): lambda _job: [("", None)],
    ("GET", "/v1/accounts/{account}/limits"): lambda _job: [("", None)],
    ("PATCH", "/v1/accounts/{account}/limits"): lambda _job: [("", {})],
    ("PUT", "/v1/accounts/{account}/limits"): lambda _job: [("", {})],
    ("GET", "/v1/accounts/{account}/voices"): lambda _job: [("", None)],
    ("GET", "/v1/notifications"): lambda job: [("", None), ("?limit=500", None), (f"?job_id={job.id}", None)],
    ("GET", "/v1/credits"): lambda _job: [("", None), ("?account=default", None), (f"?month={utc_now():%Y-%m}", None)],
}
"""How an operation that names neither a job nor a notification is called by somebody who looks for this one: what follows the path, and the body."""


@pytest.fixture(scope="module")
def guarded(home_of: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory, session_broker: Broker) -> Iterator[Api]:
    """An API that asks everybody for a token."""
    home = home_of(tmp_path_factory.mktemp("callers"))
    with serving(settings_in(home, redis_url=session_broker.url, api_token=SecretStr("owner"))) as one:
        yield one


@pytest.fixture
def shop(guarded: Api) -> Bearer:
    """A caller who may do everything."""
    return a_caller(guarded, "shop")


@pytest.fixture
def rival(guarded: Api) -> Bearer:
    """Another one."""
    return a_caller(guarded, "rival")


@pytest.fixture(scope="module")
def operations(guarded: Api) -> list[Operation]:
    """Every operation that the API documents."""
    paths = guarded.get("/openapi.json").json()["paths"]
    return sorted((method.upper(), path) for path, methods in paths.items() for method in methods)


def jobs_of_shop(api: Api) -> list[Job]:
    """A job in each state, and one that its account holds, with whatever a job may have."""
    jobs = []
    for state, failure in [*((state, None) for state in State), (State.HELD, Failure.OUT_OF_CREDIT)]:
        own: dict[str, Any] = {"idempotency_key": f"key-of-shop-{next(_NUMBERS)}", "metadata": {"note": WORD}}
        job = a_job_of(api.parts, "shop", **own)
        jobs.append(changed(api.parts.ledger, job, state=state, due_at=None, failure=failure, attempts=paid(job, Outcome.TRAINED)))
    return [*jobs, told_job(api)]


def told_job(api: Api) -> Job:
    """A job of which its caller is told something."""
    asking = a_job_of(api.parts, "shop", notify_url="https://told.example/", metadata={"note": WORD})
    return api.parts.engine.tell(asking.id, CancelRequested())


def told_of(answer: httpx.Response, jobs: list[Job]) -> set[str]:
    """Whatever the answer has of these jobs."""
    return {
        word
        for job in jobs
        for word in (job.id, WORD, "told.example", *(str(one.replica_id) for one in job.attempts))
        if word in answer.text
    }


def test_every_operation_is_classified(operations: list[Operation]) -> None:
    callers = set(operations) - OPEN
    assert all(path.startswith("/v1/") for _, path in callers), "what is not under /v1 is asked no token: say so in OPEN, or move it there"
    assert set(NEEDS) == callers, "say in scheduler.api.scopes which scope each operation needs"
    assert set(ELSEWHERE) == {one for one in callers if "{job_id}" not in one[1] and one not in NOTIFICATIONS}, (
        "say in ELSEWHERE how it is called"
    )
    assert set(BODIES) <= callers


def test_who_has_no_token_is_asked_for_one_by_every_operation(guarded: Api, operations: list[Operation]) -> None:
    for method, path in set(operations) - OPEN:
        problem(guarded.client.request(method, path), 401, "unauthorized")


def test_another_callers_job_is_to_each_operation_as_one_that_is_not_there(
    guarded: Api, shop: Bearer, rival: Bearer, operations: list[Operation]
) -> None:
    jobs = jobs_of_shop(guarded)
    before = {job.id: (guarded.parts.ledger.get(job.id), guarded.parts.ledger.story(job.id)) for job in jobs}
    named = [one for one in operations if "{job_id}" in one[1]]
    for method, path in named:
        body = BODIES.get((method, path), {} if method != "GET" else None)
        unknown = rival.call(method, path.format(job_id=UNKNOWN), body)
        problem(unknown, 404, "unknown-job")
        for job in jobs:
            foreign = rival.call(method, path.format(job_id=job.id), body)
            assert (foreign.status_code, foreign.text.replace(job.id, UNKNOWN)) == (404, unknown.text), (
                f"{method} {path} of a {job.state} job"
            )
            assert {*foreign.headers} == {*unknown.headers}
    assert {job.id: (guarded.parts.ledger.get(job.id), guarded.parts.ledger.story(job.id)) for job in jobs} == before
    # That proves something only because each of them finds the job for whom it belongs to, and for the owner.
    for method, path in named:
        body = BODIES.get((method, path), {} if method != "GET" else None)
        for caller in (shop, Bearer(guarded, "owner", "")):
            mine = caller.call(method, path.format(job_id=a_job_of(guarded.parts, "shop", State.CANCELLED).id), body)
            assert mine.status_code != 404, f"{method} {path}: {mine.text}"


def test_another_callers_notification_is_to_each_operation_as_one_that_is_not_there(
    guarded: Api, shop: Bearer, rival: Bearer, operations: list[Operation]
) -> None:
    [told] = guarded.parts.courier.outbox.recent(9, job_id=told_job(guarded).id)
    missing = f"msg_{UNKNOWN}_1"
    assert {one for one in operations if "{notification_id}" in one[1]} == NOTIFICATIONS
    for method, path in NOTIFICATIONS:
        unknown = rival.call(method, path.format(notification_id=missing))
        problem(unknown, 404, "unknown-notification")
        foreign = rival.call(method, path.format(notification_id=told.id))
        assert (foreign.status_code, foreign.text.replace(told.id, missing)) == (404, unknown.text)
        assert guarded.parts.courier.outbox.find(told.id) == told
        for caller in (shop, Bearer(guarded, "owner", "")):
            assert caller.call(method, path.format(notification_id=told.id)).status_code == 200


def answers(caller: Bearer, operation: Operation, job: Job) -> list[httpx.Response]:
    method, path = operation
    return [caller.call(method, path.format(account="default") + rest, body) for rest, body in ELSEWHERE[operation](job)]


def test_what_another_caller_has_is_in_no_answer(guarded: Api, rival: Bearer, operations: list[Operation]) -> None:
    guarded.parts.ledger.stop(StopAccount("default", Failure.OUT_OF_CREDIT, deaf=False), utc_now())
    jobs = jobs_of_shop(guarded)
    for operation in ELSEWHERE:
        assert operation in operations
        for answer in answers(rival, operation, jobs[-1]):
            assert answer.status_code < 400, f"{operation}: {answer.text}"
            assert not told_of(answer, jobs), operation


def test_what_another_caller_does_changes_no_answer(guarded: Api, rival: Bearer) -> None:
    """Nobody counts another's jobs: neither as a number, nor by what is missing."""
    looks = [one for one in ELSEWHERE if one[0] == "GET"]

    def seen(job: Job) -> dict[Operation, list[Any]]:
        return {one: [answer.json() for answer in answers(rival, one, job)] for one in looks}

    own = a_job_of(guarded.parts, "rival", State.HELD)
    own = a_job_of(guarded.parts, "rival", State.READY, attempts=paid(own, Outcome.TRAINED))
    before = seen(own)
    assert own.id in str(before[("GET", "/v1/jobs")])
    assert str(before[("GET", "/v1/credits")]).count("'paid': 1") >= 1
    jobs_of_shop(guarded)
    assert seen(own) == before


def test_the_owner_sees_everybodys(guarded: Api) -> None:
    jobs = [a_job_of(guarded.parts, name, State.DONE) for name in ("shop", "rival", "local")]
    listed = guarded.get("/v1/jobs?state=done&limit=500", Authorization="Bearer owner").json()["jobs"]
    assert {job.id for job in jobs} <= {job["id"] for job in listed}


def test_the_same_key_of_two_callers_is_two_jobs(guarded: Api, shop: Bearer, rival: Bearer) -> None:
    document = a_request(idempotency_key="the-same-key")
    first, second = (caller.call("POST", "/v1/jobs", document) for caller in (shop, rival))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert [guarded.parts.ledger.get(one.json()["id"]).caller for one in (first, second)] == ["shop", "rival"]
    for caller, made in ((shop, first), (rival, second)):
        again = caller.call("POST", "/v1/jobs", document)
        assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
        [known] = caller.call("POST", "/v1/jobs:batch", {"jobs": [document]}).json()["results"]
        assert known == {"status": 200, "id": made.json()["id"]}
        other = problem(caller.call("POST", "/v1/jobs", document | {"priority": 1}), 422, "key-reused")
        assert other["job_id"] == made.json()["id"]


def test_a_request_that_would_not_be_let_in_any_more_has_no_job_of_another_caller(guarded: Api, shop: Bearer, rival: Bearer) -> None:
    document = a_request(idempotency_key="before-the-voice-was-gone")
    first = shop.call("POST", "/v1/jobs", document).json()
    guarded.parts.ledger.keep_voices("default", ["benjamin"], utc_now())
    try:
        assert shop.call("POST", "/v1/jobs", document).json()["id"] == first["id"]
        assert first["id"] not in str(problem(rival.call("POST", "/v1/jobs", document), 422, "invalid-request"))
    finally:
        guarded.parts.ledger.keep_voices("default", [], utc_now())
