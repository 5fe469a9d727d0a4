"""With nothing going wrong a job goes from its picture to its conversation, is paid for once, and its story tells each step."""

import pytest

from tests.sandbox.server import Sandbox
from tests.worker.engine.house import HOUR, MAIN, House
from tests.worker.tavus.scripted import Said, Scripted
from worker.core.job import Outcome
from worker.core.request import Start
from worker.core.states import State

MINUTES = HOUR / 60
LINE = ["Enqueued", "InputPassed", "SubmissionAccepted", "TrainingCompleted", "FellDue", "ConversationOpened"]


def test_a_job_goes_from_its_picture_to_its_conversation_and_is_paid_for_once(either_house: House) -> None:
    house = either_house
    job_id = house.enqueue()
    assert house.step(job_id).state is State.TRAINING
    assert house.go_on(job_id, while_in=State.TRAINING).state is State.OPENING
    job = house.go_on(job_id)
    assert (job.state, job.due_at, job.attempt.outcome) == (State.DONE, None, Outcome.TRAINED)
    assert house.paid(job_id) == [job.replica_id]
    assert job.conversation is not None
    assert house.opened(job_id) == [job.conversation.id]
    assert job.conversation.url == f"https://tavus.daily.co/{job.conversation.id}"
    assert house.told(job_id) == LINE


def test_the_story_passes_through_every_state_in_order(house: House) -> None:
    job_id = house.enqueue()
    house.go_on(job_id)
    moves = [line.to_state for line in house.ledger.story(job_id)]
    assert moves == [State.QUEUED, State.SUBMITTING, State.TRAINING, State.OPENING, State.OPENING, State.DONE]


def test_a_conversation_on_demand_waits_to_be_asked_for_and_bills_nothing_until_then(house: House) -> None:
    job_id = house.enqueue(start=Start.ON_DEMAND)
    ready = house.go_on(job_id)
    assert (ready.state, ready.due_at, house.opened(job_id)) == (State.READY, None, [])
    (done,) = house.engine.start_conversation(job_id)
    assert done.state is State.DONE
    assert len(house.opened(job_id)) == 1


def test_a_job_that_wants_no_conversation_is_done_when_its_replica_is_trained(house: House) -> None:
    job_id = house.enqueue(start=Start.NONE)
    job = house.go_on(job_id)
    assert (job.state, job.conversation, job.attempt.outcome) == (State.DONE, None, Outcome.TRAINED)
    assert house.asked() == {"create_replica": 1, "get_replica": 1}


def test_a_replica_of_a_video_is_trained_in_the_same_way(house: House) -> None:
    with Scripted(Said()) as films:
        film = f"{films.origin}/film.mp4"
        job_id = house.enqueue(train_image_url=None, voice_name=None, train_video_url=film, consent_video_url=film)
        assert house.go_on(job_id).state is State.DONE
        assert [one.path for one in films.asked] == ["/film.mp4", "/film.mp4"]
    assert len(house.paid(job_id)) == 1


def test_a_two_stage_model_is_trained_only_when_its_tuning_is(house: House) -> None:
    job_id = house.enqueue(model_name="phoenix-4.5")
    house.step(job_id)
    house.wait(30 * MINUTES)  # its preview is `completed` by now
    assert house.step(job_id).state is State.TRAINING
    assert house.go_on(job_id).state is State.DONE
    assert len(house.paid(job_id)) == 1


def test_a_two_stage_model_whose_tuning_fails_opens_no_conversation(house: House) -> None:
    job_id = house.enqueue("sandbox_outcome=tuning", model_name="phoenix-4.5")
    job = house.go_on(job_id)
    assert job.state is State.HELD
    assert job.attempt.outcome is Outcome.FAILED
    assert len(house.paid(job_id)) == 1
    assert house.opened(job_id) == []


def test_a_training_that_fails_for_a_reason_of_its_own_may_be_paid_for_once_more_and_no_oftener(house: House) -> None:
    film = house.sandbox.picture("sandbox_outcome=audio_processing")
    job_id = house.enqueue(train_image_url=None, voice_name=None, train_video_url=film)
    job = house.go_on(job_id)
    assert job.state is State.ABANDONED
    assert [attempt.outcome for attempt in job.attempts] == [Outcome.FAILED, Outcome.FAILED]
    assert len(house.paid(job_id)) == 2


@pytest.mark.parametrize(("picture", "failure"), [("small.jpg", "image_too_small"), ("not-an-image.jpg", "image_format")])
def test_a_picture_that_cannot_succeed_is_never_paid_for(house: House, sandbox: Sandbox, picture: str, failure: str) -> None:
    job_id = house.enqueue(train_image_url=f"{sandbox.origin}/{picture}")
    job = house.go_on(job_id)
    assert (job.state, job.failure, job.attempts) == (State.ABANDONED, failure, ())
    assert house.asked() == {}


def test_a_job_of_an_account_without_a_key_is_held_and_nothing_is_sent(house: House) -> None:
    job_id = house.enqueue(account="nobody")
    job = house.go_on(job_id)
    assert (job.state, job.failure) == (State.HELD, "key_rejected")
    assert [stop.account for stop in house.ledger.stops()] == ["nobody"]
    assert house.asked() == {}
    assert house.go_on(house.enqueue(account=MAIN)).state is State.DONE
