"""What the buttons of the board do, for whom, and what is said then."""

import pytest

from tests.scheduler.api.callers import a_job_of
from tests.scheduler.api.served import Api
from tests.scheduler.board.cast import held, owner, someone
from tests.scheduler.board.person import Person
from worker.core.effects import StopAccount
from worker.core.failures import POLICIES, Failure
from worker.core.states import State
from worker.store import accounts as stored_accounts
from worker.store.clock import utc_now
from worker.store.tokens import Scope


@pytest.mark.parametrize(
    ("scope", "has", "lacks", "others"),
    [(Scope.ENQUEUE, ["abandon"], "operate", ["release"]), (Scope.OPERATE, ["release"], "enqueue", ["abandon", "retry"])],
)
def test_a_button_is_for_whom_the_api_lets_do_the_same(guarded: Api, scope: Scope, has: list[str], lacks: str, others: list[str]) -> None:
    job = held(guarded, f"has-{scope}")
    person = someone(guarded, f"has-{scope}", Scope.READ, scope)
    for path in ("/board", f"/board/jobs/{job.id}"):
        person.go(path)
        assert [form.action.rpartition("/")[2] for form in person.forms if job.id in form.action] == has
        assert f"need a token with the scope {lacks}" in person.words
    word = next(form.fields["form"] for form in person.forms)
    for other in others:
        assert person.client.post(f"/board/jobs/{job.id}/{other}", data={"form": word}).status_code == 403
    assert guarded.parts.ledger.get(job.id).state is State.HELD


def test_who_only_looks_has_no_buttons(guarded: Api) -> None:
    job, person = held(guarded, "looks-only"), someone(guarded, "looks-only", Scope.READ)
    for path in ("/board", f"/board/jobs/{job.id}"):
        person.go(path)
        assert [form for form in person.forms if job.id in form.action] == []
        assert "need a token with the scope enqueue or operate" in person.words


def test_a_stopped_account_says_why_and_its_owner_lets_it_go_on(guarded: Api) -> None:
    with guarded.parts.ledger._database.begin() as connection:
        stored_accounts.stop(connection, StopAccount("default", Failure.OUT_OF_CREDIT, deaf=False), utc_now())
    caller = someone(guarded, "no-owner-either", *Scope)
    caller.go("/board")
    person = owner(guarded)
    person.go("/board")
    assert POLICIES[Failure.OUT_OF_CREDIT].told in person.words
    word = next(form.fields["form"] for form in caller.forms)
    assert caller.client.post("/board/accounts/default/resume", data={"form": word}).status_code == 403
    assert guarded.parts.ledger.stops()
    person.press("accounts/default/resume")
    assert "The account goes on." in person.words
    assert guarded.parts.ledger.stops() == []


@pytest.mark.parametrize(("act", "state", "becomes"), [("release", State.HELD, State.QUEUED), ("abandon", State.HELD, State.ABANDONED)])
def test_a_button_does_what_it_says_and_leads_back(guarded: Api, act: str, state: State, becomes: State) -> None:
    job = a_job_of(guarded.parts, f"presses-{act}", state, failure=Failure.ADDRESS_UNKNOWN, release_to=State.QUEUED)
    person = someone(guarded, f"presses-{act}", *Scope)
    person.go(f"/board/jobs/{job.id}")
    person.press(f"{job.id}/{act}")
    assert (person.place, person.seen.status_code) == (f"/board/jobs/{job.id}", 200)
    assert f"Job {job.id} was" in person.words
    assert guarded.parts.ledger.get(job.id).state is becomes


def test_an_abandoned_job_is_tried_again(guarded: Api) -> None:
    job = held(guarded, "again")
    person = someone(guarded, "again", *Scope)
    for act in ("abandon", "retry"):
        person.go(f"/board/jobs/{job.id}")
        person.press(f"{job.id}/{act}")
    assert "is queued again" in person.words
    assert guarded.parts.ledger.get(job.id).state is State.QUEUED


def test_what_cannot_be_done_any_more_is_said(guarded: Api) -> None:
    job = held(guarded, "late")
    person, other = (someone(guarded, "late", *Scope) for _ in range(2))
    for one in (person, other):
        one.go("/board")
    person.press(f"{job.id}/abandon")
    assert other.press(f"{job.id}/release").status_code == 409
    assert "The job is abandoned" in other.words


@pytest.mark.parametrize("did", ["nothing", "<script>", "release"])
def test_what_is_said_after_a_button_is_our_own_words_alone(guarded: Api, did: str) -> None:
    person = owner(guarded)
    person.go(f"/board?did={did}&job=x%22y%20or%20call%20us")
    assert "call us" not in person.words


def test_on_a_host_that_is_trusted_nobody_logs_in(trusting: Api) -> None:
    job, person = held(trusting, "here"), Person(trusting)
    person.go("/board")
    assert "This host" in person.words
    assert [form for form in person.forms if form.action.endswith("logout")] == []
    person.press(f"{job.id}/release")
    assert trusting.parts.ledger.get(job.id).state is State.QUEUED
