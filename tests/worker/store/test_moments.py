"""A moment comes back as the same moment, in UTC, to the microsecond; one without a zone is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from tests.postgres import Postgres
from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, a_job, changed, stored
from worker.core.states import State
from worker.store.database import open_database
from worker.store.jobs import Ledger
from worker.store.migrate import migrate

MICROSECOND = timedelta(microseconds=1)
NAIVE = NOW.replace(tzinfo=None)
KATHMANDU = timezone(timedelta(hours=5, minutes=45))


def test_a_moment_comes_back_in_utc_whatever_zone_it_was_written_in(ledger: Ledger) -> None:
    for moment in (NOW, NOW.replace(microsecond=0), NOW.replace(microsecond=1), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)):
        job = ledger.add(a_job(created_at=moment.astimezone(KATHMANDU)), "fingerprint", ring=None).job
        read = ledger.get(job.id)
        assert read.created_at == moment
        assert read.created_at.tzinfo is UTC
        assert ledger.story(job.id)[0].at.tzinfo is UTC


def test_a_microsecond_decides_whether_a_job_is_due(ledger: Ledger) -> None:
    whole = NOW.replace(microsecond=0)  # the text of a whole second must not be shorter, or it would sort after its own fractions
    job = stored(ledger, due_at=whole)
    assert ledger.claim_due([State.QUEUED], MAIN, whole - MICROSECOND, LEASE, 9) == []
    assert ledger.claim_due([State.QUEUED], MAIN, (whole + MICROSECOND).astimezone(KATHMANDU), LEASE, 9)[0].job_id == job.id


def test_a_moment_without_a_zone_is_refused_wherever_it_is_given(ledger: Ledger) -> None:
    job = stored(ledger)
    gifts: tuple[Callable[[], object], ...] = (
        lambda: ledger.add(a_job(created_at=NAIVE), "fingerprint", ring=None),
        lambda: changed(ledger, job, due_at=NAIVE),
        lambda: ledger.claim_due([State.QUEUED], MAIN, NAIVE, LEASE, 9),
        lambda: ledger.take([job.id], NAIVE, LEASE),
        lambda: ledger.keep_voices("main", [], NAIVE),
    )
    for give in gifts:
        with pytest.raises(StatementError, match="has no time zone"):
            give()
    assert ledger.recent(9) == [job]


def test_the_server_may_live_in_any_zone(postgres: Postgres) -> None:
    url = postgres.fresh()
    ledger = Ledger(open_database(url, 1))
    migrate(ledger._database)
    with ledger._database.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {postgres.name_of(url)} SET timezone = 'Asia/Kathmandu'"))
    ledger.close()  # who connects from now on is told that zone
    job = stored(ledger, due_at=NOW + SECOND)
    assert ledger.get(job.id).due_at == NOW + SECOND
    assert ledger.claim_due([State.QUEUED], MAIN, NOW, LEASE, 9) == []
    ledger.close()
