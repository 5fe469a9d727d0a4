"""One table of hostile addresses for everybody who calls an address that a stranger named: all refused, by each of them, and nobody is dialled.

Who comes to call such addresses gets a line in `USERS`.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpcore
import pytest

from tests.worker.core.samples import job
from tests.worker.preflight.hostile import ADDRESS, HOSTILE, NOT_AFTER_A_REDIRECT, resolve
from tests.worker.preflight.served import NOW, PUBLIC, STRICT, Internet, Server, answer, picture, redirect
from tests.worker.test_provider import Handler, Posted
from worker.addresses import Resolve
from worker.core.events import InputRejected
from worker.core.failures import Failure
from worker.core.request import Request
from worker.guarded import Guard, NotAllowedError
from worker.posting import Poster
from worker.preflight import Preflight
from worker.provider import Provider

User = Callable[[str, Resolve, httpcore.NetworkBackend], Failure | None]
"""Calls the address on that internet: why it was refused; None when it was not."""
WITHIN = timedelta(seconds=5)
SIGNING = f"whsec_{'S' * 43}="


def preflight(url: str, resolve: Resolve, network: httpcore.NetworkBackend) -> Failure | None:
    return failure_of(Preflight(STRICT, resolve=resolve, network=network).check(Request(replica={"train_image_url": url}), NOW))


def provider(url: str, resolve: Resolve, network: httpcore.NetworkBackend) -> Failure | None:
    asks = Provider(Guard(allow_http=True, resolve=resolve, network=network), WITHIN, lambda _caller, _now: [SIGNING])
    return failure_of(asks.ask(job(request=Request(replica={}, source_url_provider=url)), NOW))


def poster(url: str, resolve: Resolve, network: httpcore.NetworkBackend) -> Failure | None:
    return refused(lambda: Poster(Guard(allow_http=True, resolve=resolve, network=network), WITHIN).post(url, {}, b"secret"))


def client(url: str, resolve: Resolve, network: httpcore.NetworkBackend) -> Failure | None:
    return refused(lambda: Guard(allow_http=True, resolve=resolve, network=network).call("POST", url, within=WITHIN, body=b"secret"))


def refused(call: Callable[[], object]) -> Failure | None:
    try:
        call()
    except NotAllowedError as error:
        return ADDRESS if error.leads_inside else Failure.URL_NOT_ALLOWED
    return None


def failure_of(told: object) -> Failure | None:
    return told.failure if isinstance(told, InputRejected) else None


USERS: dict[str, User] = {"the client itself": client, "preflight": preflight, "the provider's client": provider, "notifications": poster}


class Anybody(Handler):
    """Answers GET as it answers POST."""

    def do_GET(self) -> None:  # noqa: N802 - the base class' name for it
        assert isinstance(self.server, Server)
        self.server.serves[self.path.partition("?")[0]](self)


@pytest.fixture(scope="module")
def server() -> Iterator[Posted]:
    with Posted() as served:
        served.RequestHandlerClass = Anybody
        threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield served
        served.shutdown()


def test_the_table_is_long_enough() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
@pytest.mark.parametrize(("url", "failure"), [*HOSTILE.items(), *NOT_AFTER_A_REDIRECT.items()], ids=ascii)
def test_a_hostile_address_is_refused_and_nobody_is_dialled(url: str, failure: Failure, user: User) -> None:
    internet = Internet()
    assert user(url, resolve, internet) is failure
    assert internet.dialled == []


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_a_name_that_rebinds_between_check_and_use_is_dialled_where_it_was_checked_or_not_at_all(server: Posted, user: User) -> None:
    server.serves["/there"] = answer(picture())
    answers = iter([[PUBLIC], ["169.254.169.254"], [PUBLIC, "10.0.0.1"]])
    internet = Internet(server.server_port)
    told = [user("http://pictures.example/there", lambda *_: next(answers), internet) for _ in range(3)]
    assert told[0] is not ADDRESS
    assert told[1:] == [ADDRESS, ADDRESS]
    assert internet.dialled == [PUBLIC]


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/", "http://127.1:6379/", "http://metadata.google.internal/", "file:///etc/passwd"]
)
def test_a_redirect_inside_leads_nobody_there(server: Posted, user: User, target: str) -> None:
    server.serves["/away"] = redirect(target, 307)
    internet = Internet(server.server_port)
    user("http://pictures.example/away", resolve, internet)
    assert internet.dialled == [PUBLIC]
