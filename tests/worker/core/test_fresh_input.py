"""A fresh address is for one submission, and for no record; a provider that fails is waited for as the picture's own server is."""

from dataclasses import replace

import pytest

from tests.worker.core.samples import NOW, RULES, SECOND, after, attempt, decided, job
from worker.core import events as ev
from worker.core.effects import SubmitReplica
from worker.core.failures import Failure
from worker.core.job import Outcome
from worker.core.learned import subject_of
from worker.core.request import Request
from worker.core.states import State
from worker.store.stories import data_of

FRESH = {"train_image_url": "https://pictures.example/head.jpg?X-Amz-Signature=fresh"}
OLD = {"train_image_url": "https://pictures.example/head.jpg?X-Amz-Signature=old", "voice_name": "anna"}
PROVIDER = "https://provider.example/sign"
ASKING = Request(replica=OLD, source_url_provider=PROVIDER)


def test_what_was_given_for_a_submission_goes_out_with_it_and_stays_nowhere() -> None:
    decision = decided(job(request=ASKING), ev.InputPassed(FRESH))
    (effect,) = decision.effects
    assert isinstance(effect, SubmitReplica)
    assert effect.body["train_image_url"] == FRESH["train_image_url"]
    assert effect.body["voice_name"] == "anna"
    assert decision.job.request == ASKING
    shown = f"{decision} {effect} {ev.InputPassed(FRESH)} {data_of(ev.InputPassed(FRESH))}"
    assert "fresh" not in shown.replace("fresh=", "")


def test_the_next_submission_does_not_get_what_was_given_for_the_last() -> None:
    (effect,) = decided(job(request=ASKING, attempts=(attempt(1, Outcome.REFUSED),)), ev.InputPassed()).effects
    assert isinstance(effect, SubmitReplica)
    assert effect.body["train_image_url"] == OLD["train_image_url"]


@pytest.mark.parametrize(
    ("failing", "given_up"),
    [(Failure.PROVIDER_FAILING, Failure.PROVIDER_REFUSED), (Failure.IMAGE_HOST_FAILING, Failure.IMAGE_NOT_FOUND)],
)
def test_who_fails_is_waited_for_and_then_the_caller_is_asked(failing: Failure, given_up: Failure) -> None:
    unread = ev.InputUnread("503", failing)
    waiting = after(job(request=ASKING), unread)
    assert (waiting.state, waiting.failure, waiting.tries) == (State.QUEUED, failing, 1)
    still = after(waiting, unread, now=NOW + RULES.input_patience - SECOND)
    assert still.state is State.QUEUED
    over = after(still, unread, now=NOW + RULES.input_patience)
    assert (over.state, over.failure, over.attempts) == (State.ABANDONED, given_up, ())


def test_the_patience_with_a_provider_is_not_used_up_by_the_pictures_server() -> None:
    one = after(job(request=ASKING), ev.InputUnread("503"))
    two = after(one, ev.InputUnread("503", Failure.PROVIDER_FAILING), now=NOW + RULES.input_patience)
    assert two.state is State.QUEUED


def test_a_retry_with_another_picture_asks_no_provider_for_the_old_one() -> None:
    abandoned = job(State.ABANDONED, request=ASKING)
    assert after(abandoned, ev.RetryRequested()).request == ASKING
    assert after(abandoned, ev.RetryRequested(OLD | {"voice_name": "bob"})).request.source_url_provider == PROVIDER
    assert after(abandoned, ev.RetryRequested({"train_image_url": "https://other.example/a.jpg"})).request.source_url_provider is None


def test_what_a_provider_gives_is_a_picture_unless_the_request_names_a_video() -> None:
    video = {"train_video_url": "https://videos.example/a.mp4"}
    sources = {"train_image_url": [OLD, {}], "train_video_url": [video]}
    for source, replicas in sources.items():
        assert [replace(ASKING, replica=replica).source for replica in replicas] == [source] * len(replicas)
    assert subject_of(replace(ASKING, replica={"model_name": "phoenix-4"})) == "phoenix-4/image"
    assert subject_of(Request(replica=video | {"model_name": "phoenix-4"})) == "phoenix-4/video"
