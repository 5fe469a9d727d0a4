"""A callback is a hint: with our token it is stored before it is answered, and the next sweep looks; with any other nothing happens."""

import json
import threading
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from scheduler.inbox import read_conversations
from scheduler.sweep import Swept, sweep
from tests.broker import Broker
from tests.scheduler.api.served import Api, problem, serving
from tests.scheduler.made import a_job_in, in_hours, opened, paid, rows, settings_in
from worker.app import POLL
from worker.core.events import ConversationTold, Event
from worker.core.job import Conversation, ConversationId, Job, JobId
from worker.core.marks import conversation_mark, replica_mark
from worker.core.states import State
from worker.core.visiting import SHUTDOWN
from worker.engine import Engine
from worker.store.clock import utc_now

RECORDING = "application.recording_ready"
BASE = "http://127.0.0.1:1"
LONG = [{"role": "user", "content": "word " * 100}] * 200


def training(api: Api) -> Job:
    """A job in training whose next look is hours away."""
    stranger = a_job_in(api.parts, State.CANCELLED)
    return a_job_in(api.parts, State.TRAINING, in_hours(3), attempts=paid(stranger))


def path_of(api: Api, job: Job) -> str:
    """The path that Tavus was given."""
    url = api.parts.callbacks.url_for(job.attempt.mark)
    assert url is not None
    return url.removeprefix(BASE)


def talking(api: Api) -> Job:
    """A job that had a conversation and has its second."""
    stranger = a_job_in(api.parts, State.CANCELLED)
    job = a_job_in(api.parts, State.CANCELLED)
    talk = Conversation(mark=conversation_mark(job.id, 2), id=ConversationId("c2"), url="https://tavus.example/c2", ended_at=utc_now())
    return a_job_in(api.parts, State.DONE, attempts=paid(stranger), conversation=talk)


def talk_path(api: Api, job: Job, number: int) -> str:
    """The path that Tavus was given for a conversation."""
    url = api.parts.callbacks.url_for_conversation(job.id, conversation_mark(job.id, number))
    assert url is not None
    return url.removeprefix(BASE)


def word(kind: str, **properties: object) -> dict[str, Any]:
    """What Tavus says of a conversation."""
    return {"event_type": kind, "message_type": kind.partition(".")[0], "conversation_id": "c1", "properties": properties}


def told(api: Api, job: Job) -> list[str]:
    """What the story says of conversations, once the sweep has read everything."""
    sweep(api.parts)
    return [line.why for line in api.parts.ledger.story(job.id) if line.event == "ConversationTold"]


def test_our_token_makes_the_job_due_for_the_next_sweep_which_rings_for_it_with_all_others(api: Api, broker: Broker) -> None:
    job = training(api)
    broker.client.flushall()
    answer = api.post(path_of(api, job))
    assert (answer.status_code, answer.content) == (204, b"")
    assert broker.waiting(POLL) == 0
    assert api.parts.ledger.get(job.id) == job  # nobody has read it yet
    assert sweep(api.parts) == Swept(1)
    after = api.parts.ledger.get(job.id)
    assert [message["arguments"][0] for message in broker.messages(POLL)] == [[[job.id]]]
    assert after.state is State.TRAINING
    assert after.attempt.called_at is not None
    assert after.attempt == replace(job.attempt, called_at=after.attempt.called_at)


def test_what_was_answered_is_there_for_another_process_when_this_one_dies_right_after(api: Api) -> None:
    job, before = training(api), rows(api.parts)["inbox"]
    assert api.post(path_of(api, job)).status_code == 204
    with opened(api.parts.settings) as another:
        assert rows(another)["inbox"] == before + 1
        sweep(another)
        assert another.ledger.get(job.id).attempt.called_at is not None
        assert rows(another)["inbox"] == before


