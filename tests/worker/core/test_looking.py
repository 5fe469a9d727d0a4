"""A look is told no more of its job than it needs, and says of the next what `decide` would have said of the job whole."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.core.samples import HOUR, MINUTE, NOW, REPLICA, RULES, attempt, decided, job, request
from worker.core.decision import Decision
from worker.core.effects import PollReplica
from worker.core.events import FellDue, TrainingContinued
from worker.core.job import Job, JobId, Outcome, ReplicaId
from worker.core.learned import Learned, subject_of
from worker.core.looking import Look, next_of, put_off
from worker.core.polling import Plan
from worker.core.rules import Rules
from worker.core.states import State

LEARNED = replace(RULES, learned=Learned({"phoenix-4/image": Plan(typical=HOUR)}, {"main": 0.3}))
AGES = st.timedeltas(-MINUTE, 60 * HOUR)


def look_of(of: Job) -> Look:
    assert of.due_at is not None
    assert of.replica_id is not None
    watched = of.watched_since
    subject, began = subject_of(of.request), of.attempt.intended_at
    return Look(of.id, of.account, of.version, of.due_at, of.tries, of.progress, watched, of.replica_id, subject, began)


@given(
    id_=st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=26, max_size=26).map(JobId),
    age=AGES,
    watched=st.none() | AGES.map(lambda ago: NOW - ago),
    late=st.none() | AGES.map(lambda ago: NOW - ago),
    before=st.none() | st.just("7/100"),
    progress=st.none() | st.just("40/100"),
    tries=st.integers(0, 3),
    rules=st.sampled_from((RULES, LEARNED)),
)
def test_the_next_look_is_what_the_whole_job_would_have_said_or_it_is_asked(
    id_: JobId, age: timedelta, watched: datetime | None, late: datetime | None, before: str | None, progress: str | None, tries: int, rules: Rules
) -> None:  # fmt: skip
    one = attempt(1, Outcome.CHARGED, replica_id=REPLICA, intended_at=NOW - age, late_at=late)
    whole = job(State.TRAINING, id=id_, due_at=NOW, watched_since=watched, progress=before, tries=tries, attempts=(one,))
    event = TrainingContinued(REPLICA, progress)
    following, decision = next_of(look_of(whole), event, NOW, rules), decided(whole, event, NOW, rules)
    if following is not None:
        moved = replace(whole, due_at=following.due_at, progress=following.progress, tries=0)
        assert (decision, following.version) == (Decision(moved), whole.version + 1)
    else:
        assert age >= rules.training_soft_deadline or NOW - (watched or NOW) >= rules.training_deadline


def test_what_takes_too_long_is_for_the_job_whole() -> None:
    young = job(State.TRAINING, due_at=NOW)
    look = look_of(young)
    assert next_of(look, TrainingContinued(REPLICA, None), NOW + RULES.training_soft_deadline - MINUTE, RULES) is not None
    assert next_of(look, TrainingContinued(REPLICA, None), NOW + RULES.training_soft_deadline, RULES) is None
    patient = replace(RULES, training_soft_deadline=RULES.training_deadline * 2)
    assert next_of(look, TrainingContinued(REPLICA, None), NOW + RULES.training_deadline, patient) is None
    watched = replace(look, watched_since=NOW + HOUR)
    assert next_of(watched, TrainingContinued(REPLICA, None), NOW + RULES.training_deadline, patient) is not None


def test_news_of_another_replica_is_for_the_job_whole() -> None:
    assert next_of(look_of(job(State.TRAINING, due_at=NOW)), TrainingContinued(ReplicaId("r-other"), None), NOW, RULES) is None


@pytest.mark.parametrize("model", ["phoenix-4", "a/model", ""])
@pytest.mark.parametrize("field", ["train_image_url", "train_video_url"])
def test_its_question_is_that_of_the_job(model: str, field: str) -> None:
    asks = job(State.TRAINING, due_at=NOW, request=request(replica={field: "https://pictures.example/head.jpg", "model_name": model}))
    assert decided(asks, FellDue()).effects == (look_of(asks).question,)
    assert look_of(asks).question == PollReplica("main", REPLICA, model)


def test_who_was_not_asked_about_comes_back_and_has_not_been_tried() -> None:
    look = replace(look_of(job(State.TRAINING, due_at=NOW, tries=2)), progress="7/100")
    assert put_off(look, NOW, HOUR) == replace(look, version=look.version + 1, due_at=NOW + HOUR)
