"""What is of no more use goes, some at a time; what still waits for somebody, or may be asked for, stays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select

from tests.worker.store.made import NOW, stored
from worker.core.job import Mark
from worker.core.states import State
from worker.store.inbox import New
from worker.store.jobs import Ledger
from worker.store.tables import METADATA
from worker.store.tidying import KINDS
from worker.store.tokens import Scope, Token

DAY = timedelta(days=1)


def tidied(ledger: Ledger, now: datetime = NOW) -> dict[str, int]:
    found = dict.fromkeys(KINDS, 0)
    for kind in KINDS:
        while some := ledger.tidying.some(kind, now):
            found[kind] += some
    return {kind: count for kind, count in found.items() if count}


def put(ledger: Ledger, table: str, **values: object) -> None:
    with ledger._database.begin() as connection:
        connection.execute(insert(METADATA.tables[table]).values(values))


def left(ledger: Ledger, table: str) -> int:
    with ledger._database.connect() as connection:
        return connection.execute(select(func.count()).select_from(METADATA.tables[table])).scalar_one()


def told(ledger: Ledger, status: str, ago: timedelta, due_at: datetime | None = None) -> None:
    job = stored(ledger, State.DONE, None)
    at = NOW - ago
    fixed = {"caller": "shop", "destination": "d", "kind": "job.done", "about": {}, "version": 0, "tries": 1, "since": at}
    put(ledger, "notification", id=f"msg_{job.id}", job_id=job.id, at=at, status=status, due_at=due_at, **fixed)


def test_an_empty_ledger_has_nothing_to_tidy(ledger: Ledger) -> None:
    assert tidied(ledger) == {}


def test_what_callers_were_told_goes_after_a_month_and_dead_letters_after_three(ledger: Ledger) -> None:
    for status, days in (("delivered", 31), ("gone", 31), ("dead", 91)):
        told(ledger, status, days * DAY)
    for status, days in (("delivered", 29), ("gone", 29), ("dead", 89)):
        told(ledger, status, days * DAY)
    told(ledger, "waiting", 400 * DAY, NOW)
    assert tidied(ledger) == {"notifications": 3}
    assert left(ledger, "notification") == 4


def test_letters_go_that_were_read_long_ago_and_those_that_nobody_has_read_stay(ledger: Ledger) -> None:
    job = stored(ledger, State.DONE, None)
    for number in range(3):
        letter = New(mark=Mark("rc-000000000000-1"), kind=f"kind {number}", body={}, job_id=job.id, once=True)
        assert ledger.keep_letter(letter, NOW - (91 - number) * DAY)
    read = ledger.take_letters(NOW, DAY, 9, of_trainings=False)
    ledger.letters_read([read[0], read[2]])
    assert tidied(ledger) == {"letters": 1}
    assert left(ledger, "inbox") == 2


def test_tokens_go_that_have_let_nobody_in_for_long(ledger: Ledger) -> None:
    token = Token("t0", "shop", frozenset({Scope.READ}), NOW - 400 * DAY)
    ended = [
        replace(token, id="t1", expires_at=NOW - 91 * DAY),
        replace(token, id="t2", revoked_at=NOW - 91 * DAY, expires_at=NOW),
        replace(token, id="t3", revoked_at=NOW - 89 * DAY, expires_at=NOW - 200 * DAY),
    ]
    for one in (token, *ended):
        ledger.tokens.keep(one, one.id)
    assert tidied(ledger) == {"tokens": 2}
    assert [one.id for one in ledger.tokens.every()] == ["t0", "t3"]


def test_series_that_nobody_counts_any_more_destinations_and_old_secrets_go(ledger: Ledger) -> None:
    for ago, name in ((91, "old"), (1, "new")):
        ledger.add_tallies({name: 1.0}, NOW - ago * DAY)
        put(ledger, "destination", name=name, failures=5, shut_until=NOW - ago * DAY)
        put(ledger, "signing_secret", caller=name, number=1, sealed="s", made_at=NOW - 400 * DAY, until=NOW - ago * DAY)
    put(ledger, "signing_secret", caller="new", number=2, sealed="s", made_at=NOW - 400 * DAY, until=None)
    assert tidied(ledger) == {"tallies": 1, "destinations": 1, "signing_secrets": 1}
    assert (left(ledger, "tally"), left(ledger, "destination"), left(ledger, "signing_secret")) == (1, 1, 2)


@pytest.mark.parametrize("kind", ["notifications", "tallies"])
def test_a_transaction_deletes_some_at_a_time(ledger: Ledger, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.store.tidying._TOGETHER", 2)
    make: dict[str, Callable[[int], None]] = {
        "notifications": lambda _: told(ledger, "delivered", 40 * DAY),
        "tallies": lambda number: ledger.add_tallies({f"series {number}": 1.0}, NOW - 100 * DAY),
    }
    for number in range(5):
        make[kind](number)
    assert [ledger.tidying.some(kind, NOW) for _ in range(4)] == [2, 2, 1, 0]
