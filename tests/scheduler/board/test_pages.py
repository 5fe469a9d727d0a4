"""What the board shows, to whom, and that others' words never become markup."""

import re

import pytest

from scheduler.board.pages import HEADERS
from scheduler.board.shelf import HELD_ON_PAGE, ON_PAGE
from tests.scheduler.api.callers import a_job_of
from tests.scheduler.api.served import Api
from tests.scheduler.board.cast import held, owner, someone, training
from tests.scheduler.made import SECRET, paid
from tests.worker.store.made import changed
from worker.core.failures import POLICIES, Failure
from worker.core.job import Outcome, Terms
from worker.core.states import State
from worker.store.clock import utc_now
from worker.store.tokens import Scope

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onfocus=alert(3) {{7*7}}"


def test_held_jobs_come_first_with_the_reason_and_the_buttons(guarded: Api) -> None:
    job, person = held(guarded, "first", detail="it said so"), someone(guarded, "first", *Scope)
    for _ in range(3):
        a_job_of(guarded.parts, "first")
    person.go("/board")
    assert person.words.index(job.id) < person.words.index("newest first")
    for word in (POLICIES[Failure.ADDRESS_UNKNOWN].told, "it said so", Failure.ADDRESS_UNKNOWN.value):
        assert word in person.words
    assert [form.action.rpartition("/")[2] for form in person.forms if job.id in form.action] == ["release", "abandon"]


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_page_that_says_why_and_what_may_be_done(guarded: Api, state: State) -> None:
    if state is State.TRAINING:
        job = training(guarded, f"in-{state}", progress="37/100")
    else:
        failure = Failure.ADDRESS_UNKNOWN if state in {State.HELD, State.ABANDONED} else None
        base = a_job_of(guarded.parts, f"in-{state}")
        attempts = paid(base, Outcome.RESERVED if state is State.SUBMITTING else Outcome.TRAINED, intended_at=utc_now())
        job = changed(
            guarded.parts.ledger, base, state=state, failure=failure, release_to=State.QUEUED if state is State.HELD else None,
            attempts=() if state in {State.QUEUED, State.HELD} else attempts,
        )  # fmt: skip
    person = someone(guarded, f"in-{state}", *Scope)
    assert person.go(f"/board/jobs/{job.id}").status_code == 200
    assert state.value in person.words
    assert "Enqueued" in person.words
    buttons = [form.action.rpartition("/")[2] for form in person.forms if job.id in form.action]
    assert buttons == {State.HELD: ["release", "abandon"], State.ABANDONED: ["retry"]}.get(state, [])
    assert ("half of such trainings" in person.words) is (state is State.TRAINING)


def test_the_overview_tells_progress_and_when_the_end_is_likely(guarded: Api) -> None:
    job, person = training(guarded, "bands", 60, progress="37/100"), someone(guarded, "bands")
    person.go("/board")
    assert "37/100" in person.words
    [band] = [given for tag, given in person.tags if tag == "svg" and given.get("role") == "img"]
    assert "Trains for 1h" in str(band["aria-label"])
    assert re.search(r"2h \d+m \S+ (2h \d+m|3h( \d+m)?) left", person.words)
    assert job.id in person.words


def test_what_takes_too_long_is_said_to(guarded: Api) -> None:
    training(guarded, "slow", 60 * 30)
    person = someone(guarded, "slow")
    person.go("/board")
    assert "stuck" in person.words


def test_a_caller_sees_their_own_jobs_alone(guarded: Api) -> None:
    mine, others = held(guarded, "mine"), held(guarded, "others")
    person = someone(guarded, "mine", *Scope)
    person.go("/board")
    assert mine.id in person.words
    assert others.id not in person.seen.text
    for path in (f"/board/jobs/{others.id}", f"/board/live?job={others.id}"):
        assert person.go(path).status_code == 404
    person.go(f"/board?q={others.id[:24]}")
    assert "No job is like that" in person.words
    person.go("/board")
    person.press(f"{mine.id}/release")  # which is theirs: the form below is the same, for another's job
    word = person.client.get("/board").text.split('name="form" value="')[1].split('"')[0]
    assert person.client.post(f"/board/jobs/{others.id}/release", data={"form": word}).status_code == 404
    assert guarded.parts.ledger.get(others.id).state is State.HELD


def test_a_caller_counts_their_own_jobs_alone(guarded: Api) -> None:
    for _ in range(2):
        a_job_of(guarded.parts, "counts", State.DONE)
    a_job_of(guarded.parts, "uncounted", State.DONE)
    person = someone(guarded, "counts")
    person.go("/board")
    assert "2 done" in person.words


