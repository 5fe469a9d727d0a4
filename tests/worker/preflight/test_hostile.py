"""No redirect leads preflight into a private network, by whatever way. The addresses themselves: `tests.worker.test_ssrf`."""

from http.server import BaseHTTPRequestHandler

import pytest

from tests.worker.preflight.hostile import ADDRESS, HOSTILE, resolve
from tests.worker.preflight.served import NOW, PUBLIC, STRICT, Internet, Put, Server, answer, check, redirect, rejection
from worker.core.failures import Failure
from worker.core.request import Request
from worker.preflight import Limits, Preflight


@pytest.mark.parametrize(("url", "failure"), HOSTILE.items(), ids=ascii)
def test_a_redirect_to_a_hostile_address_is_refused_and_nobody_is_dialled(server: Server, serve: Put, url: str, failure: Failure) -> None:
    path = serve(redirect(url)).removeprefix(server.url)
    internet = Internet(server.server_port)
    preflight = Preflight(STRICT, resolve=resolve, network=internet)
    assert rejection(preflight.check(Request(replica={"train_image_url": f"http://pictures.example{path}"}), NOW)) is failure
    assert internet.dialled == [PUBLIC]


def test_plain_http_is_refused_unless_it_is_allowed() -> None:
    assert rejection(check("http://pictures.example/a.jpg", Limits())) is Failure.URL_NOT_ALLOWED


def test_a_name_that_rebinds_behind_its_own_redirect_is_refused(server: Server, serve: Put) -> None:
    def stay(handler: BaseHTTPRequestHandler) -> None:
        answer(status=302, Location="/next.jpg", Connection="")(handler)
        handler.close_connection = False  # the old connection would be there to be used again

    path = serve(stay).removeprefix(server.url)
    answers = iter([[PUBLIC], ["169.254.169.254"]])
    internet = Internet(server.server_port)
    preflight = Preflight(STRICT, resolve=lambda *_: next(answers), network=internet)
    assert rejection(preflight.check(Request(replica={"train_image_url": f"http://pictures.example{path}"}), NOW)) is ADDRESS
    assert internet.dialled == [PUBLIC]
