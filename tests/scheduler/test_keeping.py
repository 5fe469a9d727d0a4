"""Clean-up and retention are done once a day however many begin them; a ledger with erased jobs passes its audit, and says that they were erased."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.acts import How
from scheduler.audit import audit_ledger
from scheduler.explaining import explain
from scheduler.keeping import JOBS, RETENTION, TIDYING, retain, tidy
from scheduler.views import job_document, line_document
from tests.broker import Broker
from tests.scheduler.commands import commands_in
from tests.scheduler.kept import healthy
from tests.scheduler.made import opened, settings_in
from tests.worker.core.samples import NOW
from tests.worker.store.made import at_once
from worker.assembly import Parts
from worker.core import events
from worker.core.decision import IllegalTransition
from worker.core.job import Job
from worker.core.states import FINAL, State
from worker.settings import Settings

KEEP = timedelta(days=30)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory, home_of: Callable[[Path], Path]) -> Path:
    """A ledger that jobs have lived in, years ago."""
    home = home_of(tmp_path_factory.mktemp("lived"))
    with opened(settings_in(home)) as parts:
        healthy(parts.ledger, 60)
    return home / "ledger.db"


@pytest.fixture
def lived(settings: Settings, pattern: Path) -> Iterator[Parts]:
    """Parts on a copy of it, with retention."""
    (settings.home / "ledger.db").write_bytes(pattern.read_bytes())
    with opened(settings.model_copy(update={"retention": KEEP})) as parts:
        yield parts


def erased(parts: Parts) -> list[Job]:
    """Erase as if it were years later; what was erased."""
    place, later = None, NOW + timedelta(days=3 * 365)
    while (place := parts.ledger.retention.some(place, later, KEEP, KEEP)[0]) is not None:
        pass
    return [job for job in parts.ledger.recent(1000) if job.erased_at is not None]


def test_a_ledger_passes_its_audit_after_retention_and_its_book_is_the_same(lived: Parts) -> None:
    later = NOW + timedelta(days=3 * 365)
    book = lived.ledger.book(later)
    assert {job.state for job in erased(lived)} == set(FINAL)
    assert list(audit_ledger(lived)) == []
    assert lived.ledger.book(later) == book


def test_what_is_erased_says_so_and_is_not_begun_anew(lived: Parts, broker: Broker) -> None:
    job = next(one for one in erased(lived) if one.state is State.ABANDONED)
    told = explain(lived, job, How.COMMAND)
    assert "erased by retention" in told.next
    assert not any("retry" in way for way in told.you_can)
    with pytest.raises(IllegalTransition, match="erased by retention"):
        lived.engine.tell(job.id, events.RetryRequested())
    assert job_document(job, lived.engine.rules, NOW)["erased_at"] is not None
    [line] = [line_document(line) for line in lived.ledger.story(job.id)]
    assert "30 days after it was over" in line["why"]
    replicas = commands_in(lived.settings.home, broker)
    for command, words in (("show", "by retention"), ("story", "Erased"), ("explain", "erased by retention")):
        said = replicas(command, job.id)
        assert (said.status, words in said.out) == (0, True)


def test_a_link_to_an_erased_job_opens_nothing(lived: Parts) -> None:
    done = next(one for one in erased(lived) if one.state is State.DONE)
    with pytest.raises(IllegalTransition, match="erased by retention"):
        lived.engine.tell(done.id, events.LinkVisited(opens=True))
    assert lived.links.url_of(done) is None


def test_what_happens_after_it_was_erased_is_audited_as_well(lived: Parts) -> None:
    job = next(one for one in erased(lived) if one.state is State.DONE and one.replica_id is not None and one.attempt.deletion is None)
    lived.engine.tell(job.id, events.DeletionRequested(replica_id=job.replica_id))
    assert len(lived.ledger.story(job.id)) == 2
    assert [one for one in audit_ledger(lived) if one.subject == job.id] == []


def test_retention_is_done_by_one_of_several_and_once_a_day(lived: Parts) -> None:
    assert sorted(at_once(lambda _: retain(lived, 60.0), 3)) == [False, False, True]
    assert not retain(lived)
    done = lived.ledger.rounds.every()[RETENTION]
    assert done.outcome == {JOBS: sum(job.erased_at is not None for job in lived.ledger.recent(1000))}


def test_retention_goes_on_where_its_portion_ended(lived: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.store.retention._TOGETHER", 5)
    portions = 0
    while retain(lived, 0.0001):
        portions += 1
    assert portions > 3
    assert list(audit_ledger(lived)) == []
    assert lived.ledger.rounds.every()[RETENTION].outcome == {JOBS: sum(job.erased_at is not None for job in lived.ledger.recent(1000))}


def test_without_the_setting_nothing_is_ever_erased(parts: Parts) -> None:
    healthy(parts.ledger, 20)
    assert not retain(parts)
    assert [job for job in parts.ledger.recent(100) if job.erased_at is not None] == []


def test_clean_up_is_done_by_one_of_several_in_portions_and_once_a_day(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.store.tidying._TOGETHER", 2)
    parts.ledger.add_tallies({f"series {number}": 1.0 for number in range(7)}, NOW - timedelta(days=3 * 365))
    assert tidy(parts, 0.0)  # a portion that ends before it has done all
    assert parts.ledger.rounds.every()[TIDYING].outcome is None
    assert sorted(at_once(lambda _: tidy(parts, 60.0), 3)) == [False, False, True]
    assert not tidy(parts, 60.0)
    assert parts.ledger.rounds.every()[TIDYING].outcome == {"tallies": 7}
