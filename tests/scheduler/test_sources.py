"""What the door lets in of providers and affirmations, and what becomes of them in the job and its story."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from scheduler.producers import enqueue
from scheduler.requests import Door, Order, RequestInvalidError
from scheduler.retries import try_again
from scheduler.views import job_document
from tests.broker import Broker
from tests.scheduler.made import CONSENT, SECRET, a_replica, a_request, opened, settings_in
from tests.worker.core.samples import job
from tests.worker.preflight.served import answer
from tests.worker.store.made import changed
from tests.worker.test_provider import Posted
from worker.assembly import Parts
from worker.core.failures import Failure
from worker.core.request import Request
from worker.core.states import State
from worker.preflight import Limits, Preflight
from worker.store.clock import utc_now

PROVIDER = f"https://provider.example/sign?token={SECRET}"
SOON = f"https://bucket.example/ann.jpg?Expires=1900000000&Signature={SECRET}"
DOOR = Door(frozenset(), lambda _: frozenset(), Preflight(Limits()), "phoenix-4")
STRICT = Door(frozenset(), lambda _: frozenset(), Preflight(Limits()), "phoenix-4", needs_consent=True)


def read(document: object, door: Door = DOOR) -> Order:
    return door.read(document, datetime.fromtimestamp(1_900_000_000, UTC) - timedelta(hours=1))


def refused(document: object, door: Door = DOOR) -> dict[str, str]:
    with pytest.raises(RequestInvalidError) as error:
        read(document, door)
    return {one.field: one.problem for one in error.value.problems}


def test_with_a_provider_a_request_needs_no_address_or_one_that_will_not_last() -> None:
    given = a_replica(train_image_url=None) | {"source_url_provider": PROVIDER}
    assert read(given).request.source_url_provider == PROVIDER
    assert read(given).request.source == "train_image_url"
    assert "replica.train_image_url" in refused(a_replica(train_image_url=SOON))
    assert read(a_replica(train_image_url=SOON) | {"source_url_provider": PROVIDER}).request.image_url == SOON


def test_with_a_provider_everything_else_is_asked_for_as_ever() -> None:
    without = a_replica(train_image_url=None, voice_name=None) | {"source_url_provider": PROVIDER}
    assert set(refused(without)) == {"replica.voice_name"}
    odd = a_replica(train_image_url="ftp://a.example/b") | {"source_url_provider": PROVIDER}
    assert set(refused(odd)) == {"replica.train_image_url"}
    video = a_replica(train_image_url=None, consent_video_url="https://videos.example/b.mp4") | {"source_url_provider": PROVIDER}
    assert set(refused(video)) == {"replica.consent_video_url"}


def test_where_consent_is_required_a_request_without_it_is_refused() -> None:
    told = refused(a_request(), STRICT)
    assert set(told) == {"consent"}
    assert "affirmed_by" in told["consent"]
    assert read(a_request(consent=CONSENT), STRICT).request.consent == CONSENT


def test_another_provider_or_consent_is_another_request_and_none_is_what_it_was_before() -> None:
    requests: list[Any] = [
        a_request(), a_request(source_url_provider=PROVIDER), a_request(consent=CONSENT), a_request(consent=CONSENT | {"affirmed_by": "Bob"}),
    ]  # fmt: skip
    assert len({read(one).fingerprint for one in requests}) == len(requests)
    assert read(a_request(source_url_provider=None, consent=None)).fingerprint == read(a_request()).fingerprint


@pytest.fixture
def willing(home: Path, broker: Broker) -> Any:  # noqa: ANN401 - Parts, while the test lasts
    settings = settings_in(home, redis_url=broker.url, require_consent=True)
    with opened(settings) as one:
        yield one


def test_who_affirmed_what_and_when_is_in_the_job_and_its_story_with_the_caller_and_the_time(willing: Parts) -> None:
    job = enqueue(willing, a_request(consent=CONSENT)).job
    known = willing.ledger.get(job.id)
    assert known.request.consent == CONSENT
    assert job_document(known, willing.engine.rules, utc_now())["consent"] == CONSENT
    [line] = willing.ledger.story(job.id)
    assert (line.at, line.data) == (job.created_at, {"consent": CONSENT})
    assert line.why == f"enqueued by {job.caller} for the account default; the rights to it were affirmed, as of {CONSENT['affirmed_at']}"


@pytest.fixture
def server() -> Iterator[Posted]:
    with Posted() as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield served
        served.shutdown()


def test_a_provider_is_asked_with_the_secrets_that_sign_what_its_own_caller_is_told(home: Path, broker: Broker, server: Posted) -> None:
    server.serves["/sign"] = answer(b'{"url": "https://pictures.example/fresh.jpg"}')
    with opened(settings_in(home, redis_url=broker.url, allow_http=True, allow_private_addresses=True)) as parts:
        outbox, now = parts.courier.outbox, utc_now()
        [old] = outbox.secrets("shop", now)
        [new, _] = outbox.rotate("shop", now, timedelta(hours=1))
        asking = job(caller="shop", request=Request(replica={}, source_url_provider=f"{server.url}/sign"))
        assert parts.engine.provider.ask(asking, now) == "https://pictures.example/fresh.jpg"
        [(headers, body)] = server.posted
        for secret in (old, new):
            assert Webhook(secret.text).verify(body, headers)["data"]["job_id"] == asking.id
        with pytest.raises(WebhookVerificationError):
            Webhook(outbox.secrets("rival", now)[0].text).verify(body, headers)


def test_a_retry_keeps_what_was_affirmed_and_asks_no_provider_for_another_picture(willing: Parts) -> None:
    job = enqueue(willing, a_request(consent=CONSENT, source_url_provider=PROVIDER)).job
    ended = changed(willing.ledger, job, state=State.ABANDONED, due_at=None, failure=Failure.IMAGE_TOO_SMALL)
    again = try_again(willing, ended, {"train_image_url": "https://other.example/bob.jpg"})
    assert (again.state, again.request.consent, again.request.source_url_provider) == (State.QUEUED, CONSENT, None)
