"""Jobs that recur are kept as they were added, sealed where there is a key, and moved on by one writer for each occurrence."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from tests.worker.store.made import NOW, SECOND, at_once
from worker.store.jobs import Ledger
from worker.store.recurrences import NameTakenError, Recurring
from worker.store.sealing import Sealer, UnsealableError

DAY = timedelta(days=1)
REQUEST = {"replica": {"train_image_url": "https://pictures.example/ann.jpg?token=s3cr3t"}, "metadata": {"a": ["\x00", 1, None]}}


def an_entry(**changes: Any) -> Recurring:  # noqa: ANN401 - fields of Recurring
    return replace(Recurring(name="monthly", caller="shop", cron="0 3 1 * *", request=REQUEST, added_at=NOW, due_at=NOW + DAY), **changes)


def test_one_is_read_as_it_was_added_and_a_list_is_without_requests(ledger: Ledger) -> None:
    ledger.recurrences.add(an_entry())
    kept = {"replica": REQUEST["replica"], "metadata": {"a": ["\N{REPLACEMENT CHARACTER}", 1, None]}}
    assert ledger.recurrences.find("monthly") == an_entry(request=kept)
    assert ledger.recurrences.every() == [an_entry(request={})]
    assert ledger.recurrences.find("yearly") is None


def test_a_name_is_one_entrys_alone(ledger: Ledger) -> None:
    ledger.recurrences.add(an_entry())
    with pytest.raises(NameTakenError, match="monthly recurs already"):
        ledger.recurrences.add(an_entry(cron="* * * * *"))
    assert [one.cron for one in ledger.recurrences.every()] == ["0 3 1 * *"]


def test_what_is_due_is_found_longest_due_first_and_what_is_paused_is_not(ledger: Ledger) -> None:
    for name, due_at in (("b", NOW), ("a", NOW), ("old", NOW - DAY), ("later", NOW + SECOND), ("paused", None)):
        ledger.recurrences.add(an_entry(name=name, due_at=due_at))
    assert ledger.recurrences.due(NOW, 9) == ["old", "a", "b"]
    assert ledger.recurrences.due(NOW, 1) == ["old"]


def test_an_occurrence_is_written_down_by_one_of_many(ledger: Ledger) -> None:
    ledger.recurrences.add(an_entry(due_at=NOW))
    one = ledger.recurrences.find("monthly")
    assert one is not None
    written = at_once(lambda number: ledger.recurrences.occurred(one, NOW, f"job {number}", None, NOW + DAY))
    [winner] = [number for number, is_mine in enumerate(written) if is_mine]
    [kept] = ledger.recurrences.every()
    assert (kept.job_id, kept.occurred_at, kept.due_at) == (f"job {winner}", NOW, NOW + DAY)


def test_whoever_holds_an_entry_that_was_paused_or_is_another_now_writes_nothing(ledger: Ledger) -> None:
    ledger.recurrences.add(an_entry(due_at=NOW))
    one = ledger.recurrences.find("monthly")
    assert one is not None
    ledger.recurrences.pause(one)
    assert not ledger.recurrences.occurred(one, NOW, "job", None, NOW + DAY)
    ledger.recurrences.remove(one)
    ledger.recurrences.add(an_entry(due_at=NOW, added_at=NOW + SECOND))
    assert not ledger.recurrences.occurred(one, NOW, "job", None, NOW + DAY)
    assert [one.job_id for one in ledger.recurrences.every()] == [None]


def test_one_that_is_paused_is_resumed_and_one_that_goes_on_keeps_its_time(ledger: Ledger) -> None:
    ledger.recurrences.add(an_entry())
    ledger.recurrences.resume(an_entry(), NOW + 9 * DAY)
    assert [one.due_at for one in ledger.recurrences.every()] == [NOW + DAY]
    ledger.recurrences.pause(an_entry())
    ledger.recurrences.resume(an_entry(), NOW + 9 * DAY)
    assert [one.due_at for one in ledger.recurrences.every()] == [NOW + 9 * DAY]


def test_what_was_refused_the_last_time_is_counted_unless_it_is_paused(ledger: Ledger) -> None:
    for name, refused, due_at in (("a", "no", NOW), ("b", "no", None), ("c", None, NOW)):
        ledger.recurrences.add(an_entry(name=name, refused=refused, due_at=due_at))
    assert ledger.recurrences.refused() == 1


def test_a_request_is_sealed_and_keys_rotate_under_it(database: Engine) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    plain, sealed = Ledger(database), Ledger(database, Sealer([old]))
    plain.recurrences.add(an_entry(name="plain"))
    sealed.recurrences.add(an_entry(name="sealed"))
    assert sum(Ledger(database, Sealer([new, old])).reseal()) == 2
    with database.begin() as connection:
        assert "s3cr3t" not in str(connection.execute(text("SELECT * FROM recurring")).all())
    latest = Ledger(database, Sealer([new]))
    for name in ("plain", "sealed"):
        one = latest.recurrences.find(name)
        assert one is not None
        assert one.request["replica"] == REQUEST["replica"]
    with pytest.raises(UnsealableError):
        sealed.recurrences.find("plain")
    assert [one.name for one in sealed.recurrences.every()] == ["plain", "sealed"]
