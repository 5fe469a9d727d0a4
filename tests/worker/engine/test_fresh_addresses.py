"""Before each submission the caller's provider is asked for a fresh address: that one goes to Tavus, and nowhere else."""

import json
import threading
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from tests.worker.engine.house import MAIN, House
from tests.worker.preflight.served import Serve, answer
from tests.worker.store.made import new_id
from tests.worker.test_provider import Posted
from worker.core.failures import Failure
from worker.core.job import Job
from worker.core.request import AutoFix, Request, Start
from worker.core.states import State
from worker.engine import Engine
from worker.guarded import Guard
from worker.provider import Provider
from worker.store.tables import METADATA

SIGNING = f"whsec_{'S' * 43}="
LOGGED = list[MutableMapping[str, Any]]


@pytest.fixture
def provider() -> Iterator[Posted]:
    with Posted() as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield served
        served.shutdown()


def with_provider(house: House) -> Engine:
    asks = Provider(Guard(allow_http=True, allow_private=True), timedelta(seconds=5), lambda _caller, _now: [SIGNING])
    return replace(house.engine, provider=asks)


def enqueued(house: House, provider: Posted, auto_fix: AutoFix = AutoFix.NEVER) -> Job:
    replica = {"train_image_url": house.sandbox.picture("stale=1"), "voice_name": "anna", "model_name": "phoenix-4"}
    request = Request(replica=replica, start=Start.NONE, auto_fix=auto_fix, source_url_provider=f"{provider.url}/sign?token=s3cr3t")
    job = Job(id=new_id(), account=MAIN, caller="tests", request=request, created_at=house.clock.now)
    return house.ledger.add(job, "fingerprint", ring=None).job


def giving(house: House, scripts: list[str]) -> Serve:
    """A different address for each question."""
    numbers = count()

    def serve(handler: Any) -> None:  # noqa: ANN401 - whichever handler asks
        number = next(numbers)
        url = house.sandbox.picture(f"signature=fresh-{number}&{scripts[number]}")
        answer(json.dumps({"url": url}).encode())(handler)

    return serve


def test_each_submission_goes_out_with_an_address_of_its_own_that_no_record_holds(house: House, provider: Posted, logged: LOGGED) -> None:
    provider.serves["/sign"] = giving(house, ["sandbox_outcome=HeadphonesError&sandbox_fixable=1", ""])
    job = enqueued(house, provider, AutoFix.ON_REJECTION)
    ended = house.go_on(job.id, with_provider(house))
    assert (ended.state, ended.submissions) == (State.DONE, 2)
    assert [json.loads(body)["data"]["submission"] for _, body in provider.posted] == [1, 2]
    paid = [url for url, payments in house.sandbox.ledger()["payments"].items() if payments]
    assert [f"fresh-{number}" in url for number, url in enumerate(sorted(paid))] == [True, True]
    with house.ledger._database.connect() as connection:
        held = repr([connection.execute(select(table)).all() for table in METADATA.sorted_tables])
    assert "fresh-" not in held
    assert "fresh-" not in repr(logged)
    assert "s3cr3t" not in repr(logged) + repr(house.ledger.story(job.id))


def test_a_job_whose_provider_fails_waits_and_goes_on_when_it_is_back(house: House, provider: Posted) -> None:
    provider.serves["/sign"] = answer(status=503)
    job = enqueued(house, provider)
    waiting = house.step(job.id, with_provider(house))
    assert (waiting.state, waiting.failure, waiting.attempts) == (State.QUEUED, Failure.PROVIDER_FAILING, ())
    provider.serves["/sign"] = giving(house, [""])
    assert house.go_on(job.id, with_provider(house)).state is State.DONE


def test_what_a_provider_gives_is_looked_at_as_any_address_is(house: House, provider: Posted) -> None:
    for given, failure in (
        ("ftp://pictures.example/head.jpg", Failure.URL_NOT_ALLOWED),
        (f"{house.sandbox.origin}/small.jpg?signature=fresh-9", Failure.IMAGE_TOO_SMALL),
        ("https://bucket.example/a.jpg?Expires=1&Signature=fresh-9", Failure.URL_EXPIRES_TOO_SOON),
    ):
        provider.serves["/sign"] = answer(json.dumps({"url": given}).encode())
        ended = house.step(enqueued(house, provider).id, with_provider(house))
        assert (ended.state, ended.failure, ended.attempts) == (State.ABANDONED, failure, ())
        assert "fresh-9" not in str(ended.detail)
    assert house.sandbox.ledger()["payments"] == {}
