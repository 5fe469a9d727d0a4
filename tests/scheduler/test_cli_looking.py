"""The commands that look: they explain in the words of the terminal, choose by what the API chooses by, and watch many with one read."""

import json
from typing import Any

import pytest

from scheduler import explaining
from scheduler.acts import How
from scheduler.cli import watching
from tests.broker import Broker
from tests.scheduler.commands import Commands, Said, commands_in
from tests.scheduler.made import a_job_in, in_hours, paid
from tests.scheduler.test_cli_help import ALL
from tests.worker.store.hearing import overheard
from tests.worker.store.made import changed
from worker.assembly import Parts
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Conversation, ConversationId, Job, Outcome
from worker.core.marks import conversation_mark
from worker.core.states import State
from worker.store.clock import utc_now


@pytest.fixture
def replicas(home: Any, broker: Broker) -> Commands:  # noqa: ANN401 - a path
    """The command line on the ledger of `parts`."""
    return commands_in(home, broker)


def ids(said: Said) -> list[str]:
    return [one["id"] for one in json.loads(said.out)]


def talking(parts: Parts) -> Job:
    """A job whose conversation bills."""
    job = a_job_in(parts, State.READY)
    talk = Conversation(mark=conversation_mark(job.id, 1), id=ConversationId("c1"), url="https://tavus.example/c1")
    return changed(parts.ledger, job, state=State.DONE, attempts=paid(job, Outcome.TRAINED), conversation=talk)


def jobs_of_all_sorts(parts: Parts) -> list[Job]:
    given_up = a_job_in(parts)
    stopped = a_job_in(parts, State.QUEUED, in_hours(1), account="studio")
    parts.ledger.stop(StopAccount("studio", Failure.OUT_OF_CREDIT, deaf=False), utc_now())
    return [
        a_job_in(parts, State.QUEUED, in_hours(1)),
        a_job_in(parts, State.HELD, failure=Failure.UNRECOGNISED, detail="E-77"),
        changed(parts.ledger, given_up, state=State.ABANDONED, attempts=paid(given_up, Outcome.FAILED)),
        talking(parts),
        stopped,
    ]


def test_what_a_person_can_do_is_said_as_commands_that_there_are(replicas: Commands, parts: Parts) -> None:
    typed = list[list[str]]()
    for job in jobs_of_all_sorts(parts):
        said = replicas("explain", job.id)
        assert said.status == 0
        assert "/v1/" not in said.out
        typed += [
            line.split(": replicas ")[1].rstrip(".").split(", or")[0].split() for line in said.out.splitlines() if ": replicas " in line
        ]
    for words in typed:
        path = tuple(words[: 2 if words[0] == "accounts" else 1])
        ALL[path].make_context("typed", words[len(path) :])
    assert {words[0] for words in typed} == {"cancel", "release", "abandon", "retry", "end", "delete", "accounts"}


def test_the_sentences_say_why_what_comes_next_and_what_can_be_done(replicas: Commands, parts: Parts) -> None:
    held = jobs_of_all_sorts(parts)[1]
    lines = replicas("explain", held.id).out.splitlines()
    assert "A person must decide." in lines[0]
    assert "E-77" in lines[0]
    assert lines[1] == "Nothing happens by itself."
    assert lines[2] == "You can:"
    assert f"  Let it go on, once what held it is mended: replicas release {held.id}." in lines


def test_as_json_it_is_the_document_of_the_api(replicas: Commands, parts: Parts) -> None:
    for job in jobs_of_all_sorts(parts)[1:4]:  # of these nothing depends on the moment
        told = json.loads(replicas("explain", job.id, "--json").out)
        assert told == explaining.explanation_document(job, explaining.explain(parts, job, How.HTTP))


def test_both_ways_of_saying_offer_the_same(parts: Parts) -> None:
    for job in jobs_of_all_sorts(parts):
        over_http, typed = ([way.split(":")[0] for way in explaining.explain(parts, job, how).you_can] for how in How)
        assert over_http == typed


def test_a_conversation_is_ended(replicas: Commands, parts: Parts) -> None:
    job = talking(parts)
    said = replicas("end", job.id, "--json")
    assert (said.status, json.loads(said.out)["conversation"]["id"]) == (0, "c1")
    assert parts.ledger.story(job.id)[-1].event == "ConversationEndRequested"
    assert replicas("end", a_job_in(parts).id).status == 1