def test_who_dies_over_a_letter_leaves_it_to_whoever_comes_after_his_lease(api: Api) -> None:
    job = training(api)
    assert api.post(path_of(api, job)).status_code == 204
    ledger, now, lease = api.parts.ledger, utc_now(), api.parts.settings.lease
    [taken] = ledger.take_letters(now, lease, 10, of_trainings=True)
    assert taken.job_id == job.id
    assert ledger.take_letters(now, lease, 10, of_trainings=True) == []
    sweep(api.parts)
    assert ledger.get(job.id).attempt.called_at is None
    assert ledger.take_letters(now + lease, lease, 10, of_trainings=True) == [taken]
    ledger.letters_read([taken])


class KilledError(BaseException):
    """The process ended here."""


class Mortal(Engine):
    """One that is killed when it hears of the second word of a conversation."""

    __slots__ = ()

    @override
    def tell(self, job_id: JobId, event: Event) -> Job:
        if isinstance(event, ConversationTold) and event.kind == RECORDING:
            raise KilledError
        return super().tell(job_id, event)


def test_who_dies_over_the_second_word_of_a_conversation_has_told_the_first_once(api: Api) -> None:
    job, parts = talking(api), api.parts
    for kind in ("system.replica_joined", RECORDING, SHUTDOWN):
        assert api.post(talk_path(api, job, 2), word(kind)).status_code == 204
    mortal = Mortal(**{field.name: getattr(parts.engine, field.name) for field in fields(parts.engine)})
    with pytest.raises(KilledError):
        read_conversations(replace(parts, engine=mortal))
    later = utc_now() + 2 * parts.settings.lease
    left = parts.ledger.take_letters(later, parts.settings.lease, 9, of_trainings=False)
    assert [letter.kind for letter in left] == [RECORDING, SHUTDOWN]
    assert [line.event for line in parts.ledger.story(job.id)].count("ConversationTold") == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b'{"status": "error", "replica_id": "r0"}', b'{"event_type": "replica_deleted"}', b"x" * 2_000_000, b"[" * 90_000],
)
def test_the_body_is_never_believed(api: Api, body: bytes) -> None:
    job = training(api)
    assert api.client.post(path_of(api, job), content=body, headers={"content-type": "text/html"}).status_code == 204
    sweep(api.parts)
    after = api.parts.ledger.get(job.id)
    assert (after.state, after.failure) == (State.TRAINING, None)
    # That it came is noted, and another replica that it names, to be asked about; that is all that a body can do.
    assert [replace(attempt, witness=None, called_at=None) for attempt in after.attempts] == list(job.attempts)


def test_a_callback_that_comes_twice_is_harmless(api: Api) -> None:
    job = training(api)
    assert [api.post(path_of(api, job)).status_code for _ in range(3)] == [204, 204, 204]
    sweep(api.parts)
    assert api.parts.ledger.get(job.id).state is State.TRAINING


@pytest.mark.parametrize("state", [State.DONE, State.HELD, State.ABANDONED, State.CANCELLED])
def test_a_callback_that_comes_late_is_noted_and_changes_nothing_else(api: Api, state: State) -> None:
    job = a_job_in(api.parts, State.CANCELLED)
    job = a_job_in(api.parts, state, attempts=paid(job))
    assert api.post(path_of(api, job)).status_code == 204
    sweep(api.parts)
    after = api.parts.ledger.get(job.id)
    assert after.attempt.called_at is not None
    noted = replace(job, version=after.version, attempts=(replace(job.attempt, called_at=after.attempt.called_at),))
    assert after == noted


def test_a_forged_token_is_404_and_changes_nothing(api: Api, broker: Broker) -> None:
    job, talk = training(api), talking(api)
    broker.client.flushall()
    token, before = path_of(api, job).rpartition("/")[2], (api.parts.ledger.get(job.id), rows(api.parts))
    of_talk = talk_path(api, talk, 1).rpartition("/")[2]
    mark, _, signature = token.rpartition(".")
    forged = [
        mark,
        f"{mark}.",
        f"{mark}.{signature[:-1]}",
        f"{mark}.{signature[::-1]}",
        f"{mark}0.{signature}",
        f".{signature}",
        of_talk.replace("~1.", "~2."),
        of_talk.replace(talk.id, job.id),
        api.parts.links.token_of(talk.id),
        "%00.%00",
        "é.é",
    ]
    for one in forged:
        problem(api.post(f"/hooks/tavus/{one}"), 404, "not-found")
    assert (api.parts.ledger.get(job.id), rows(api.parts)) == before
    assert broker.waiting(POLL) == 0


