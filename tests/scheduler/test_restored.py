"""What a restore makes anew is never submitted, even where the command was killed half-way; nothing is made of a name that cannot be ours."""

from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from typing_extensions import override

from scheduler.producers import enqueue
from scheduler.restored import CALLER, Became, discover
from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.made import KEYS, a_replica, at_tavus, opened, settings_in
from worker.core.events import Event
from worker.core.job import Job, JobId, Outcome
from worker.core.marks import replica_mark
from worker.core.states import State
from worker.engine import Engine
from worker.store.migrate import prepare

STRANGER = JobId("01m80vvb9ces6zdnmn15wgc52j")
"""No job of the ledger."""


class KilledError(BaseException):
    """The process ended here."""


class Killed(Engine):
    """One that is killed before a job is told anything."""

    __slots__ = ()

    @override
    def tell(self, job_id: JobId, event: Event) -> Job:
        raise KilledError


def test_a_job_that_was_made_anew_and_not_told_of_its_replica_is_given_up_unpaid_and_the_next_run_puts_it_on_record(
    tmp_path: Path, broker: Broker
) -> None:
    lost, restored = tmp_path / "lost", tmp_path / "restored"
    with Sandbox() as tavus:
        for home in (lost, restored):
            home.mkdir()
            prepare(f"sqlite:///{home / 'ledger.db'}")
        with opened(at_tavus(settings_in(lost, redis_url=broker.url), tavus)) as parts:
            job = enqueue(parts, a_replica(train_image_url=tavus.picture())).job
            parts.engine.advance(job.id)
        with opened(at_tavus(settings_in(restored, redis_url=broker.url), tavus)) as parts:
            before = parts.engine.clock() - timedelta(hours=1)
            killed = Killed(**{field.name: getattr(parts.engine, field.name) for field in fields(parts.engine)})
            with pytest.raises(KilledError):
                list(discover(replace(parts, engine=killed), before))
            [made] = parts.ledger.recent(2, caller=CALLER)
            assert [one.state for one in parts.engine.advance(made.id)] == [State.ABANDONED]
            assert [one.job_id for one in discover(parts, before)] == [made.id]
            assert parts.ledger.get(made.id).attempt.outcome is Outcome.CHARGED
        assert tavus.ledger()["trainings"]["charged"] == 1


def test_a_replica_whose_name_no_submission_can_have_had_is_left_alone_and_said_so(tmp_path: Path, broker: Broker) -> None:
    prepare(f"sqlite:///{tmp_path / 'ledger.db'}")
    with Sandbox() as tavus, opened(at_tavus(settings_in(tmp_path, redis_url=broker.url), tavus)) as parts:
        known = enqueue(parts, a_replica(train_image_url=tavus.picture())).job
        made_up = {replica_mark(known.id, 0): known.id, replica_mark(known.id, 2001): known.id, replica_mark(STRANGER, 5000): None}
        key = {"x-api-key": KEYS["default"].get_secret_value()}
        for mark in made_up:
            asked = {"replica_name": mark, "train_image_url": tavus.picture(f"?name={mark}"), "voice_name": "anna"}
            httpx.post(f"{tavus.url}/replicas", json=asked, headers=key, trust_env=False).raise_for_status()
        found = list(discover(parts, parts.engine.clock() - timedelta(hours=1)))
        assert {one.mark: one.job_id for one in found if one.became is Became.IMPOSSIBLE} == made_up
        assert [job.id for job in parts.ledger.recent(9)] == [known.id]
        assert not parts.ledger.get(known.id).attempts
