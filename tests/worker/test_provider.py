"""The question to a caller's provider is signed, bounded and guarded, and whatever is answered becomes an address or a failure with a policy."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.worker.core.samples import attempt, job
from tests.worker.preflight.served import MOMENT, Serve, Server, answer, redirect
from worker.core.events import InputRejected, InputUnread
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Attempt, Job, Outcome
from worker.core.request import Request
from worker.guarded import Guard
from worker.provider import UNPROVIDED, Provider

NEW, OLD, WRONG = (f"whsec_{letter * 43}=" for letter in "NOW")
GIVEN = "https://pictures.example/head.jpg?X-Amz-Signature=fresh"
WITHIN = timedelta(seconds=5)
OPEN = Guard(allow_http=True, allow_private=True)


class Handler(BaseHTTPRequestHandler):
    """Remembers what was posted, and hands over to what is served at the path."""

    def do_POST(self) -> None:
        assert isinstance(self.server, Posted)
        self.server.posted.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.server.serves[self.path.partition("?")[0]](self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Silent."""


class Posted(Server):
    """A provider's server."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = Handler
        self.posted: list[tuple[dict[str, str], str]] = []


@pytest.fixture(scope="module")
def server() -> Iterator[Posted]:
    with Posted() as served:
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture
def put(server: Posted) -> Callable[[Serve], str]:
    def at(what: Serve) -> str:
        path = f"/{len(server.serves)}"
        server.serves[path] = what
        return f"{server.url}{path}?token=s3cr3t"

    return at


def asking(address: str, caller: str = "tests", attempts: tuple[Attempt, ...] = ()) -> Job:
    replica = {"train_image_url": "https://pictures.example/head.jpg?X-Amz-Signature=old"}
    request = Request(replica=replica, source_url_provider=address, metadata={"order": 7})
    return job(request=request, idempotency_key="k", caller=caller, attempts=attempts)


def ask(one: Job, within: timedelta = WITHIN) -> object:
    return Provider(OPEN, within, lambda caller, _now: [NEW, OLD] if caller == "tests" else []).ask(one, datetime.now(UTC))


def test_the_question_says_which_job_asks_and_is_signed_with_every_valid_secret(server: Posted, put: Callable[[Serve], str]) -> None:
    address = put(answer(json.dumps({"url": GIVEN, "more": 1}).encode()))
    server.posted.clear()
    one = asking(address, attempts=(attempt(1, Outcome.REFUSED),))
    assert ask(one) == ask(one) == GIVEN
    (headers, body), (again, _) = server.posted
    for secret in (NEW, OLD):
        question = Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(WRONG).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(body.replace("7", "8"), headers)
    assert headers["webhook-id"] == again["webhook-id"] == f"source_{one.id}_2", "one submission, one message"
    assert question["type"] == "source_url.wanted"
    assert question["data"] == {
        "job_id": one.id, "submission": 2, "idempotency_key": "k", "field": "train_image_url", "address": "https://pictures.example/head.jpg",
        "metadata": {"order": 7},
    }  # fmt: skip
    assert "old" not in body, "the query of the address that the job has is nobody's business"


FAILING = {"503": answer(status=503), "429": answer(status=429), "408": answer(status=408)}
REFUSED = {
    "404": answer(status=404),
    "401": answer(status=401),
    "a redirect": redirect("http://169.254.169.254/"),
    "nothing": answer(b""),
    "no JSON": answer(b"<html>"),
    "no object": answer(b'["https://a.example"]'),
    "no url": answer(b'{"address": "https://a.example"}'),
    "an empty url": answer(b'{"url": ""}'),
    "a url of a number": answer(b'{"url": 7}'),
    "a million brackets": answer(b"[" * 16_000),
    "too long": answer(b'{"url": "' + b"a" * 20_000 + b'"}'),
    "half a character": answer(b'\xff{"url": "https://a.example"}'),
}


@pytest.mark.parametrize("serve", FAILING.values(), ids=FAILING)
def test_a_provider_that_fails_is_asked_again(put: Callable[[Serve], str], serve: Serve) -> None:
    told = ask(asking(put(serve)))
    assert isinstance(told, InputUnread)
    assert POLICIES[told.failure].action is Action.RETRY_FREE
    assert told.failure is Failure.PROVIDER_FAILING
    assert "s3cr3t" not in told.detail


@pytest.mark.parametrize("serve", REFUSED.values(), ids=REFUSED)
def test_a_provider_that_gives_no_address_ends_the_job_before_it_costs_anything(put: Callable[[Serve], str], serve: Serve) -> None:
    told = ask(asking(put(serve)))
    assert isinstance(told, InputRejected)
    assert told.failure is Failure.PROVIDER_REFUSED
    assert POLICIES[told.failure].action is Action.NEW_INPUT_NEEDED
    assert "s3cr3t" not in told.detail


def test_a_provider_that_is_dead_or_silent_is_asked_again(put: Callable[[Serve], str]) -> None:
    over = threading.Event()

    def hang(_handler: BaseHTTPRequestHandler) -> None:
        over.wait(5)

    for address, within in (("http://127.0.0.1:9/", WITHIN), (put(hang), MOMENT)):
        told = ask(asking(address), within=within)
        assert isinstance(told, InputUnread), told
        assert told.failure is Failure.PROVIDER_FAILING
    over.set()


def test_without_a_secret_nobody_is_asked(server: Posted, put: Callable[[Serve], str]) -> None:
    address = put(answer(b'{"url": "https://a.example"}'))
    server.posted.clear()
    for one in (ask(asking(address, caller="somebody else")), UNPROVIDED.ask(asking(address), datetime.now(UTC))):
        assert isinstance(one, InputUnread)
    assert server.posted == []
