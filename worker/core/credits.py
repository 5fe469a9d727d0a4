"""The credit book: what each attempt means in money, read off the attempt. It may not move anything: an entry follows from what is on record.

Tavus reports neither charges nor refunds (its API reference of 2026-06 has no such endpoint), so the book says what follows from its words.
"""

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from worker.core.job import Attempt, Outcome


class Entry(StrEnum):
    """What an attempt is in the book."""

    RESERVED = "reserved"  # a POST may have been paid
    NOT_CHARGED = "not_charged"  # refused, or proven absent
    CHARGED = "charged"  # a replica trains or is trained
    REFUND_EXPECTED = "refund_expected"  # it failed, and is kept until Tavus has surely registered that
    REFUND_ASSUMED = "refund_assumed"  # it failed, and was kept for the whole refund hold
    AT_RISK = "at_risk"  # it was gone before its end or before its refund was safe: deleted by somebody else


def entry_of(attempt: Attempt, now: datetime) -> Entry:
    """The attempt's entry at `now`."""
    match attempt.outcome:
        case Outcome.RESERVED:
            return Entry.RESERVED
        case Outcome.REFUSED | Outcome.ABSENT:
            return Entry.NOT_CHARGED
        case Outcome.CHARGED:
            return Entry.CHARGED if attempt.vanished_at is None else Entry.AT_RISK
        case Outcome.TRAINED:
            return Entry.CHARGED
        case Outcome.FAILED:
            return _failed(attempt, now)
        case _:
            assert_never(attempt.outcome)


def _failed(attempt: Attempt, now: datetime) -> Entry:
    gone_at = min((moment for moment in (attempt.deleted_at, attempt.vanished_at) if moment is not None), default=None)
    if attempt.deletable_at is None or (gone_at is not None and gone_at < attempt.deletable_at):
        return Entry.AT_RISK
    return Entry.REFUND_EXPECTED if now < attempt.deletable_at else Entry.REFUND_ASSUMED
