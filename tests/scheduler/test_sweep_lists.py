"""Looks through whole lists take little of a worker at a time, and nobody who cannot be rung for keeps the others waiting."""

from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from scheduler.sweep import Swept, sweep
from tests.broker import Broker
from tests.scheduler.made import a_job_in, in_hours, opened, settings_in
from tests.scheduler.test_sweep import fresh, rung
from worker.app import LOOK_UP
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.states import State
from worker.pacing.kinds import Kind, Verdict
from worker.pacing.pacer import Ticket
from worker.store.clock import utc_now


def test_a_sweep_rings_for_no_more_lists_than_half_of_a_workers_threads_and_for_who_has_waited_longest(home: Path, broker: Broker) -> None:
    accounts = {f"line{number}": SecretStr(f"key-{number}") for number in range(5)}
    with opened(settings_in(home, redis_url=broker.url, threads=4, accounts=accounts)) as parts:
        for hours, name in enumerate([*accounts, *accounts]):  # the first have waited longest
            a_job_in(parts, State.SUBMITTING, in_hours(hours - 20), account=name)
        seen = list[str]()
        for ring, still in ((4, 6), (4, 2), (2, 0)):
            fresh(broker)
            assert sweep(parts) == Swept(ring)
            lists = [{parts.ledger.get(one).account for one in ids} for [ids] in rung(broker)[LOOK_UP]]
            assert [len(one) for one in lists] == [1] * (ring // 2)
            seen += sorted(set().union(*lists))
            if ring == 4:
                assert sweep(parts) == Swept(0)  # these wait for a thread
            assert len([job for job in parts.ledger.recent(10) if job.due_at is not None and job.due_at <= utc_now()]) == still
        assert seen == list(accounts)


def test_who_waits_longest_and_cannot_be_rung_for_takes_nobodys_place(home: Path, broker: Broker) -> None:
    accounts = {name: SecretStr(f"key of {name}") for name in ("poor", "paused", "other")}
    with opened(settings_in(home, redis_url=broker.url, threads=2, accounts=accounts)) as parts:  # one list at a time
        a_job_in(parts, State.OPENING, in_hours(-9), account="poor")
        parts.ledger.stop(StopAccount("poor", Failure.OUT_OF_CREDIT, deaf=False), utc_now())
        a_job_in(parts, State.SUBMITTING, in_hours(-8), account="paused")
        waits = a_job_in(parts, State.SUBMITTING, in_hours(-1), account="other")
        fresh(broker)
        parts.pace.saw(Ticket("paused", Kind.LOOK, "1", 0), Verdict.LIMITED, timedelta(minutes=1))
        assert sweep(parts) == Swept(1)
        assert rung(broker) == {LOOK_UP: [[[waits.id]]]}
