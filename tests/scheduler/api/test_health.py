"""What works is said in one word, what does not with its name and what to do; a worker that went deaf shows within three canaries."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from scheduler.canary import send_canary
from scheduler.readiness import WITHIN, Part, Readiness
from tests.broker import Broker
from tests.chaos.proxy import Proxy
from tests.scheduler.api.served import Api, problem, serving
from tests.scheduler.commands import commands_in
from tests.scheduler.made import NOWHERE, a_request, opened, settings_in
from tests.scheduler.workers import wait_until, working
from worker.core.states import State
from worker.counted import CANARIES
from worker.settings import Settings
from worker.store.database import open_database

INTERVAL = timedelta(seconds=2)
FEW_SECONDS = 15.0
"""Of a busy host, for twenty jobs and a batch; without the second that is promised each would wait for as long."""


@pytest.fixture
def healthy(home: Path, broker: Broker) -> Iterator[Api]:
    """An API of a system that works: a worker took a canary just now."""
    with serving(settings_in(home, redis_url=broker.url)) as api:
        api.parts.ledger.add_tallies({CANARIES: 1.0}, api.parts.engine.clock())
        yield api


def wrong(api: Api, query: str = "") -> set[str]:
    """The parts that are told to be wrong."""
    answer = api.get(f"/readyz{query}")
    if answer.status_code == 200:
        assert answer.json() == {"status": "ok"}
        return set()
    document = problem(answer, 503, "not-ready")
    for part, told in document["parts"].items():
        assert f"{part}: {told}" in document["detail"]
    return set(document["parts"])


def troubles(settings: Settings) -> dict[Part, str]:
    """What is wrong with these parts, and what to do."""
    with opened(settings) as parts:
        return {part: f"{trouble.why}. {trouble.do}" for part, trouble in Readiness(parts).look().items() if trouble is not None}


def test_a_system_that_works_is_ready_and_needs_no_token_to_say_so(healthy: Api) -> None:
    assert wrong(healthy) == set()


def test_without_a_canary_it_is_not_ready_and_says_what_to_do(home: Path, broker: Broker) -> None:
    found = troubles(settings_in(home, redis_url=broker.url))
    assert set(found) == {Part.CANARY}
    assert "worker and beat run" in found[Part.CANARY]


def test_an_old_canary_is_none(home: Path, broker: Broker) -> None:
    with opened(settings_in(home, redis_url=broker.url)) as parts:
        for seconds, is_wrong in ((40, False), (50, True)):
            parts.ledger.add_tallies({CANARIES: 1.0}, parts.engine.clock() - timedelta(seconds=seconds))
            with parts.ledger._database.begin() as connection:  # it only ever grows younger by itself
                moment = parts.engine.clock() - timedelta(seconds=seconds)
                connection.execute(text("UPDATE tally SET at = :at"), {"at": moment.replace(tzinfo=None).isoformat(" ")})
            assert (Readiness(parts).look()[Part.CANARY] is not None) is is_wrong


def test_a_broker_that_is_gone_is_named_and_who_does_not_need_it_may_leave_it_out(home: Path) -> None:
    with serving(settings_in(home, redis_url=NOWHERE)) as api:
        assert wrong(api) == {"broker", "canary"}
        assert wrong(api, "?exclude=broker&exclude=canary") == set()
        problem(api.get("/readyz?exclude=sandwich"), 422, "invalid-request")


def test_a_database_that_nobody_has_prepared_is_named_with_the_command_that_does(tmp_path: Path, broker: Broker) -> None:
    found = troubles(settings_in(tmp_path, redis_url=broker.url))
    assert "replicas migrate" in found[Part.MIGRATIONS]
    assert Part.DATABASE not in found


def test_a_database_of_older_code_is_not_ready_and_one_of_newer_code_is(home: Path, broker: Broker) -> None:
    settings = settings_in(home, redis_url=broker.url)
    database = open_database(settings.ledger_url, 1)
    for revision, is_wrong in (("0003", True), ("9999", False)):
        with database.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :one"), {"one": revision})
        assert (Part.MIGRATIONS in troubles(settings)) is is_wrong
    database.dispose()


def test_nobody_unknown_hears_where_the_database_is_or_what_it_said(home: Path, broker: Broker) -> None:
    url = "postgresql://replicas:S3CRET@127.0.0.1:1/ledger"
    with serving(settings_in(home, redis_url=broker.url, database_url=url)) as api:
        answer = api.get("/readyz")
        assert problem(answer, 503, "not-ready")["parts"].keys() == {"database", "migrations", "canary", "workers"}
        assert not any(word in answer.text for word in ("127.0.0.1", "S3CRET", "refused"))
        assert api.get("/livez").status_code == 200


def test_a_part_that_hangs_is_not_waited_for_and_not_asked_twice(home: Path, broker: Broker) -> None:
    with opened(settings_in(home, redis_url=broker.url)) as parts:
        readiness, hung, asked = Readiness(parts), threading.Event(), list[None]()

        def hangs() -> None:
            asked.append(None)
            hung.wait()

        readiness._checks = {**readiness._checks, Part.BROKER: hangs}
        for _ in range(2):
            began = time.monotonic()
            trouble = readiness._ask()[Part.BROKER]
            assert trouble is not None
            assert "did not answer" in trouble.why
            assert WITHIN <= time.monotonic() - began < 20 * WITHIN
        assert len(asked) == 1
        hung.set()
        wait_until(lambda: readiness._ask()[Part.BROKER] is None)


def test_the_door_does_not_wait_for_a_broker_whose_line_is_half_open_and_loses_nothing(home: Path, session_broker: Broker) -> None:
    with serving(settings_in(home, redis_url=session_broker.url)) as api:
        os.kill(session_broker.process_id, signal.SIGSTOP)
        try:
            began = time.monotonic()
            answers = [api.post("/v1/jobs", a_request(), **{"idempotency-key": f"job-{number}"}) for number in range(20)]
            batch = api.post("/v1/jobs:batch", {"jobs": [a_request() for _ in range(100)]})
            assert time.monotonic() - began < FEW_SECONDS
        finally:
            os.kill(session_broker.process_id, signal.SIGCONT)
        assert {answer.status_code for answer in answers} == {201}
        assert {one["status"] for one in batch.json()["results"]} == {201}
        now = api.parts.engine.clock()
        assert sum(line.state is State.QUEUED for line in api.parts.ledger.due(now, rung_before=now).lines) == 1, "all are due again"


def test_a_broker_whose_line_is_half_open_is_not_ready(home: Path, session_broker: Broker) -> None:
    settings = settings_in(home, redis_url=session_broker.url)
    with opened(settings) as parts:
        os.kill(session_broker.process_id, signal.SIGSTOP)  # it takes connections, and answers nothing
        try:
            assert Readiness(parts).look()[Part.BROKER] is not None
        finally:
            os.kill(session_broker.process_id, signal.SIGCONT)


def test_a_real_worker_that_goes_deaf_shows_and_one_that_hears_again_too(
    home_of: Callable[[Path], Path], tmp_path: Path, broker: Broker
) -> None:
    home = home_of(tmp_path)
    variables = {"REPLICAS_HOME": str(home), "TAVUS_API_KEY": "nobody asks"}
    with ExitStack() as running:
        line = running.enter_context(Proxy(("127.0.0.1", broker.port)))
        api = running.enter_context(serving(settings_in(home, redis_url=broker.url, canary_interval=INTERVAL)))
        often = {"REPLICAS_CANARY_INTERVAL": f"{INTERVAL.total_seconds()}s", "REPLICAS_BROKERLESS_AFTER": "8s"}
        worker = running.enter_context(working(home, REDIS_URL=f"redis://127.0.0.1:{line.port}/0", **variables, **often))
        doctor = commands_in(home, broker)

        def is_wrong(*parts: str) -> bool:
            send_canary(api.parts.app)  # beat's part
            return wrong(api) == set(parts)

        def not_ok() -> set[str]:
            """What the doctor finds wrong of those."""
            said = doctor("doctor", "--json", TAVUS_PUBLIC_API_BASE_URL="http://127.0.0.1:1/v2", **often)
            assert said.status == 1
            return {one["name"] for one in json.loads(said.out) if one["verdict"] == "not ok"} & {"canary", "workers"}

        wait_until(is_wrong)
        os.kill(worker.process.pid, signal.SIGSTOP)
        wait_until(lambda: is_wrong("canary", "workers"))
        assert not_ok() == {"canary", "workers"}
        os.kill(worker.process.pid, signal.SIGCONT)
        wait_until(is_wrong)
        line.hang()  # half open: nobody hangs up, and nothing comes
        wait_until(lambda: is_wrong("canary", "workers"))
        assert not_ok() == {"canary", "workers"}
        wait_until(lambda: "this worker finds its work in the ledger" in worker.said)
        line.heal()
        wait_until(is_wrong)
        wait_until(lambda: "the broker is heard again" in worker.said)