def test_the_voices_of_each_account_are_those_that_a_request_may_name(replicas: Commands, parts: Parts) -> None:
    parts.ledger.keep_voices("studio", ["Bob", "anna"], utc_now())
    known, not_read = {"account": "studio", "voices": ["anna", "bob"]}, {"account": "default", "voices": []}
    assert json.loads(replicas("voices", "--json").out) == [not_read, known]
    assert json.loads(replicas("voices", "--account", "studio", "--json").out) == [known]
    assert replicas("voices").out == "default: not read from Tavus yet; any is let in\nstudio: anna, bob\n"
    assert "default, studio" in replicas("voices", "--account", "nobody").err


def test_jobs_are_listed_by_whatever_the_api_lists_them_by(replicas: Commands, parts: Parts) -> None:
    other = a_job_in(parts, State.HELD)
    job = a_job_in(parts, State.SUBMITTING, in_hours(1), account="studio")
    job = changed(parts.ledger, job, attempts=paid(job))
    at = job.created_at.isoformat()
    mine = (("--state", "submitting"), ("--account", "studio"), ("--replica", str(job.replica_id)), ("--since", at))
    for words in mine:
        assert ids(replicas("list", *words, "--json")) == [job.id], words
    for words in (("--since", "1h"), ("--since", "2020-01-01"), ("--caller", "local")):
        assert ids(replicas("list", *words, "--json")) == [job.id, other.id], words
    assert ids(replicas("list", "--before", at, "--json")) == [other.id]
    assert ids(replicas("list", *(word for words in mine for word in words), "--json")) == [job.id]
    for words in (("--caller", "crm"), ("--before", "1h"), ("--replica", "r-of-nobody")):
        assert ids(replicas("list", *words, "--json")) == [], words
    assert ids(replicas("list", "--account", "default", "--state", "submitting", "--json")) == []


@pytest.mark.parametrize("text", ["yesterday", "", "1", "99999999999d", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_moment_is_wrong_usage(replicas: Commands, text: str) -> None:
    said = replicas("list", "--since", text)
    assert (said.status, said.out) == (2, "")
    assert "--since" in said.err


def test_all_that_are_not_over_are_watched_or_those_that_are_chosen(replicas: Commands, parts: Parts) -> None:
    held, ready, _ = (a_job_in(parts, state) for state in (State.HELD, State.READY, State.DONE))
    of_studio = a_job_in(parts, State.HELD, account="studio")
    assert replicas("watch").out.splitlines() == [
        f"{of_studio.id} held", f"{ready.id} ready", f"{held.id} held", "2 held, 1 ready",
    ]  # fmt: skip
    assert replicas("watch", "--state", "held", "--limit", "1").out.startswith(f"{of_studio.id} held\n")
    told = [json.loads(line) for line in replicas("watch", "--account", "studio", "--jsonl").out.splitlines()]
    assert [(one["id"], one["state"]) for one in told] == [(of_studio.id, "held")]
    assert replicas("watch", "--state", "training").out == "no jobs to watch\n"
    assert replicas("watch", held.id, "--state", "held").status == 2


def test_those_that_are_named_are_watched_once_each_and_in_this_order(replicas: Commands, parts: Parts) -> None:
    one, other = (a_job_in(parts, state) for state in (State.DONE, State.CANCELLED))
    said = replicas("watch", other.id, one.id, other.id, "--json")
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == [other.id, one.id]
    missing = replicas("watch", one.id, "nobody")
    assert (missing.status, missing.out) == (1, "")
    assert "there is no job 'nobody'" in missing.err


def test_a_look_at_many_is_as_many_statements_as_a_look_at_one(parts: Parts) -> None:
    jobs = [a_job_in(parts, State.TRAINING, in_hours(1)) for _ in range(30)]
    jobs = [changed(parts.ledger, job, attempts=paid(job)) for job in jobs]

    def statements(wanted: list[Job]) -> int:
        with overheard(parts.ledger._database) as heard:
            assert len(watching._read(parts, [job.id for job in wanted])) == len(wanted)
        return len(heard)

    statements(jobs[:1])  # what is remembered for a while is asked once
    assert statements(jobs) == statements(jobs[:1])
