"""Jobs that recur are enqueued once for each of their times, whatever beats, crashes and retries do; what is refused is noted, and is no loop."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler import recurring
from scheduler.recurring import key_of, recur
from scheduler.requests import RequestInvalidError
from scheduler.restored import let_pass
from tests.broker import Broker
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import CONSENT, PICTURE, SECRET, a_request, opened, settings_in
from tests.worker.store.made import at_once
from worker.assembly import Parts
from worker.store.listing import Wanted
from worker.store.migrate import prepare
from worker.store.recurrences import NameTakenError, Recurring

HOURLY, DAY = "0 * * * *", timedelta(days=1)
OLD = "https://pictures.example/ann.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={:%Y%m%dT%H%M%SZ}&X-Amz-Expires={}&X-Amz-Signature=s"


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, home: Path, broker: Broker, postgres_url: Callable[[], str]) -> Iterator[Parts]:
    """Parts on a ledger of either kind."""
    url = "" if request.param == "sqlite" else postgres_url()
    if url:
        prepare(url)
    with opened(settings_in(home, redis_url=broker.url, database_url=url)) as parts:
        yield parts


def due_since(parts: Parts, name: str, ago: timedelta) -> datetime:
    """Let it have been due for so long, as if nobody had been there; the moment."""
    one, due_at = found(parts, name), parts.engine.clock().replace(minute=0, second=0, microsecond=0) - ago
    parts.ledger.recurrences.pause(one)
    parts.ledger.recurrences.resume(one, due_at)
    return due_at


def found(parts: Parts, name: str = "ann") -> Recurring:
    one = parts.ledger.recurrences.find(name)
    assert one is not None
    return one


def keys(parts: Parts) -> list[str]:
    return sorted(job.idempotency_key or "" for job in parts.ledger.page(Wanted(), None, 100).jobs)


def added(parts: Parts, name: str = "ann", cron: str = HOURLY, **changes: Any) -> Recurring:  # noqa: ANN401 - fields of a request
    return recurring.add(parts, name, cron, a_request(**changes))


def this_hour(parts: Parts) -> datetime:
    return parts.engine.clock().replace(minute=0, second=0, microsecond=0)


def test_nothing_is_enqueued_before_its_time(parts: Parts) -> None:
    one = added(parts)
    assert recur(parts) == 0
    assert one.due_at == this_hour(parts) + timedelta(hours=1)
    assert keys(parts) == []


def test_after_a_restore_what_may_have_been_enqueued_since_the_backup_is_not_enqueued_again(parts: Parts) -> None:
    added(parts)
    due_since(parts, "ann", DAY)
    added(parts, "paused")
    recurring.pause(parts, "paused")
    let_pass(parts)
    assert recur(parts) == 0
    assert found(parts).due_at == this_hour(parts) + timedelta(hours=1)
    assert found(parts, "paused").due_at is None


def test_several_at_once_enqueue_an_occurrence_once(either: Parts) -> None:
    added(either)
    due_since(either, "ann", timedelta(0))
    assert sum(at_once(lambda _: recur(either), 4)) == 1
    [job] = either.ledger.page(Wanted(), None, 9).jobs
    assert job.idempotency_key == key_of("ann", this_hour(either))
    assert (found(either).job_id, found(either).refused) == (job.id, None)
    assert recur(either) == 0


def test_of_occurrences_that_were_missed_the_last_is_made_up_for(either: Parts) -> None:
    added(either)
    due_since(either, "ann", 5 * timedelta(hours=1))
    assert recur(either) == 1
    assert keys(either) == [key_of("ann", this_hour(either))]
    assert found(either).due_at == this_hour(either) + timedelta(hours=1)


def test_whoever_dies_before_he_wrote_it_down_has_enqueued_it_once(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    added(parts)
    due_since(parts, "ann", timedelta(0))
    with monkeypatch.context() as patch:

        def dies(*_: object, **__: object) -> bool:
            raise KeyboardInterrupt

        patch.setattr(parts.ledger.recurrences, "occurred", dies)
        with pytest.raises(KeyboardInterrupt):
            recur(parts)
    [job] = parts.ledger.page(Wanted(), None, 9).jobs
    assert recur(parts) == 1
    assert keys(parts) == [job.idempotency_key]
    assert found(parts).job_id == job.id


def test_a_job_is_its_adders_with_the_consent_that_was_affirmed(parts: Parts) -> None:
    recurring.add(parts, "ann", HOURLY, a_request(consent=CONSENT, metadata={"order": 7}), "shop")
    due_since(parts, "ann", timedelta(0))
    recur(parts)
    [job] = parts.ledger.page(Wanted(), None, 9).jobs
    assert (job.caller, job.request.metadata) == ("shop", {"order": 7})
    assert job.request.consent is not None
    assert job.request.consent["affirmed_by"] == CONSENT["affirmed_by"]


def test_what_is_refused_is_noted_once_and_waits_for_its_next_time(parts: Parts) -> None:
    added(parts, "ann", account="studio")
    added(parts, "bob")
    with opened(parts.settings.model_copy(update={"accounts": {"default": parts.settings.accounts["default"]}})) as fewer:
        for name in ("ann", "bob"):
            due_since(fewer, name, timedelta(0))
        assert recur(fewer) == 2
        assert recur(fewer) == 0
    refused = found(parts)
    assert (refused.job_id, refused.due_at) == (None, this_hour(parts) + timedelta(hours=1))
    assert "account 'studio' has no key here" in (refused.refused or "")
    assert keys(parts) == [key_of("bob", this_hour(parts))]
    due_since(parts, "ann", timedelta(0))
    recur(parts)
    assert (found(parts).job_id is not None, found(parts).refused) == (True, None)


def test_one_that_cannot_be_read_keeps_no_other_waiting(parts: Parts) -> None:
    for name in ("ann", "bob"):
        added(parts, name)
        due_since(parts, name, timedelta(0))
    parts.ledger.recurrences.remove(found(parts, "ann"))
    parts.ledger.recurrences.add(Recurring(name="ann", caller="local", cron="?", added_at=datetime.now(UTC), due_at=this_hour(parts)))
    assert recur(parts) == 1
    assert keys(parts) == [key_of("bob", this_hour(parts))]


def test_while_it_is_paused_nothing_is_enqueued_and_nothing_is_made_up_for(parts: Parts) -> None:
    added(parts)
    due_since(parts, "ann", DAY)
    assert recurring.pause(parts, "ann").due_at is None
    assert recur(parts) == 0
    assert recurring.resume(parts, "ann").due_at == this_hour(parts) + timedelta(hours=1)
    assert recur(parts) == 0
    assert keys(parts) == []


def test_what_was_removed_leaves_its_jobs(parts: Parts) -> None:
    added(parts)
    due_since(parts, "ann", timedelta(0))
    recur(parts)
    recurring.remove(parts, "ann")
    assert parts.ledger.recurrences.every() == []
    assert len(keys(parts)) == 1
    with pytest.raises(recurring.UnknownRecurringError, match="recurring list"):
        recurring.pause(parts, "ann")


@pytest.mark.parametrize(
    ("name", "cron", "document", "words"),
    [
        ("Ann Smith", HOURLY, a_request(), "is no name"),
        ("ann", "hourly", a_request(), "fields"),
        ("ann", HOURLY, {}, "replica is missing"),
        ("ann", HOURLY, [], "not a JSON object"),
        ("ann", HOURLY, a_request(idempotency_key="mine"), "a key of its own"),
        ("ann", HOURLY, a_request(account="nobody's"), "has no key here"),
    ],
)
def test_what_could_not_be_enqueued_is_refused_before_anything_is_stored(
    parts: Parts, name: str, cron: str, document: object, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        recurring.add(parts, name, cron, document)
    assert parts.ledger.recurrences.every() == []


def test_an_address_that_is_dead_by_then_is_refused_now(parts: Parts) -> None:
    signed = OLD.format(parts.engine.clock(), int(timedelta(days=3).total_seconds()))
    with pytest.raises(RequestInvalidError, match="when it is first due"):
        recurring.add(parts, "ann", "0 0 29 2 *", {"replica": {"train_image_url": signed, "voice_name": "anna"}})
    assert recurring.add(parts, "ann", HOURLY, {"replica": {"train_image_url": signed, "voice_name": "anna"}}).name == "ann"


def test_a_name_is_taken_once(parts: Parts) -> None:
    added(parts)
    with pytest.raises(NameTakenError):
        added(parts)


@pytest.fixture
def replicas(home: Path, broker: Broker) -> Commands:
    """The command line on the ledger of `parts`."""
    return commands_in(home, broker)


def test_the_commands_add_list_pause_resume_and_remove_and_show_no_secret(replicas: Commands, parts: Parts) -> None:
    said = [replicas("recurring", "add", "ann", "--cron", "0 3 1 * *", "--image", PICTURE, "--voice", "anna", "--name", "Ann")]
    assert (said[0].status, "ann recurs, next at" in said[0].out) == (0, True)
    said.append(replicas("recurring", "add", "bob", "--cron", HOURLY, "--request", "-", "--json", typed=json.dumps(a_request())))
    assert json.loads(said[-1].out)["paused"] is False
    said += [replicas("recurring", "pause", "ann"), replicas("recurring", "list"), replicas("recurring", "list", "--json")]
    assert "paused" in said[-2].out
    assert {one["name"]: one["paused"] for one in json.loads(said[-1].out)} == {"ann": True, "bob": False}
    said += [replicas("recurring", "resume", "ann"), replicas("recurring", "remove", "bob")]
    assert [one.status for one in said] == [0] * len(said)
    assert [one.name for one in parts.ledger.recurrences.every()] == ["ann"]
    assert found(parts).request["replica"]["train_image_url"] == PICTURE
    said += [replicas("recurring", "remove", "bob"), replicas("recurring", "add", "x", "--cron", "0 0 0 * *", "--image", PICTURE)]
    assert [(one.status, one.out) for one in said[-2:]] == [(1, ""), (1, "")]
    assert "day of the month" in said[-1].err
    assert not any(SECRET in one.out + one.err for one in said)


def test_an_empty_list_says_how_to_add_one(replicas: Commands, parts: Parts) -> None:
    del parts
    assert "replicas recurring add" in replicas("recurring", "list").out