def test_accounts_are_for_the_owner_alone(guarded: Api) -> None:
    guarded.parts.ledger.set_terms("studio", Terms(max_in_flight=7, max_trainings_a_month=90, requests_a_minute=30), utc_now())
    person = owner(guarded)
    person.go("/board")
    for word in ("studio", "of 30 requests in the last minute", "0 of 7 trainings run", "of 90", "closed"):
        assert word in person.words
    other = someone(guarded, "no-owner", *Scope)
    other.go("/board")
    assert "requests in the last minute" not in other.words


def test_others_words_are_never_markup(guarded: Api) -> None:
    job = held(guarded, "hostile", detail=HOSTILE, progress=HOSTILE, idempotency_key="<script>alert(4)</script>")
    person = owner(guarded)
    for path in (
        "/board",
        f"/board/jobs/{job.id}",
        "/board?q=" + "%3Cscript%3E",
        "/board?account=%22%3E%3Cscript%3E",
        "/board/%3Cscript%3E",
    ):
        person.go(path)
        scripts = [given for tag, given in person.tags if tag == "script"]
        assert all(set(given) == {"src", "defer"} for given in scripts)
        assert [given for _, given in person.tags if any(name.startswith("on") for name in given)] == []
        assert [given for tag, given in person.tags if tag == "img" and given.get("src") == "x"] == []
    person.go(f"/board/jobs/{job.id}")
    assert "<script>alert(1)</script>" in person.words  # as words


def test_a_secret_in_others_words_does_not_reach_a_page(guarded: Api) -> None:
    detail = f"could not fetch https://p.example/a.jpg?token={SECRET} with x-api-key: {SECRET}"
    job = held(guarded, "leaky", detail=detail)
    person = someone(guarded, "leaky")
    for path in ("/board", f"/board/jobs/{job.id}"):
        assert "could not fetch" in person.go(path).text
        assert SECRET not in person.seen.text


def test_no_page_lets_a_script_or_style_in_that_is_not_ours(guarded: Api) -> None:
    person = owner(guarded)
    for path in ("/board", "/board/login", "/board/nothing-here", "/board/live"):
        with person.client.stream("GET", path) as answer:
            given = answer.headers
        assert {name: given[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in given["content-security-policy"]
        assert "default-src 'none'" in given["content-security-policy"]
    person.go("/board")
    assert [tag for tag, given in person.tags if "style" in given or tag == "style"] == []


@pytest.mark.parametrize(("name", "kind"), [("board.css", "text/css"), ("board.js", "javascript"), ("icon.svg", "image/svg+xml")])
def test_its_files_come_from_here(guarded: Api, name: str, kind: str) -> None:
    answer = guarded.client.get(f"/board/static/{name}")
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]
    assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")


def test_many_jobs_are_paged_by_state_and_account(guarded: Api) -> None:
    made = [a_job_of(guarded.parts, "many", State.DONE) for _ in range(ON_PAGE + 2)]
    person = someone(guarded, "many")
    person.go("/board?state=done&account=default")
    assert [job.id in person.words for job in made] == [False] * 2 + [True] * ON_PAGE
    [older] = [given["href"] for tag, given in person.tags if tag == "a" and given.get("rel") == "next"]
    person.go(f"/{older}")
    assert [job.id in person.words for job in made] == [True] * 2 + [False] * ON_PAGE
    person.go("/board?state=held&account=")
    assert "No job is like that" in person.words
    person.go("/board?account=studio")
    assert "No job is like that" in person.words


def test_many_that_are_held_do_not_push_the_rest_away(guarded: Api) -> None:
    made = [held(guarded, "crowd") for _ in range(HELD_ON_PAGE + 1)]
    person = someone(guarded, "crowd")
    person.go("/board")
    assert "All that are held" in person.words
    person.go("/board?state=held")
    assert all(job.id in person.words for job in made)


def test_a_job_is_found_by_its_id_by_how_that_begins_and_by_its_replica(guarded: Api) -> None:
    job = training(guarded, "found")
    person = someone(guarded, "found")
    person.go(f"/board?q={job.id}")
    assert person.place == f"/board/jobs/{job.id}"
    for words in (job.id[:20], f" {job.id[:22].upper()} ", job.replica_id):
        person.go(f"/board?q={words}")
        assert job.id in person.words
    person.go(f"/board?q={job.id[:10]}zzzz")
    assert "No job is like that" in person.words


@pytest.mark.parametrize("path", ["/board?cursor=no-cursor", "/board?q=%00", "/board/jobs/%F0%9F%92%A9", "/board/elsewhere"])
def test_an_address_that_is_none_is_a_page_too(guarded: Api, path: str) -> None:
    person = owner(guarded)
    assert person.go(path).status_code == 404
    assert "Back to the board" in person.words


def test_a_slash_too_many_leads_to_the_board(guarded: Api) -> None:
    person = owner(guarded)
    person.go("/board/")
    assert person.place == "/board"


def test_the_board_is_no_part_of_the_documented_api(guarded: Api) -> None:
    assert [path for path in guarded.client.get("/openapi.json").json()["paths"] if "board" in path] == []
