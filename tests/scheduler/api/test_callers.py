"""A token opens what its scopes say, for as long as it holds and no more often than it may; wrong ones soon are not even looked at."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from scheduler.api import create_app
from scheduler.api.scopes import NEEDS
from scheduler.tokens import make_token
from tests.broker import Broker
from tests.scheduler.api.callers import Bearer, a_caller
from tests.scheduler.api.served import Api, problem, serving
from tests.scheduler.made import a_request, opened, rows, settings_in
from tests.scheduler.workers import wait_until
from worker.settings import SettingsError
from worker.store.clock import utc_now
from worker.store.tokens import Scope

OWNER = "the-owners"


@pytest.fixture
def guarded(home: Path, broker: Broker) -> Iterator[Api]:
    """An API that asks everybody for a token, and is patient with three wrong ones."""
    with serving(settings_in(home, redis_url=broker.url, api_token=SecretStr(OWNER), wrong_tokens_a_minute=3)) as one:
        yield one


def test_a_token_is_for_its_scopes_alone(guarded: Api) -> None:
    bearers = {scope: a_caller(guarded, f"may-{scope}", [scope]) for scope in Scope}
    before = rows(guarded.parts)
    for (method, path), needed in NEEDS.items():
        if method == "POST" and "{" not in path:
            continue  # these make something; the next test has them
        place = path.format(job_id="one", account="default", notification_id="one")
        for scope, bearer in bearers.items():
            answer = bearer.call(method, place, {} if method != "GET" else None)
            if scope is needed:
                assert answer.status_code in {200, 404}, answer.text
            else:
                problem(answer, 403, "insufficient-scope")
                assert answer.headers["www-authenticate"] == f'Bearer error="insufficient_scope", scope="{needed}"'
                assert needed in answer.json()["detail"]
    assert rows(guarded.parts) == {**before, "account": before["account"] + 1}  # the limits of one were set


def test_who_may_only_look_makes_nothing(guarded: Api) -> None:
    looker, maker = a_caller(guarded, "looker", [Scope.READ, Scope.OPERATE]), a_caller(guarded, "maker", [Scope.ENQUEUE])
    before = rows(guarded.parts)
    for path, document in (("/v1/jobs", a_request()), ("/v1/jobs:batch", {"jobs": [a_request()]})):
        problem(looker.call("POST", path, document), 403, "insufficient-scope")
    assert rows(guarded.parts) == before
    assert maker.call("POST", "/v1/jobs", a_request()).status_code == 201
    assert maker.call("POST", "/v1/jobs:batch", {"jobs": [a_request()]}).json()["results"][0]["status"] == 201
    assert [job.caller for job in guarded.parts.ledger.recent(9)] == ["maker", "maker"]


def test_the_scheme_may_be_written_in_any_letters(guarded: Api) -> None:
    token = a_caller(guarded, "shop").token
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert guarded.get("/v1/jobs", Authorization=f"{scheme} {token}").status_code == 200


def test_a_revoked_token_opens_nothing_within_seconds_and_no_other_is_touched(guarded: Api) -> None:
    gone, stays = a_caller(guarded, "shop"), a_caller(guarded, "shop")
    assert gone.call("GET", "/v1/jobs").status_code == 200
    guarded.parts.ledger.tokens.revoke(gone.id, utc_now())
    wait_until(lambda: gone.call("GET", "/v1/jobs").status_code == 401)
    assert stays.call("GET", "/v1/jobs").status_code == 200


def test_a_token_may_ask_so_often_and_is_told_when_again(guarded: Api) -> None:
    busy, calm = a_caller(guarded, "shop", requests_a_minute=5), a_caller(guarded, "shop")
    assert [busy.call("GET", "/v1/jobs").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    refused = busy.call("POST", "/v1/jobs", a_request())
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert f"in {refused.headers['retry-after']} s" in problem(refused, 429, "too-many-requests")["detail"]
    assert guarded.parts.ledger.recent(9) == []
    assert calm.call("GET", "/v1/jobs").status_code == 200


def test_tokens_cannot_be_guessed_fast_and_who_is_known_goes_on(guarded: Api) -> None:
    known, new = a_caller(guarded, "known"), a_caller(guarded, "new")
    assert known.call("GET", "/v1/jobs").status_code == 200

    def guess(token: str, address: str) -> int:
        return guarded.get("/v1/jobs", Authorization=f"Bearer {token}", X_Forwarded_For=address).status_code

    there = "203.0.113.7"
    assert [guess(f"wrong-{number}", there) for number in range(5)] == [401] * 3 + [429] * 2
    assert guess(OWNER, there) == guess(known.token, there) == 429  # right by chance, and not looked at
    assert [guess(f"wrong-{number}", f"2001:db8::{number}") for number in range(5)] == [401] * 3 + [429] * 2
    assert guess(new.token, "2001:db8:1::1") == 200
    # Behind one address: one who tries wrong tokens, one who was let in before, and one who comes for the first time.
    late = a_caller(guarded, "late")
    assert [Bearer(guarded, "wrong", "").call("GET", "/v1/jobs").status_code for _ in range(4)] == [401] * 3 + [429]
    assert known.call("GET", "/v1/jobs").status_code == 200
    refused = late.call("GET", "/v1/jobs")
    problem(refused, 429, "too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_without_any_credential_nothing_is_counted(guarded: Api) -> None:
    for headers in ({}, {"Authorization": "Basic dDp0"}, {"Authorization": "Bearer"}):
        assert {guarded.get("/v1/jobs", **headers).status_code for _ in range(5)} == {401}
    assert a_caller(guarded, "shop").call("GET", "/v1/jobs").status_code == 200


def test_while_the_ledger_is_away_nobody_is_let_in_and_everybody_is_told_so(home: Path) -> None:
    settings = settings_in(home, api_token=SecretStr(OWNER), database_url="postgresql://nobody@127.0.0.1:1/none")
    with serving(settings) as lost:
        problem(lost.get("/v1/jobs", Authorization="Bearer rwt_somebody"), 503, "ledger-away")


def test_the_last_use_is_on_record(guarded: Api) -> None:
    bearer = a_caller(guarded, "shop")
    [made] = guarded.parts.ledger.tokens.every()
    assert made.last_used_at is None
    bearer.call("GET", "/v1/jobs")
    [used] = guarded.parts.ledger.tokens.every()
    assert used.last_used_at is not None


def test_no_token_is_in_the_ledger_or_in_an_answer(guarded: Api, home: Path) -> None:
    bearer = a_caller(guarded, "shop")
    secret = bearer.token.removeprefix("rwt_")
    answers = [bearer.call("GET", "/v1/jobs"), bearer.call("GET", "/nowhere"), guarded.get("/v1/jobs", Authorization=f"Bearer x{secret}")]
    assert not any(secret in answer.text + str(answer.headers) for answer in answers)
    assert secret.encode() not in b"".join(file.read_bytes() for file in home.iterdir() if file.is_file())


@pytest.mark.parametrize(
    "elsewhere", [{"host": "10.0.0.7"}, {"public_url": "https://replicas.example", "secret": SecretStr("s")}], ids=["host", "url"]
)
def test_the_server_refuses_to_be_reached_from_elsewhere_without_any_token(home: Path, elsewhere: dict[str, object]) -> None:
    settings = settings_in(home, **elsewhere)

    def refused() -> str:
        with pytest.raises(SettingsError) as told:
            create_app(settings)
        return str(told.value)

    assert "replicas tokens make" in refused()
    assert str(elsewhere.get("host") or elsewhere["public_url"]) in refused()
    with opened(settings) as parts:
        token, _ = make_token(parts, "shop", [Scope.READ])
        with serving(settings) as open_to_others:  # on loopback here, as what forwards to it would call it
            problem(open_to_others.get("/v1/jobs"), 401, "unauthorized")
        parts.ledger.tokens.revoke(token.id, utc_now())
    assert "replicas tokens make" in refused()


def test_a_ledger_that_cannot_say_counts_as_one_without_tokens(home: Path) -> None:
    for broken in ({"database_url": "postgresql://nobody@127.0.0.1:1/none"}, {"database_url": f"sqlite:///{home}/empty.db"}):
        with pytest.raises(SettingsError, match="replicas migrate"):
            create_app(settings_in(home, host="10.0.0.7", **broken))
    with serving(settings_in(home, host="10.0.0.7", api_token=SecretStr(OWNER))) as one:
        assert one.get("/livez").status_code == 200


def test_what_no_table_names_is_for_the_owner_alone(guarded: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.api.guard.NEEDS", {one: needs for one, needs in NEEDS.items() if one != ("GET", "/v1/jobs")})
    problem(a_caller(guarded, "shop").call("GET", "/v1/jobs"), 403, "forbidden")
    assert Bearer(guarded, OWNER, "").call("GET", "/v1/jobs").status_code == 200


def test_the_documentation_says_that_a_token_may_be_sent(guarded: Api) -> None:
    document = json.loads(guarded.get("/openapi.json").text)
    for method, path in NEEDS:
        assert document["paths"][path][method.lower()]["security"]
    assert not document["paths"]["/livez"]["get"].get("security")
