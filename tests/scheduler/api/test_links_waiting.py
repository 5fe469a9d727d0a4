"""Whoever must wait at a link is told the truth; what has ended is followed by another, so often a day; and a private room stays private."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.api.served import Api, serving
from tests.scheduler.api.visitor import CHROME, active, forget, in_state, is_guarded, opened, path_of, ready, until, visit
from tests.scheduler.made import at_tavus, settings_in
from tests.worker.store.made import changed
from worker.core import events
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Conversation, ConversationId
from worker.core.marks import conversation_mark
from worker.core.request import Request, Start
from worker.core.states import State
from worker.store.clock import utc_now


def test_a_replica_that_trains_is_shown_with_when_it_is_likely_to_be_ready_and_a_tab_that_waits_opens_nothing(
    links: Api, tavus: Sandbox
) -> None:
    job = in_state(links, State.TRAINING, due_at=utc_now() + timedelta(hours=1))
    page = visit(links, job)
    assert page.status_code == 200
    assert "It is likely to be ready in 3 hours and" in page.text
    assert 'content="30;url=?waiting"' in page.text
    assert not links.parts.ledger.get(job.id).conversation_wanted
    done = ready(links, tavus)
    waited = visit(links, done, "?waiting")
    assert '<form method="post">' in waited.text
    assert opened(tavus, done) == 0


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (State.QUEUED, 200, "Still being prepared"),
        (State.SUBMITTING, 200, "Still being prepared"),
        (State.HELD, 200, "Somebody has to look at this first"),
        (State.ABANDONED, 410, "not available"),
        (State.CANCELLED, 410, "not available"),
    ],
)
def test_whatever_else_is_the_matter_is_said_in_friendly_words_and_nothing_from_inside(
    links: Api, state: State, status: int, words: str
) -> None:
    job = in_state(links, state, failure=Failure.OUT_OF_CREDIT if state is State.HELD else None, detail="The key k3y of studio")
    page = visit(links, job)
    assert (page.status_code, words in page.text) == (status, True)
    for inside in (job.id, "k3y", "credit", job.account, str(job.replica_id)):
        assert inside not in page.text
    assert links.parts.ledger.get(job.id).state is state


def test_a_full_account_keeps_the_visitor_in_line_says_how_long_and_ends_nobodys_conversation(links: Api, tavus: Sandbox) -> None:
    busy = [ready(links, tavus) for _ in range(2)]
    tavus.account("key-of-default", max_conversations=len(active(tavus)) + 1)
    try:
        assert visit(links, busy[0]).status_code == 303
        page = visit(links, busy[1])
        assert page.status_code == 200
        assert "All rooms are taken" in page.text
        assert "You are the first in line. We try again" in page.text
        assert "lasts an hour at most" in page.text
        assert [opened(tavus, one) for one in busy] == [1, 0]
        tavus.account("key-of-default", max_conversations=None)
        until(lambda: visit(links, busy[1], "?waiting").status_code == 303)
        assert [opened(tavus, one) for one in busy] == [1, 1]
    finally:
        tavus.account("key-of-default", max_conversations=None)


def test_while_the_account_is_stopped_a_person_has_to_look_first(home: Path, broker: Broker, tavus: Sandbox) -> None:
    settings = settings_in(home, redis_url=broker.url, secret=SecretStr("s"))
    with serving(at_tavus(settings, tavus)) as api:
        job = in_state(api, State.READY)
        api.parts.ledger.stop(StopAccount("default", Failure.OUT_OF_CREDIT, deaf=False), utc_now())
        assert "Somebody has to look at this first" in visit(api, job).text


def test_when_tavus_says_that_it_has_ended_the_next_visit_opens_another(links: Api, tavus: Sandbox) -> None:
    job = ready(links, tavus, properties={"participant_absent_timeout": 60})
    first = visit(links, job).headers["location"]
    tavus.advance(timedelta(minutes=5))
    known = links.parts.ledger.get(job.id)
    assert known.conversation is not None
    long_ago = replace(known.conversation, opened_at=utc_now() - timedelta(minutes=5))
    changed(links.parts.ledger, known, conversation=long_ago)
    forget(links)
    assert '<form method="post">' in visit(links, job, "?waiting").text  # a page that waits looks, and opens nothing
    second = visit(links, job).headers["location"]
    assert second != first
    assert opened(tavus, job) == 2


def test_a_conversation_that_is_known_to_have_ended_is_not_asked_about_again(links: Api, tavus: Sandbox) -> None:
    job = ready(links, tavus)
    first = visit(links, job).headers["location"]
    talk = links.parts.ledger.get(job.id).conversation
    assert talk is not None
    assert talk.id is not None
    links.parts.engine.tell(job.id, events.ConversationEnded(talk.id))
    before = tavus.ledger()["requests"]["by_kind"].get("get_conversation", 0)
    assert visit(links, job).headers["location"] != first
    assert tavus.ledger()["requests"]["by_kind"].get("get_conversation", 0) == before


def test_a_link_that_leaked_opens_so_many_a_day_and_then_says_when_the_next(links: Api, tavus: Sandbox) -> None:
    job = ready(links, tavus)
    spent = changed(links.parts.ledger, job, openings=tuple(utc_now() - timedelta(minutes=one) for one in range(10, 0, -1)))
    page = visit(links, job)
    assert page.status_code == 429
    assert "It opens again at" in page.text
    assert links.parts.ledger.get(job.id) == spent
    assert opened(tavus, job) == 0


def test_in_test_mode_it_is_opened_once_for_no_money_and_every_visit_leads_there(links: Api, tavus: Sandbox) -> None:
    job = ready(links, tavus, test_mode=True)
    first = visit(links, job)
    assert first.status_code == 303
    known = links.parts.ledger.get(job.id)
    assert known.conversation is not None
    changed(links.parts.ledger, known, conversation=replace(known.conversation, opened_at=utc_now() - timedelta(hours=1)))
    forget(links)
    assert visit(links, job).headers["location"] == first.headers["location"]
    assert opened(tavus, job) == 1


def test_a_private_room_is_opened_with_its_token_which_nobody_else_ever_sees(links: Api, tavus: Sandbox) -> None:
    job = ready(links, tavus, require_auth=True)
    location = visit(links, job).headers["location"]
    url, _, token = location.partition("?t=")
    known = links.parts.ledger.get(job.id)
    assert known.conversation is not None
    assert token == f"token-{known.conversation.id}"
    assert known.conversation.url == url
    shown = links.get(f"/v1/jobs/{job.id}").text + links.get(f"/v1/jobs/{job.id}/story").text + repr(known)
    with links.parts.ledger._database.connect() as connection:
        dump = "\n".join(connection.connection.iterdump())
    assert known.conversation.admission is not None
    assert known.conversation.admission in dump
    assert known.conversation.admission not in shown
    assert token not in shown + dump


def test_a_private_room_without_its_token_is_waited_for_and_not_led_to(links: Api) -> None:
    request = Request(replica={}, conversation={"require_auth": True}, start=Start.ON_DEMAND)
    stranger = in_state(links, State.READY)
    talk = Conversation(
        mark=conversation_mark(stranger.id, 1), id=ConversationId("c0"), url="https://tavus.daily.co/c0", opened_at=utc_now()
    )
    job = in_state(links, State.DONE, request=request, conversation=talk)
    page = visit(links, job)
    assert page.status_code == 200
    assert "Your room is being prepared" in page.text
    unsealable = changed(links.parts.ledger, job, conversation=replace(talk, admission="gAAAA-of-another-secret"))
    assert visit(links, unsealable).status_code == 200


def test_while_the_worker_is_away_the_visitor_sees_a_page_that_comes_back_by_itself(home: Path, broker: Broker, tavus: Sandbox) -> None:
    settings = settings_in(home, redis_url=broker.url, secret=SecretStr("s"))
    with serving(at_tavus(settings, tavus)) as api:
        job = ready(api, tavus)
        page = visit(api, job)
        assert "is being opened" in page.text
        assert 'content="2;url=?waiting"' in page.text
        assert api.parts.ledger.get(job.id).visited_at is not None
        assert api.client.post(path_of(api, job), headers=CHROME).headers["location"] == f"{path_of(api, job)}?waiting"
        assert opened(tavus, job) == 0


def test_who_waited_and_left_has_nothing_opened(home: Path, broker: Broker, tavus: Sandbox) -> None:
    settings = settings_in(home, redis_url=broker.url, secret=SecretStr("s"), visit_patience=timedelta(seconds=0.2))
    with serving(at_tavus(settings, tavus)) as api:
        job = ready(api, tavus)
        visit(api, job)
        [left] = api.parts.engine.advance(job.id)
        assert left.state is State.READY
        assert opened(tavus, job) == 0


def test_a_ledger_that_is_away_is_told_of_on_a_page(home: Path, broker: Broker) -> None:
    with serving(settings_in(home, redis_url=broker.url, secret=SecretStr("s"))) as api:
        job = in_state(api, State.READY)
        with api.parts.ledger._database.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE job RENAME TO away")
        page = visit(api, job)
        assert (page.status_code, "tries again by itself" in page.text) == (503, True)
        assert is_guarded(page)
