"""The link of a job: a person's visit opens its conversation, a program's never does, and a forger is told nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.api.served import Api
from tests.scheduler.api.visitor import CHROME, PREVIEWS, door, in_state, is_guarded, opened, path_of, ready, visit
from tests.scheduler.made import a_job_in
from worker.core.states import State


def test_the_first_visit_opens_the_conversation_and_leads_there_and_the_next_leads_to_the_same(links: Api, tavus: Sandbox) -> None:
    job = ready(links, tavus)
    first, second = visit(links, job), visit(links, job)
    talk = links.parts.ledger.get(job.id).conversation
    assert talk is not None
    assert [(one.status_code, one.headers["location"]) for one in (first, second)] == [(303, talk.url)] * 2
    assert is_guarded(first)
    assert opened(tavus, job) == 1


def test_the_callers_view_has_the_link_of_a_job_on_demand_alone(links: Api, tavus: Sandbox) -> None:
    job, other = ready(links, tavus), a_job_in(links.parts)
    shown = links.get(f"/v1/jobs/{job.id}").json()["link"]
    assert shown == f"http://127.0.0.1:8000{path_of(links, job)}"
    assert job.id != shown.rpartition("/")[2]
    assert links.get(f"/v1/jobs/{other.id}").json()["link"] is None
    assert links.client.get(path_of(links, other), headers=CHROME).status_code == 404


@pytest.mark.parametrize("headers", PREVIEWS.values(), ids=PREVIEWS)
def test_a_program_that_only_looks_opens_nothing_and_sees_a_page_with_a_button(links: Api, tavus: Sandbox, headers: dict[str, str]) -> None:
    job = in_state(links, State.READY)
    before = links.parts.ledger.get(job.id)
    answer = links.client.get(path_of(links, job), headers=headers)
    assert answer.status_code == 200
    assert is_guarded(answer)
    assert '<form method="post">' in answer.text
    assert links.parts.ledger.get(job.id) == before
    assert tavus.ledger()["conversations"].get(job.replica_id) is None


def test_a_head_never_opens_anything(links: Api) -> None:
    job = in_state(links, State.READY)
    answer = links.client.head(path_of(links, job), headers=CHROME)
    assert (answer.status_code, answer.content) == (200, b"")
    assert links.parts.ledger.get(job.id) == job


def test_who_is_taken_for_a_program_presses_the_button_and_is_in(links: Api, tavus: Sandbox) -> None:
    job = ready(links, tavus)
    pressed = links.client.post(path_of(links, job), headers=PREVIEWS["who claims to be a browser"])
    talk = links.parts.ledger.get(job.id).conversation
    assert talk is not None
    assert (pressed.status_code, pressed.headers["location"]) == (303, talk.url)
    assert opened(tavus, job) == 1


def test_where_the_setting_says_so_only_a_press_opens(home: Path, broker: Broker, tavus: Sandbox) -> None:
    with door(home, broker, tavus, links_open="press") as api:
        job = ready(api, tavus)
        assert '<form method="post">' in visit(api, job).text
        assert opened(tavus, job) == 0
        assert api.client.post(path_of(api, job), headers=CHROME).status_code == 303
        assert visit(api, job).status_code == 303
        assert opened(tavus, job) == 1


@pytest.mark.parametrize(
    "forge", [lambda t: t[:-1], lambda t: t.upper(), lambda t: t.partition(".")[0], lambda _: "x", lambda t: "1" + t[1:]]
)
def test_a_forged_link_is_404_and_says_no_more_than_any_other(links: Api, forge: Callable[[str], str]) -> None:
    job = in_state(links, State.READY)
    answers = [
        links.client.request(method, f"/c/{forge(links.parts.links.token_of(job.id))}", headers=CHROME)
        for method in ("GET", "POST", "HEAD")
    ]
    assert [one.status_code for one in answers] == [404] * 3
    assert answers[0].text == answers[1].text == links.client.get("/c/nothing", headers=CHROME).text
    assert all(is_guarded(one) for one in answers)
    assert links.parts.ledger.get(job.id) == job


def test_a_callbacks_token_is_no_links_token(links: Api) -> None:
    job = in_state(links, State.READY)
    url = links.parts.callbacks._sign(job.id)
    assert links.client.get(f"/c/{job.id}.{url}", headers=CHROME).status_code == 404
