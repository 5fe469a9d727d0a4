"""Accounts are listed with what stopped them, never with a key; one that is resumed takes the jobs that it held along."""

from datetime import timedelta

import pytest

from tests.broker import Broker
from tests.scheduler.api.served import Api
from tests.scheduler.made import KEYS, a_job_in, rows
from worker.app import SUBMIT
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Terms
from worker.core.states import State
from worker.pacing.kinds import Kind, Verdict
from worker.pacing.pacer import Ticket
from worker.store.clock import utc_now


@pytest.fixture
def stopped(api: Api) -> Api:
    """An API whose account `default` is stopped, and one more of which nobody has the key."""
    for account in ("default", "gone"):
        api.parts.ledger.stop(StopAccount(account, Failure.OUT_OF_CREDIT, deaf=False), utc_now())
    return api


def stops(api: Api) -> dict[str, object]:
    return {account["name"]: account["stopped"] and account["stopped"]["failure"] for account in api.get("/v1/accounts").json()["accounts"]}


def test_every_account_is_listed_with_what_stopped_it(stopped: Api) -> None:
    assert stops(stopped) == {"default": "out_of_credit", "gone": "out_of_credit", "studio": None}


def test_no_key_is_shown(stopped: Api) -> None:
    text = stopped.get("/v1/accounts").text
    assert not any(key.get_secret_value() in text for key in KEYS.values())


def test_a_resumed_account_takes_along_what_it_held_and_nothing_else(stopped: Api, broker: Broker) -> None:
    held = a_job_in(stopped.parts, State.HELD, failure=Failure.OUT_OF_CREDIT)
    other = a_job_in(stopped.parts, State.HELD, failure=Failure.UNRECOGNISED)
    elsewhere = a_job_in(stopped.parts, State.HELD, failure=Failure.OUT_OF_CREDIT, account="studio")
    broker.client.flushall()
    answer = stopped.post("/v1/accounts/default/resume")
    assert (answer.status_code, answer.json()) == (200, {"account": "default", "jobs": [held.id]})
    assert stops(stopped)["default"] is None
    assert [stopped.parts.ledger.get(job.id).state for job in (held, other, elsewhere)] == [State.QUEUED, State.HELD, State.HELD]
    assert [message["arguments"][0] for message in broker.messages(SUBMIT)] == [[held.id]]


def test_the_pace_of_every_account_is_shown(api: Api) -> None:
    pace = api.parts.pace
    api.parts.ledger.set_terms("studio", Terms(requests_a_minute=60), utc_now())
    for _ in range(5):
        ticket = pace.enter("default", Kind.SUBMIT)
        assert isinstance(ticket, Ticket)
        pace.saw(ticket, Verdict.FAILED)
    ticket = pace.enter("default", Kind.LOOK)
    assert isinstance(ticket, Ticket)
    pace.saw(ticket, Verdict.LIMITED, timedelta(minutes=2))
    found = {account["name"]: account["pace"] for account in api.get("/v1/accounts").json()["accounts"]}
    assert (found["studio"]["requests_a_minute"], found["studio"]["allowed_now"], found["studio"]["breakers"]) == (60, 60, {})
    assert found["default"]["breakers"]["submit"]["reason"] == "breaker"
    assert (found["default"]["sent_in_the_last_minute"], found["default"]["shared"]) == (6, True)
    assert 100 < found["default"]["paused_seconds"] <= 120
    assert found["default"]["allowed_now"] == 60


def test_resuming_what_runs_is_harmless(api: Api) -> None:
    before = rows(api.parts)
    assert api.post("/v1/accounts/default/resume").json() == {"account": "default", "jobs": []}
    assert rows(api.parts) == before


def test_an_account_that_is_only_stopped_can_be_resumed(stopped: Api) -> None:
    assert stopped.post("/v1/accounts/gone/resume").status_code == 200
    assert "gone" not in stops(stopped)


@pytest.mark.parametrize("name", ["nobody", "DEFAULT", "%00", "a%2Fb", "x" * 3000])
def test_an_account_that_nobody_knows_is_404(api: Api, name: str) -> None:
    answer = api.post(f"/v1/accounts/{name}/resume")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
