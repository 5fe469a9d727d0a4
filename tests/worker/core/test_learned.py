"""Each training has the plan of its kind and of its account's callbacks, and what was never learned is as the prior has it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.worker.core.samples import HOUR, request
from worker.core.learned import Learned, subject_of, thinned
from worker.core.polling import Plan
from worker.core.rules import Rules

PICTURE = request()
VIDEO = request(replica={"train_video_url": "https://videos.example/head.mp4", "model_name": "phoenix-4"})
QUICK, PRIOR = Plan(HOUR), Plan()


def test_a_kind_is_a_model_and_what_it_is_trained_from() -> None:
    assert [subject_of(one) for one in (PICTURE, VIDEO)] == ["phoenix-4/image", "phoenix-4/video"]


def test_a_training_has_the_plan_of_its_kind_and_any_other_the_prior() -> None:
    learned = Learned({"phoenix-4/image": QUICK})
    assert learned.plan_for(PICTURE, "main", PRIOR) == QUICK
    assert learned.plan_for(VIDEO, "main", PRIOR) == PRIOR
    assert Rules().plan_for(PICTURE, "main") == PRIOR


@pytest.mark.parametrize(("missed", "kept"), [(0.0, 0.05), (0.05, 0.05), (0.31, 0.3), (0.99, 1.0), (1.0, 1.0), (2.0, 1.0)])
def test_an_accounts_callbacks_thin_every_plan_of_it_in_steps_and_never_to_nothing(missed: float, kept: float) -> None:
    assert Learned(missed={"main": missed}).plan_for(PICTURE, "main", PRIOR) == replace(PRIOR, missed=kept)
    assert Learned(missed={"main": missed}).plan_for(PICTURE, "other", PRIOR) == PRIOR


def test_a_thinned_plan_is_laid_once() -> None:
    assert thinned(PRIOR, 0.5) is thinned(Plan(), 0.51)


def test_rules_that_differ_only_in_what_was_learned_are_the_same_rules() -> None:
    assert Rules(learned=Learned({"phoenix-4/image": QUICK})) == Rules()
    assert hash(Rules(learned=Learned({"phoenix-4/image": QUICK}))) == hash(Rules())


def test_looks_at_a_late_training_are_a_twelfth_of_the_soft_deadline_apart() -> None:
    assert Rules(training_soft_deadline=timedelta(hours=24)).late_interval == timedelta(hours=2)
