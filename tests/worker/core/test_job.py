"""A job as a value: which of its attempts it follows, what may have been paid for, and what is settled."""

from dataclasses import replace

import pytest

from tests.worker.core.samples import NOW, attempt, job, mark, request
from worker.core.job import UNPAID, UNSETTLED, Outcome, ReplicaId
from worker.core.request import Request

_CHARGED, _TRAINED, _FAILED, _ABSENT = Outcome.CHARGED, Outcome.TRAINED, Outcome.FAILED, Outcome.ABSENT


def test_a_headshot_has_an_address_and_a_film_has_none() -> None:
    assert request().image_url == "https://pictures.example/head.jpg"
    assert Request(replica={"train_video_url": "https://films.example/a.mp4"}).image_url is None


def test_the_model_is_the_one_that_was_pinned() -> None:
    assert request().model == "phoenix-4"
    assert Request(replica={}).model == ""


def test_no_address_is_shown_where_a_request_is_printed() -> None:
    shown = repr(request(notify_url="https://caller.example/secret"))
    assert "https://" not in shown
    assert "p1" not in shown


@pytest.mark.parametrize(
    ("outcomes", "followed"),
    [
        ([_ABSENT, _CHARGED], 2),
        ([_CHARGED, _FAILED], 1),
        ([_TRAINED, _CHARGED], 1),
        ([_CHARGED, _TRAINED], 2),
        ([_CHARGED, _CHARGED], 2),
        ([_FAILED, _ABSENT], 2),
        ([Outcome.RESERVED, Outcome.REFUSED], 1),
    ],
)
def test_a_job_follows_what_is_trained_else_the_latest_that_lives_else_the_latest(outcomes: list[Outcome], followed: int) -> None:
    attempts = tuple(attempt(number, outcome) for number, outcome in enumerate(outcomes, 1))
    assert job(attempts=attempts).attempt.number == followed
    assert job(attempts=attempts).replica_id == attempts[followed - 1].replica_id


def test_a_job_without_attempts_follows_none() -> None:
    assert job().replica_id is None
    with pytest.raises(IndexError):
        _ = job().attempt


@pytest.mark.parametrize("outcome", Outcome)
def test_what_may_train_or_is_trained_lives_until_it_is_gone(outcome: Outcome) -> None:
    one = attempt(1, outcome)
    assert one.lives == (outcome in {Outcome.RESERVED, _CHARGED, _TRAINED})
    assert not replace(one, deleted_at=NOW).lives
    assert not replace(one, vanished_at=NOW).lives


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_may_be_paid_or_trains_is_unsettled_and_not_once_it_has_vanished(outcome: Outcome) -> None:
    one = attempt(1, outcome)
    assert one.is_settled == (outcome not in {Outcome.RESERVED, _CHARGED})
    assert replace(one, vanished_at=NOW).is_settled
    assert job(attempts=(one, attempt(2, _ABSENT))).is_settled == one.is_settled


def test_whatever_was_not_proven_unpaid_counts_as_paid() -> None:
    assert job(attempts=tuple(attempt(number, outcome) for number, outcome in enumerate(Outcome, 1))).submissions == 4
    assert {Outcome.REFUSED, Outcome.ABSENT} == UNPAID
    assert {Outcome.RESERVED, Outcome.CHARGED} == UNSETTLED


def test_an_attempt_is_found_by_its_mark_and_by_its_replica_and_changed_where_it_stands() -> None:
    first, second = attempt(1, _FAILED), attempt(2, _CHARGED)
    one = job(attempts=(first, second))
    assert (one.attempt_of(mark(1)), one.attempt_of(mark(2)), one.attempt_of(mark(3))) == (first, second, None)
    assert (one.attempt_with(ReplicaId("r1")), one.attempt_with(ReplicaId("r2")), one.attempt_with(ReplicaId("r3"))) == (
        first,
        second,
        None,
    )
    gone = replace(first, deleted_at=NOW)
    assert one.with_attempt(gone).attempts == (gone, second)
    assert one.attempts == (first, second)
