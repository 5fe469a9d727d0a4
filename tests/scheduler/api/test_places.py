"""Answers that go on and on have so many places, and no caller takes those of the others."""

import pytest

from scheduler.api.guard import OWNER, Caller
from scheduler.api.places import Places
from scheduler.api.problems import ProblemError
from worker.store.tokens import Scope

SHOP, CLINIC = (Caller(name, frozenset(Scope)) for name in ("shop", "clinic"))


def test_one_caller_has_a_share_and_the_others_have_theirs() -> None:
    places = Places(8, "all are taken")
    for caller in (SHOP, SHOP, CLINIC, CLINIC):
        places.take(caller)
    for caller in (SHOP, CLINIC):
        with pytest.raises(ProblemError, match="all are taken"):
            places.take(caller)
    places.give(SHOP)
    places.take(SHOP)


def test_the_owner_has_all_that_are_free_and_no_more() -> None:
    places = Places(4, "all are taken")
    places.take(SHOP)
    for _ in range(3):
        places.take(OWNER)
    with pytest.raises(ProblemError, match="all are taken"):
        places.take(OWNER)
    with pytest.raises(ProblemError, match="all are taken"):
        places.take(CLINIC)
    places.give(SHOP)
    places.take(CLINIC)
