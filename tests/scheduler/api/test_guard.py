"""Whoever has the owner's token may call; without it whoever is on this host, but no page in its browser; Tavus and health checks need neither."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.scheduler.api.served import Api, problem, serving
from tests.scheduler.made import a_request, rows, settings_in

TOKEN = "t\N{LATIN SMALL LETTER E WITH ACUTE}ken"  # noqa: S105 - it opens nothing
CALLS = [
    ("POST", "/v1/jobs"), ("POST", "/v1/jobs:batch"), ("GET", "/v1/jobs"), ("GET", "/v1/jobs/one"), ("GET", "/v1/jobs/one/story"),
    ("POST", "/v1/jobs/one/cancel"),
    ("POST", "/v1/jobs/one/release"), ("POST", "/v1/jobs/one/abandon"), ("POST", "/v1/jobs/one/conversation"),
    ("DELETE", "/v1/jobs/one/replica"), ("GET", "/v1/accounts"), ("POST", "/v1/accounts/default/resume"),
]  # fmt: skip


@pytest.fixture
def guarded(home: Path) -> Iterator[Api]:
    """An API with a token."""
    with serving(settings_in(home, api_token=SecretStr(TOKEN))) as one:
        yield one


def bearing(token: str) -> list[tuple[bytes, bytes]]:
    return [(b"Authorization", b"Bearer " + token.encode())]


def test_without_the_token_nothing_is_answered_and_nothing_is_stored(guarded: Api) -> None:
    before = rows(guarded.parts)
    for method, path in CALLS:
        for headers in ([], bearing("wrong"), [(b"Authorization", b"Bearer")], [(b"Authorization", b"Basic dDp0")]):
            answer = guarded.client.request(method, path, headers=headers, json=a_request() if method == "POST" else None)
            problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == ('Bearer error="invalid_token"' if headers == bearing("wrong") else "Bearer")
            assert TOKEN not in answer.text
    assert rows(guarded.parts) == before


def test_a_body_is_not_read_of_whom_nobody_knows(guarded: Api) -> None:
    problem(guarded.send(b"x" * 300_000), 401, "unauthorized")


def test_with_the_token_anybody_is_answered_under_any_name(guarded: Api) -> None:
    for more in ([], [(b"Host", b"replicas.example")], [(b"Origin", b"https://page.example")]):
        assert guarded.client.get("/v1/jobs", headers=[*bearing(TOKEN), *more]).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
def test_without_a_token_this_host_is_answered(api: Api, host: str) -> None:
    assert api.get("/v1/jobs", Host=host).status_code == 200


@pytest.mark.parametrize("host", ["page.example", "127.0.0.1.page.example", "localhost.page.example:8000", "10.0.0.7", "0.0.0.0:8000"])
def test_a_page_that_reaches_loopback_under_its_own_name_is_not(api: Api, host: str) -> None:
    for method, path in CALLS:
        problem(api.client.request(method, path, headers={"Host": host}), 403, "forbidden")


@pytest.mark.parametrize("origin", ["https://page.example", "null", "http://localhost.page.example", "http://[::1", "file://", ""])
def test_a_page_of_another_site_is_not(api: Api, origin: str) -> None:
    before = rows(api.parts)
    if origin:
        problem(api.post("/v1/jobs", a_request(), Origin=origin), 403, "forbidden")
    assert rows(api.parts) == before


def test_who_comes_from_elsewhere_through_a_process_of_this_host_is_not(api: Api) -> None:
    for address in ("203.0.113.7", "2001:db8::1", "no address"):
        refused = api.get("/v1/jobs", X_Forwarded_For=address)
        problem(refused, 403, "forbidden")
        assert refused.headers["www-authenticate"] == "Bearer"
    assert api.get("/v1/jobs", X_Forwarded_For="::ffff:127.0.0.1").status_code == 200


def test_a_host_that_trusts_nobody_asks_everybody_for_a_token(home: Path) -> None:
    with serving(settings_in(home, trust_loopback=False)) as strict:
        problem(strict.get("/v1/jobs"), 401, "unauthorized")
        assert strict.get("/livez").status_code == 200


def test_a_wrong_token_is_refused_even_where_none_is_needed(api: Api) -> None:
    """Whose token was revoked must not become the owner by it."""
    problem(api.get("/v1/jobs", Authorization="Bearer rwt_revoked"), 401, "unauthorized")


def test_a_page_of_this_host_is(api: Api) -> None:
    assert api.get("/v1/jobs", Origin="http://127.0.0.1:8000").status_code == 200


def test_health_and_callbacks_need_no_token(guarded: Api) -> None:
    assert guarded.get("/livez", Host="replicas.example").json() == {"status": "ok"}
    problem(guarded.post("/hooks/tavus/rw-mm0000000001-1.forged", Host="replicas.example"), 404, "not-found")


def test_a_page_may_not_ask_first_either(api: Api) -> None:
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = api.client.request("OPTIONS", "/v1/jobs", headers=asked)
    assert answer.status_code >= 400
    assert "access-control-allow-origin" not in answer.headers
