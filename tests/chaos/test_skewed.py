"""What a host with a wrong clock is, and that it does no harm: it goes by the ledger's clock, and takes the ticks of a beat that is right."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import celery.worker.request
import kombu.transport.redis
import pytest
from celery.worker.request import Request

from tests.acceptance.cases import Case, copies
from tests.chaos import skewed
from tests.chaos.ground import Ground
from tests.scheduler.made import settings_in
from worker.app import make_app
from worker.assembly import PerProcess, assemble
from worker.core.states import State

FIVE_MINUTES, SECOND = timedelta(minutes=5), timedelta(seconds=1)
BOTH = [FIVE_MINUTES, -FIVE_MINUTES]


def about(moment: datetime, expected: datetime) -> bool:
    return abs(moment - expected) < 20 * SECOND


@pytest.mark.parametrize("off", BOTH)
def test_over_sqlite_an_engine_goes_by_the_clock_of_its_host_which_is_off(off: timedelta, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    parts = PerProcess(lambda: assemble(settings, make_app(settings)))
    skewed.unsettle(parts, off)
    assert about(parts().engine.clock(), datetime.now(UTC) + off)
    parts().close()


@pytest.mark.parametrize("off", BOTH)
def test_over_postgresql_it_goes_by_the_ledgers_and_is_right(off: timedelta, tmp_path: Path, postgres_url: Callable[[], str]) -> None:
    settings = settings_in(tmp_path, database_url=postgres_url())
    parts = PerProcess(lambda: assemble(settings, make_app(settings)))
    skewed.unsettle(parts, off)
    assert about(parts().engine.clock(), datetime.now(UTC))
    parts().close()


@pytest.mark.parametrize("off", BOTH)
def test_celerys_clocks_are_off_too(off: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((celery.worker.request, "datetime"), (kombu.transport.redis, "time")):
        monkeypatch.setattr(module, name, getattr(module, name))  # so that it is put back
    true = kombu.transport.redis.time()  # type: ignore[attr-defined] # what it imported
    skewed.unsettle_celery(off)
    assert kombu.transport.redis.time() - true == pytest.approx(off.total_seconds(), abs=20)  # type: ignore[attr-defined] # the same
    message = SimpleNamespace(expires=datetime.now(UTC) + timedelta(minutes=1), id="one")
    assert bool(Request.maybe_expire(message)) == (off > timedelta(0))


@pytest.mark.parametrize("off", BOTH)
def test_a_system_whose_only_worker_is_minutes_off_from_its_beats_does_its_work(off: timedelta, tmp_path: Path) -> None:
    with Ground(tmp_path, "postgresql", 1, workers=0) as ground:
        ground.begin("worker-0", off=off)
        cases = copies(3, Case(key="off"))
        ground.send(case.document(ground.origin) for case in cases)
        ground.wait_until(
            lambda: [ground.jobs()[case.key].state for case in cases if case.key in ground.jobs()] == [State.DONE] * len(cases), "all done"
        )
        assert not ground.tavus.ledger()["paid_twice"]
