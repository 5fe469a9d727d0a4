"""The real drill in small: the broker is killed while jobs train and more are asked for; nothing is lost, and nobody has to do anything."""

from tests.benchmarks.options import Options
from tests.benchmarks.silence import run
from tests.postgres import Postgres

_JOBS, _AWAY, _TRAINING = 10, 14.0, 5.0
_SOON = {"REPLICAS_BROKERLESS_AFTER": "8s", "REPLICAS_SWEEP_INTERVAL": "1s"}


def test_the_ledger_goes_on_without_its_broker_and_quiet_returns_by_itself(postgres: Postgres) -> None:
    found = run(postgres, Options(jobs=_JOBS, outage=_AWAY, typical=_TRAINING, settings=_SOON, workers=1, say=lambda _: None))
    told = {one.what: one for one in found}
    assert told["jobs done in the end"].value == _JOBS + _AWAY
    assert told["longest time without a request to Tavus"].value < _AWAY  # it did not only wait for the broker
    assert {one.what for one in found if one.is_met is False} == set()
