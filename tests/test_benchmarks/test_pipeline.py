"""Real systems on a real ground, with few jobs and trainings of seconds."""

from collections.abc import Iterator

import pytest

from tests.benchmarks.filled import fill
from tests.benchmarks.ground import Ground
from tests.benchmarks.meter import cpu_seconds, memory_megabytes
from tests.benchmarks.options import Options
from tests.benchmarks.pipeline import Aims, figures, run
from tests.benchmarks.systems import Naive, Ours, System
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres

_JOBS, _TYPICAL = 4, 3.0
_PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server for the grounds of this file."""
    one = Postgres()
    yield one
    one.stop()


@pytest.mark.parametrize("system", [Ours(), Naive()], ids=["ours", "naive"])
def test_a_system_takes_every_job_to_its_conversation_and_what_it_cost_is_counted(postgres: Postgres, system: System) -> None:
    found = run(system, Ground(postgres, Vendor(_TYPICAL, seed=1)), _JOBS, Options(say=lambda _: None))
    assert (found.finished, found.paid_twice) == (_JOBS, 0)
    assert found.requests_a_replica > 2  # it submits, looks, and opens the conversation
    assert found.requests["create_replica"] == found.requests["create_conversation"] == _JOBS
    assert all(found.spent[who] > 0 for who in ("system", "PostgreSQL", "Valkey", "sandbox"))
    assert found.lag_p95 >= found.lag_mean > 0
    assert len(found.lags) == _JOBS
    told = {one.what: one for one in figures("pipeline", [found], Aims(requests=0.5))}
    assert told["requests a replica"].is_met is (False if system.name == "ours" else None)


def test_a_ledger_filled_with_copies_is_looked_at_as_any_other(postgres: Postgres) -> None:
    ours = Ours()
    with Ground(postgres, Vendor(_TYPICAL, seed=1)) as ground:
        ours.start(ground)
        fill(ground, ours, 12, over=_TYPICAL, due_within=1.0, ends=True)
        assert ground.rows("SELECT count(*) FROM attempt") == [(13,)]
        assert ground.wait_until(lambda: ground.vendor.progress()["conversations"] == 12, "every copy is done", _PATIENCE_SECONDS)
        arrivals = ground.vendor.arrivals()
        worker = ground.started["worker-0"].pid
        assert cpu_seconds([worker]) > 0
        assert memory_megabytes([worker]) > 1
    assert sum(kind == "create_conversation" for _, kind in arrivals) == 12
    assert [at for at, _ in arrivals] == sorted(at for at, _ in arrivals)
