"""The schedule that is shown is the one that beat rings, and says of each entry when it was last done, as whoever did it has noted."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from scheduler.auditing import audit_portion
from scheduler.beat import schedule
from scheduler.keeping import tidy
from scheduler.timetable import entries, timetable
from tests.broker import Broker
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import opened, settings_in
from worker.assembly import Parts
from worker.counted import CANARIES, SWEEPS
from worker.settings import Settings


@pytest.fixture
def parts(settings: Settings) -> Iterator[Parts]:
    """Parts without an account: there is no Tavus to be asked."""
    with opened(settings.model_copy(update={"accounts": {}})) as one:
        yield one


@pytest.fixture
def replicas(settings: Settings, broker: Broker) -> Commands:
    """The command line on the ledger of `parts`."""
    return commands_in(settings.home, broker)


def table(parts: Parts) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in timetable(parts)}


def test_every_entry_that_beat_rings_is_shown_and_every_other_says_who_does_it(settings: Settings) -> None:
    whole = settings.model_copy(update={"retention": timedelta(days=90)})
    shown = {one.name: one for one in entries(whole)}
    assert {name for name, one in shown.items() if one.by is None} == set(schedule(whole))
    assert {one.by for one in shown.values() if one.by is not None} <= set(schedule(whole))
    assert all(one.what for one in shown.values())


def test_before_anything_was_done_nothing_is_said_of_it(parts: Parts) -> None:
    assert {one["last"] for one in table(parts).values()} == {None}


def test_each_entry_says_when_it_was_last_done_and_when_it_is_next(parts: Parts) -> None:
    now = parts.engine.clock()
    parts.ledger.add_tallies({SWEEPS: 1.0, CANARIES: 1.0}, now)
    parts.ledger.keep_voices("default", ["anna"], now)
    for name in ("learn", "recurring"):
        parts.ledger.rounds.note(name, now)
    assert audit_portion(parts)
    assert tidy(parts)
    told = table(parts)
    for one in entries(parts.settings):
        if one.is_off or one.by is not None:
            continue
        last, following = (datetime.fromisoformat(str(told[one.name][which])) for which in ("last", "next"))
        assert abs(last - now) < timedelta(minutes=2)
        assert one.every is not None
        assert abs(following - last - one.every) < timedelta(minutes=2)
    assert told["notifications"]["last"] == told["sweep"]["last"]
    assert told["audit"]["outcome"] == {}
    assert (told["retention"]["next"], "unset" in str(told["retention"]["what"])) == (None, True)


def test_what_is_under_way_says_so(parts: Parts, replicas: Commands) -> None:
    now = parts.engine.clock()
    parts.ledger.rounds.claim("audit", now, timedelta(minutes=2))
    assert datetime.fromisoformat(str(table(parts)["audit"]["under_way_since"])) == now
    assert "under way" in replicas("schedule").out


def test_the_command_shows_it_to_people_and_programs(parts: Parts, replicas: Commands) -> None:
    assert tidy(parts)
    shown, as_json = replicas("schedule"), replicas("schedule", "--json")
    assert (shown.status, as_json.status) == (0, 0)
    for name in ("sweep", "clean-up", "never", "by the sweep"):
        assert name in shown.out
    assert [one["name"] for one in json.loads(as_json.out)] == [one.name for one in entries(parts.settings)]


def test_a_retention_of_less_than_a_day_is_a_mistake(settings: Settings) -> None:
    with pytest.raises(ValueError, match="REPLICAS_RETENTION must be a day at least"):
        settings_in(settings.home, retention=timedelta(hours=23))
