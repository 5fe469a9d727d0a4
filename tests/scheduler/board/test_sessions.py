"""Sessions at the board: a login begins one, and its token's end is its end; the cookie tells nothing, and no form of another's is taken."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from scheduler.api.places import Places
from scheduler.board import sessions
from scheduler.board.live import FULL
from scheduler.board.sessions import LASTS, Session, Sessions, secret_of
from scheduler.tokens import digest_of
from tests.scheduler.api.callers import a_caller, a_job_of
from tests.scheduler.api.served import Api
from tests.scheduler.board.conftest import OWNER
from tests.scheduler.board.person import Person
from tests.scheduler.made import settings_in
from tests.scheduler.workers import wait_until
from worker.core.states import State
from worker.store.clock import utc_now
from worker.store.tokens import Scope

COOKIE = "replicas-board"


def cookie_of(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"]


def test_nobody_sees_anything_without_a_token(guarded: Api) -> None:
    job = a_job_of(guarded.parts, "shop", State.HELD)
    for path in ("/board", f"/board/jobs/{job.id}", "/board/live"):
        person = Person(guarded)
        person.go(path)
        assert person.place == "/board/login"
        assert job.id not in person.words


def test_a_token_begins_a_session_and_logging_out_ends_it(guarded: Api) -> None:
    person = Person(guarded)
    assert person.log_in(OWNER).status_code == 200
    assert person.place == "/board"
    person.press("logout")
    assert person.place == "/board/login"
    person.go("/board")
    assert person.place == "/board/login"


def test_who_asked_for_a_job_gets_it_after_the_login(guarded: Api) -> None:
    job, person = a_job_of(guarded.parts, "shop"), Person(guarded)
    person.go(f"/board/jobs/{job.id}")
    person.press("login", token=OWNER)
    assert person.place == f"/board/jobs/{job.id}"


def test_the_cookie_is_for_this_site_alone_and_holds_no_token(guarded: Api) -> None:
    bearer, person = a_caller(guarded, "cookies", [Scope.READ]), Person(guarded)
    person.go("/board/login")
    [form] = person.forms
    answer = person.client.post("/board/login", data=form.fields | {"token": bearer.token})
    assert answer.status_code == 303
    for word in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={int(LASTS.total_seconds())}"):
        assert word in cookie_of(answer)
    assert "Secure" not in cookie_of(answer)
    for told in (bearer.token, digest_of(bearer.token.encode()), bearer.id):
        assert told not in cookie_of(answer)


def test_by_https_the_cookie_is_for_https_alone(guarded: Api) -> None:
    answer = guarded.client.get("/board/login", headers={"x-forwarded-proto": "https"})
    assert cookie_of(answer).startswith(f"__Host-{COOKIE}=")
    assert "Secure" in cookie_of(answer)


@pytest.mark.parametrize("wrong", ["", "no-such-token", "rwt_" + "x" * 43, "\u00e9"])
def test_a_wrong_token_is_refused_and_not_repeated(guarded: Api, wrong: str) -> None:
    person = Person(guarded)
    answer = person.log_in(wrong)
    assert answer.status_code == 401
    assert "not, or no longer, accepted" in person.words
    assert not wrong or wrong not in answer.text


def test_a_token_that_may_not_read_begins_none(guarded: Api) -> None:
    person = Person(guarded)
    assert person.log_in(a_caller(guarded, "writer", [Scope.ENQUEUE]).token).status_code == 403
    assert "needs one for read" in person.words
    person.go("/board")
    assert person.place == "/board/login"


def test_a_revoked_token_ends_its_sessions_within_seconds(guarded: Api) -> None:
    bearer, person = a_caller(guarded, "revoked", [Scope.READ]), Person(guarded)
    person.log_in(bearer.token)
    assert person.go("/board").status_code == 200
    guarded.parts.ledger.tokens.revoke(bearer.id, utc_now())
    wait_until(lambda: person.go("/board").url.path == "/board/login")
    assert "the token no longer holds" in person.words


def test_an_open_page_hears_that_its_session_is_over(guarded: Api) -> None:
    bearer, person = a_caller(guarded, "listening", [Scope.READ]), Person(guarded)
    person.log_in(bearer.token)
    with person.client.stream("GET", "/board/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        guarded.parts.ledger.tokens.revoke(bearer.id, utc_now())
        assert "event: end" in "".join(stream.iter_text())


def test_an_open_page_hears_of_news_and_of_no_others(guarded: Api) -> None:
    bearer, person = a_caller(guarded, "newsy", [Scope.READ]), Person(guarded)
    person.log_in(bearer.token)
    with person.client.stream("GET", "/board/live") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 3000"
        a_job_of(guarded.parts, "another")
        a_job_of(guarded.parts, "newsy")
        assert next(line for line in lines if line.startswith("event")) == "event: look"


def test_where_too_many_pages_are_open_one_more_is_told_so(trusting: Api) -> None:
    app: Any = trusting.app
    before, app.state.board_places = app.state.board_places, Places(0, FULL)
    answer = trusting.client.get("/board/live")
    app.state.board_places = before
    assert answer.status_code == 503
    assert "does not follow by itself" in answer.text


FOREIGN = (
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
)


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("place", ["guarded", "trusting"])
def test_a_form_of_another_page_does_nothing(request: pytest.FixtureRequest, place: str, headers: dict[str, str]) -> None:
    api: Api = request.getfixturevalue(place)
    job, person = a_job_of(api.parts, "shop", State.HELD, release_to=State.QUEUED), Person(api)
    if place == "guarded":
        person.log_in(OWNER)
    person.go("/board")
    assert person.press(f"{job.id}/release", headers).status_code == 403
    assert api.parts.ledger.get(job.id).state is State.HELD


@pytest.mark.parametrize("given_form", [None, "", "0" * 64, "another's"])
@pytest.mark.parametrize("place", ["guarded", "trusting"])
def test_without_the_sessions_own_word_a_form_does_nothing(request: pytest.FixtureRequest, place: str, given_form: str | None) -> None:
    api: Api = request.getfixturevalue(place)
    job, person, other = a_job_of(api.parts, "shop", State.HELD, release_to=State.QUEUED), Person(api), Person(api)
    for one in (person, other):
        if place == "guarded":
            one.log_in(OWNER)
        one.go("/board")
    word = next(form.fields["form"] for form in other.forms if "form" in form.fields) if given_form == "another's" else given_form
    answer = person.client.post(f"/board/jobs/{job.id}/release", data={"back": "job"} if word is None else {"form": word})
    assert answer.status_code == 403
    assert "Nothing was done" in answer.text
    assert api.parts.ledger.get(job.id).state is State.HELD


def test_not_even_a_login_is_begun_by_another_page(guarded: Api) -> None:
    assert Person(guarded).client.post("/board/login", data={"token": OWNER}).status_code == 403


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
def test_where_no_token_is_needed_a_page_under_another_name_sees_nothing(trusting: Api, headers: dict[str, str]) -> None:
    job = a_job_of(trusting.parts, "shop", State.HELD)
    answer = trusting.client.get("/board", headers=headers)
    assert answer.status_code == 403
    assert job.id not in answer.text


def test_a_link_on_another_site_leads_in_by_a_page_of_our_own(guarded: Api) -> None:
    job = a_job_of(guarded.parts, "shop")
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    answer = guarded.client.get(f"/board/jobs/{job.id}", headers=headers)
    assert answer.status_code == 200
    assert 'content="0;url=?came"' in answer.text
    assert guarded.client.get(f"/board/jobs/{job.id}?came", headers=headers).status_code == 303


@given(st.text())
def test_no_other_cookie_is_a_session(cookie: str) -> None:
    assert Sessions(b"s" * 32).open(cookie) is None


@given(digest=st.none() | st.text(), nonce=st.text())
def test_a_session_is_what_was_sealed_under_the_same_secret_alone(digest: str | None, nonce: str) -> None:
    session = Session(digest, nonce)
    cookie = Sessions(b"s" * 32).seal(session)
    assert Sessions(b"s" * 32).open(cookie) == session
    assert Sessions(b"t" * 32).open(cookie) is None


def test_a_session_of_yesterday_is_over() -> None:
    made = Sessions(b"s" * 32)
    old = (utc_now() - LASTS - timedelta(minutes=1)).timestamp()
    cookie = made._fernet.encrypt_at_time(b'[null, "n"]', int(old)).decode()
    assert isinstance(made._fernet, Fernet)
    assert made.open(cookie) is None


def test_processes_of_a_host_have_one_secret_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = secret_of(settings)
    assert (len(first), secret_of(settings)) == (32, first)
    file = tmp_path / sessions._FILE
    assert file.stat().st_mode & 0o077 == 0
    assert secret_of(settings.model_copy(update={"secret": SecretStr("another")})) != first


def test_where_no_secret_can_be_kept_the_process_has_one_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = settings_in(tmp_path).model_copy(update={"home": tmp_path / "file" / "home"})
    assert secret_of(settings) != secret_of(settings)
