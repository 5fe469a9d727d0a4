"""Tokens are found by their digest alone, and hold until they end or are revoked; what they are is nowhere in the ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from tests.worker.store.made import NOW
from worker.store.jobs import Ledger
from worker.store.tokens import TOKEN, Scope, Token

HOUR = timedelta(hours=1)
PLAIN = Token("t1", "shop", frozenset({Scope.READ, Scope.ENQUEUE}), NOW)


def test_a_token_is_found_as_it_was_kept(ledger: Ledger) -> None:
    full = replace(PLAIN, id="t2", expires_at=NOW + HOUR, last_used_at=NOW, requests_a_minute=7)
    ledger.tokens.keep(PLAIN, "d1")
    ledger.tokens.keep(full, "d2")
    assert [ledger.tokens.find(digest) for digest in ("d1", "d2", "d", "D1", "")] == [PLAIN, full, None, None, None]
    assert ledger.tokens.every() == [PLAIN, full]


def test_two_tokens_never_have_one_digest(ledger: Ledger) -> None:
    ledger.tokens.keep(PLAIN, "d1")
    with pytest.raises(IntegrityError):
        ledger.tokens.keep(replace(PLAIN, id="t2", caller="other"), "d1")
    assert ledger.tokens.find("d1") == PLAIN


def test_a_token_holds_until_its_end(ledger: Ledger) -> None:
    token = replace(PLAIN, expires_at=NOW + HOUR)
    ledger.tokens.keep(token, "d1")
    assert [token.holds(NOW + after) for after in (timedelta(0), HOUR - timedelta(seconds=1), HOUR)] == [True, True, False]
    assert [ledger.tokens.one_holds(NOW + after) for after in (timedelta(0), HOUR)] == [True, False]


def test_a_token_is_revoked_once_by_its_id_or_with_all_of_its_caller(ledger: Ledger) -> None:
    assert not ledger.tokens.one_holds(NOW)
    for number, caller in enumerate(("shop", "shop", "studio")):
        ledger.tokens.keep(replace(PLAIN, id=f"t{number}", caller=caller), f"d{number}")
    assert [token.id for token in ledger.tokens.revoke("t0", NOW)] == ["t0"]
    assert [token.id for token in ledger.tokens.revoke("shop", NOW + HOUR)] == ["t1"]
    assert ledger.tokens.revoke("shop", NOW + HOUR) == ledger.tokens.revoke("nobody", NOW) == []
    assert [token.revoked_at for token in ledger.tokens.every()] == [NOW, NOW + HOUR, None]
    assert [token.holds(NOW) for token in ledger.tokens.every()] == [False, False, True]
    assert ledger.tokens.one_holds(NOW)


def test_a_use_is_noted(ledger: Ledger) -> None:
    ledger.tokens.keep(PLAIN, "d1")
    ledger.tokens.used("t1", NOW + HOUR)
    assert ledger.tokens.find("d1") == replace(PLAIN, last_used_at=NOW + HOUR)


def test_a_scope_that_is_not_known_allows_nothing(ledger: Ledger) -> None:
    ledger.tokens.keep(PLAIN, "d1")
    with ledger._database.begin() as connection:
        connection.execute(update(TOKEN).values(scopes="read,everything,"))
    found = ledger.tokens.find("d1")
    assert found is not None
    assert found.scopes == {Scope.READ}