def test_a_token_of_ours_for_no_attempt_looks_like_a_forged_one(api: Api) -> None:
    url = api.parts.callbacks.url_for(replica_mark(a_job_in(api.parts).id, 7))
    assert url is not None
    unknown = problem(api.post(url.removeprefix(BASE)), 404, "not-found")
    assert unknown == problem(api.post("/hooks/tavus/forged.forged"), 404, "not-found")


def test_without_a_secret_every_token_is_forged(home: Path, api: Api) -> None:
    job = training(api)
    with serving(settings_in(home)) as without, opened(without.parts.settings):
        problem(without.post(path_of(api, job)), 404, "not-found")
        problem(without.post(f"/hooks/tavus/{job.attempt.mark}."), 404, "not-found")


def test_only_a_post_is_a_callback(api: Api) -> None:
    problem(api.get(path_of(api, training(api))), 405, "method-not-allowed")


def test_words_about_a_conversation_are_part_of_the_story_each_once_also_about_an_earlier_one(api: Api) -> None:
    job = talking(api)
    before = api.parts.ledger.get(job.id)
    for _ in range(2):
        for number in (1, 2):
            said = word("application.recording_ready", bucket_name="b", s3_key="k/1", duration=7)
            assert api.post(talk_path(api, job, number), said).status_code == 204
    assert told(api, job) == ["Tavus tells of c1: application.recording_ready (bucket_name b, s3_key k/1, duration 7)"] * 2
    assert replace(api.parts.ledger.get(job.id), version=before.version) == before
    assert api.post(talk_path(api, job, 1), word("application.recording_ready")).status_code == 204
    assert len(told(api, job)) == 2


def test_of_a_transcript_the_story_has_the_length_and_no_word_and_nothing_of_it_stays_in_the_ledger(api: Api) -> None:
    job = talking(api)
    short = [{"role": "user", "content": "a word between us"}]
    api.post(talk_path(api, job, 1), word("application.transcription_ready", transcript=LONG))
    api.post(talk_path(api, job, 2), word("application.transcription_ready", transcript=short))
    kept = api.parts.ledger.take_letters(utc_now(), api.parts.settings.lease * 0, 10, of_trainings=False)
    bodies = [one.body for one in kept if one.body is not None]
    assert [body["properties"] and body["properties"]["transcript"] for body in bodies] == [None, short]
    first, second = told(api, job)
    assert "200 turns" in first
    assert "1 turns" in second
    assert "a word between us" not in json.dumps([line.data for line in api.parts.ledger.story(job.id)])
    with api.parts.ledger._database.connect() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM inbox WHERE body LIKE '%between us%'").scalar_one()
    assert left == 0


def test_sorts_of_words_that_nobody_knows_are_kept_once_however_many_come(api: Api) -> None:
    job = talking(api)
    for number in range(20):
        assert api.post(talk_path(api, job, 1), word(f"application.invented_{number}")).status_code == 204
    for body in (b"", b"[]", b"\xff", b'{"event_type": 7, "properties": 1}'):
        assert api.client.post(talk_path(api, job, 1), content=body).status_code == 204
    assert len(told(api, job)) == 1


def test_a_hundred_callbacks_at_the_same_moment_are_all_kept(api: Api) -> None:
    jobs = [training(api) for _ in range(10)]
    paths, answers = [path_of(api, job) for job in jobs for _ in range(10)], list[int]()

    def call(path: str) -> None:
        answers.append(api.client.post(path).status_code)

    threads = [threading.Thread(target=call, args=[path]) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [204] * 100
    sweep(api.parts)
    assert all(api.parts.ledger.get(job.id).attempt.called_at for job in jobs)
