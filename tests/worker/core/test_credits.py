"""The credit book follows from what is on record of an attempt, and from nothing else."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.worker.core.samples import HOUR, NOW, REPLICA, RULES, SECOND, after, attempt, job
from worker.core import events as ev
from worker.core.credits import Entry, entry_of
from worker.core.failures import Failure
from worker.core.job import Outcome
from worker.core.states import State

SAFE = NOW + RULES.refund_hold


@pytest.mark.parametrize(
    ("outcome", "entry"),
    [
        (Outcome.RESERVED, Entry.RESERVED),
        (Outcome.REFUSED, Entry.NOT_CHARGED),
        (Outcome.ABSENT, Entry.NOT_CHARGED),
        (Outcome.CHARGED, Entry.CHARGED),
        (Outcome.TRAINED, Entry.CHARGED),
        (Outcome.FAILED, Entry.REFUND_EXPECTED),
    ],
)
def test_each_outcome_has_its_entry(outcome: Outcome, entry: Entry) -> None:
    assert entry_of(attempt(1, outcome), NOW) is entry


@pytest.mark.parametrize(
    ("fate", "now", "entry"),
    [
        ({}, SAFE - SECOND, Entry.REFUND_EXPECTED),
        ({}, SAFE, Entry.REFUND_ASSUMED),
        ({"deleted_at": SAFE}, SAFE + HOUR, Entry.REFUND_ASSUMED),
        ({"deleted_at": SAFE - SECOND}, SAFE + HOUR, Entry.AT_RISK),
        ({"vanished_at": SAFE - SECOND}, SAFE + HOUR, Entry.AT_RISK),
        ({"vanished_at": SAFE - SECOND, "deleted_at": SAFE + HOUR}, SAFE + HOUR, Entry.AT_RISK),
        ({"deletable_at": None}, SAFE + HOUR, Entry.AT_RISK),
    ],
)
def test_the_refund_of_a_failed_one_is_expected_through_the_hold_then_assumed_and_at_risk_where_it_was_gone_before(
    fate: dict[str, Any], now: datetime, entry: Entry
) -> None:
    assert entry_of(attempt(1, Outcome.FAILED, **fate), now) is entry


def test_a_replica_that_vanished_from_its_training_is_at_risk_and_one_that_was_trained_is_spent() -> None:
    assert entry_of(attempt(1, Outcome.CHARGED, vanished_at=NOW), NOW) is Entry.AT_RISK
    assert entry_of(attempt(1, Outcome.TRAINED, deleted_at=NOW), NOW + HOUR) is Entry.CHARGED


def test_a_credit_is_in_the_book_from_the_intent_to_the_refund() -> None:
    one, book = job(), []
    for event, now in (
        (ev.InputPassed(), NOW),
        (ev.SubmissionAccepted(attempt().mark, REPLICA), NOW),
        (ev.TrainingFailed(REPLICA, Failure.CELEBRITY_FOUND, ""), NOW + HOUR),
    ):
        one = after(one, event, now=now)
        book.append(entry_of(one.attempt, now))
    assert one.state is State.ABANDONED
    assert [*book, entry_of(one.attempt, SAFE + HOUR)] == [
        Entry.RESERVED,
        Entry.CHARGED,
        Entry.REFUND_EXPECTED,
        Entry.REFUND_ASSUMED,
    ]
    assert entry_of(one.attempt, SAFE + HOUR - timedelta(microseconds=1)) is Entry.REFUND_EXPECTED
