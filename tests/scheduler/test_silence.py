"""With no broker at all jobs go their whole way, once, however many workers work so; a worker says whether it hears; and it comes back by itself."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency.prefork import TaskPool as Prefork
from celery.concurrency.thread import TaskPool as Threads
from celery.worker.state import reserved_requests
from sqlalchemy.exc import OperationalError

from scheduler.producers import enqueue
from scheduler.readiness import Part, Readiness
from scheduler.silence import Indoors, Silence
from tests.broker import Broker
from tests.receiver import receiving
from tests.sandbox.server import Sandbox
from tests.scheduler.commands import commands_in
from tests.scheduler.made import NOWHERE, a_replica, apart, opened, settings_in
from tests.scheduler.workers import wait_until, working
from worker.app import CANARY, SUBMIT, SWEEP
from worker.assembly import Parts
from worker.core.job import Job
from worker.core.states import State
from worker.counted import CANARIES
from worker.ears import EAR
from worker.hands import Hands
from worker.settings import Settings, SettingsError, read_settings
from worker.store.migrate import prepare
from worker.store.signs import Sign

SECOND, QUICK = timedelta(seconds=1), timedelta(seconds=0.2)


def wired(settings: Settings) -> Any:  # noqa: ANN401 - the app and its parts
    with apart(settings.home, TAVUS_API_KEY="k"):
        from scheduler.celery import wire  # noqa: PLC0415 - importing it reads the environment

    return wire(settings)


@contextmanager
def listening(settings: Settings, name: str = "worker1@host") -> Iterator[Parts]:
    """All of a worker but Celery's own: what it does by itself."""
    app, parts = wired(settings)
    silence = Silence(app, parts, SimpleNamespace(hostname=name, concurrency=4, consumer=None))
    silence.start()
    try:
        yield parts()
    finally:
        silence.stop()
        parts().close()


def settings_for(home: Path, tavus: Sandbox, **changes: Any) -> Settings:  # noqa: ANN401 - fields of Settings
    own = {"allow_http": True, "allow_private_addresses": True, "training_typical": SECOND, "sweep_interval": QUICK, "threads": 4}
    return settings_in(home, tavus_url=tavus.url, **own | changes)


def asked(parts: Parts, tavus: Sandbox, count: int, **changes: Any) -> list[Job]:  # noqa: ANN401 - fields of a request
    """So many jobs, stored; and rung for, where there is a way."""
    wanted = {"conversation": {"start": "on_ready"}} | changes
    return [enqueue(parts, a_replica(train_image_url=tavus.picture(f"job={number}")) | wanted).job for number in range(count)]


def all_done(parts: Parts, jobs: list[Job]) -> Callable[[], bool]:
    return lambda: all(parts.ledger.get(job.id).state is State.DONE for job in jobs)


def test_any_number_of_workers_without_a_broker_take_every_job_its_whole_way_once_and_tell_its_caller(home: Path) -> None:
    with Sandbox(speed=10_000) as tavus, receiving() as caller, ExitStack() as running:
        settings = settings_for(home, tavus, brokerless=True)
        everybody = [running.enter_context(listening(settings, f"worker{number}@host")) for number in range(3)]
        jobs = asked(everybody[0], tavus, 8, notify_url=caller.url)
        wait_until(all_done(everybody[0], jobs))
        wait_until(lambda: len({told.id for told in caller.told}) == len(jobs))
        books = tavus.ledger()
        assert books["trainings"]["charged"] == len(jobs)
        assert (books["paid_twice"], books["conversations_twice"]) == ([], [])
        assert everybody[0].ledger.voices("default") >= {"anna"}, "beat's part is done too"


def test_after_a_silence_it_works_by_itself_and_when_the_broker_is_heard_again_rings_are_messages(home: Path, broker: Broker) -> None:
    with Sandbox(speed=10_000) as tavus:
        settings = settings_for(home, tavus, redis_url=broker.url).model_copy(update={"brokerless_after": 3 * SECOND})
        with listening(settings) as parts:
            jobs = asked(parts, tavus, 2)
            assert broker.waiting(SUBMIT) > 0
            broker.client.flushall()  # nobody else will ring for them
            wait_until(all_done(parts, jobs))

            def is_back() -> bool:
                EAR.hear()
                return parts.bell.post._used is parts.bell.post.usual

            wait_until(is_back)
            asked(parts, tavus, 1)
            assert broker.waiting(SUBMIT) == 1


def test_while_nothing_comes_of_beat_it_works_by_itself_though_the_broker_answers(home: Path, broker: Broker) -> None:
    with Sandbox(speed=10_000) as tavus:
        settings = settings_for(home, tavus, redis_url=broker.url, canary_interval=QUICK)
        with listening(settings.model_copy(update={"brokerless_after": 3 * SECOND})) as parts:
            jobs = asked(parts, tavus, 2)
            broker.client.flushall()  # nobody else will ring for them

            def are_done() -> bool:
                EAR.hear()
                return all_done(parts, jobs)()

            wait_until(are_done)

            def is_back() -> bool:
                EAR.hear()
                parts.ledger.add_tallies({CANARIES: 1.0}, parts.engine.clock())
                return parts.bell.post._used is parts.bell.post.usual

            wait_until(is_back)


def harmed(broker: Broker, harm: str) -> None:
    """A failover makes a replica of the old master, which wakes who waits with an error; a broker that is full refuses what is sent."""
    if harm == "a failover":
        broker.client.replicaof("127.0.0.1", "1")
    else:
        broker.client.config_set("maxmemory", "1")


def mended(broker: Broker) -> None:
    broker.client.replicaof("NO", "ONE")
    broker.client.config_set("maxmemory", "0")


@pytest.mark.parametrize("harm", ["a failover", "it is full"])
def test_a_real_worker_whose_broker_takes_nothing_any_more_stays_and_goes_on_from_the_ledger(home: Path, broker: Broker, harm: str) -> None:
    def listens() -> bool:
        return any(one["cmd"] == "brpop" for one in broker.client.client_list())

    with Sandbox(speed=10_000) as tavus, opened(settings_for(home, tavus, redis_url=broker.url)) as parts:
        own = {
            "REDIS_URL": broker.url,
            "REPLICAS_HOME": str(home),
            "TAVUS_API_KEY": "key-of-default",
            "TAVUS_PUBLIC_API_BASE_URL": tavus.url,
        }
        more = {"REPLICAS_ALLOW_HTTP": "true", "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true", "REPLICAS_TRAINING_TYPICAL": "1s"}
        quick = {"REPLICAS_SWEEP_INTERVAL": "0.2s", "REPLICAS_CANARY_INTERVAL": "0.2s", "REPLICAS_BROKERLESS_AFTER": "8s"}
        with working(home, **own, **more, **quick) as worker:
            wait_until(listens)
            try:
                harmed(broker, harm)
                wait_until(all_done(parts, asked(parts, tavus, 2)))
            finally:
                mended(broker)
            wait_until(listens)
            assert worker.process.poll() is None


def test_indoors_the_schedule_of_beat_goes_on_but_for_the_canary_which_proves_the_broker(home: Path) -> None:
    app, parts = wired(settings_in(home, sweep_interval=SECOND))
    indoors = Indoors(app, Hands(app, 1))
    assert {entry.task for entry in indoors.schedule.values()} == {row["task"] for row in app.conf.beat_schedule.values()} - {CANARY}
    assert SWEEP in {entry.task for entry in indoors.schedule.values()}
    parts().close()


def test_a_worker_says_that_it_hears_and_takes_it_back_when_it_ends(home: Path) -> None:
    settings = settings_in(home)
    with opened(settings) as looking:
        with listening(settings):
            wait_until(lambda: looking.ledger.signs.read(looking.engine.clock()))
            [sign] = looking.ledger.signs.read(looking.engine.clock())
            assert (sign.worker, sign.silence < 10 * SECOND) == ("worker1@host", True)
        assert looking.ledger.signs.read(looking.engine.clock()) == []


@pytest.mark.parametrize(("ago", "silence", "word"), [(50, 0, "gave no sign of life for 5"), (1, 50, "runs and has heard nothing for 5")])
def test_one_worker_that_stands_still_or_is_deaf_among_others_is_named(
    home: Path, broker: Broker, ago: int, silence: int, word: str
) -> None:
    with opened(settings_in(home, redis_url=broker.url)) as parts:
        now = parts.engine.clock()
        parts.ledger.add_tallies({CANARIES: 1.0}, now)  # which another worker took
        for number in (1, 2):
            parts.ledger.signs.leave(Sign(f"worker{number}@host", now, 4 * SECOND))
        assert not any(Readiness(parts).look().values())
        parts.ledger.signs.leave(Sign("worker3@host", now - ago * SECOND, silence * SECOND))
        trouble = Readiness(parts).look()[Part.WORKERS]
        assert trouble is not None
        assert "1 of 3 workers" in trouble.why
        assert "@host" not in f"{trouble.why} {trouble.do}", "whoever asks /readyz is not told the names of hosts"
        said = commands_in(home, broker)("doctor", TAVUS_PUBLIC_API_BASE_URL="http://127.0.0.1:1/v2")
        assert f"worker3@host {word}" in said.out
        assert "replicas doctor" in trouble.do


def test_where_workers_need_no_broker_none_is_missed_but_a_worker_is(home: Path) -> None:
    settings = settings_in(home, redis_url=NOWHERE, brokerless=True)
    with opened(settings) as parts:
        found = {part for part, trouble in Readiness(parts).look().items() if trouble}
        assert found == {Part.WORKERS}
        parts.ledger.signs.leave(Sign("worker1@host", parts.engine.clock(), 0 * SECOND))
        assert not any(Readiness(parts).look().values())


def test_a_real_worker_of_processes_that_never_met_its_broker_works_and_ends_when_it_is_told(
    tmp_path: Path, postgres_url: Callable[[], str]
) -> None:
    database = postgres_url()
    prepare(database)
    with Sandbox(speed=10_000) as tavus, opened(settings_for(tmp_path, tavus, database_url=database)) as parts:
        jobs = asked(parts, tavus, 2)
        own = {"REDIS_URL": NOWHERE, "REPLICAS_HOME": str(tmp_path), "DATABASE_URL": database, "TAVUS_API_KEY": "key-of-default"}
        more = {"REPLICAS_BROKERLESS": "1", "REPLICAS_ALLOW_HTTP": "true", "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true"}
        quick = {"REPLICAS_TRAINING_TYPICAL": "1s", "REPLICAS_SWEEP_INTERVAL": "0.2s", "TAVUS_PUBLIC_API_BASE_URL": tavus.url}
        with working(tmp_path, pool="prefork", **own, **more, **quick) as worker:
            wait_until(lambda: "finds its work in the ledger by itself" in worker.said)
            wait_until(all_done(parts, jobs))
            assert len(parts.ledger.signs.read(parts.engine.clock())) == 1
            os.kill(worker.process.pid, signal.SIGTERM)
            assert worker.process.wait(40) == 0
        assert parts.ledger.signs.read(parts.engine.clock()) == []


def test_a_worker_that_forks_keeps_its_hands_off_a_file_of_sqlite(home: Path, postgres_url: Callable[[], str]) -> None:
    [step] = [one for one in wired(settings_in(home))[0].steps["worker"] if one.__module__ == "scheduler.silence"]
    [other] = [
        one for one in wired(settings_in(home, database_url=postgres_url()))[0].steps["worker"] if one.__module__ == "scheduler.silence"
    ]
    forks, threads = SimpleNamespace(pool_cls=Prefork), SimpleNamespace(pool_cls=Threads)
    assert [one.include_if(None, worker) for one in (step, other) for worker in (forks, threads)] == [False, True, True, True]
    with apart(home, REPLICAS_BROKERLESS="1", REPLICAS_POOL="prefork"), pytest.raises(SettingsError, match="REPLICAS_POOL=threads"):
        read_settings()


def test_with_every_thread_at_work_and_by_rabbitmqs_heartbeats_a_worker_hears_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, parts = wired(settings_in(home))
    line = SimpleNamespace(bytes_recv=0)
    worker = SimpleNamespace(hostname="worker1@host", concurrency=1, consumer=SimpleNamespace(connection=SimpleNamespace(_connection=line)))
    silence = Silence(app, parts, worker)

    def hears() -> bool:
        monkeypatch.setattr(EAR, "_heard", EAR._heard - 60.0)
        silence._listen()
        return EAR.silence < 30 * SECOND

    assert not hears()
    line.bytes_recv = 7
    assert hears()
    assert not hears()  # nothing came since
    worker.consumer.connection = None  # it is lost
    assert not hears()
    under_way = ExitStack()  # anything that can be referred to weakly
    reserved_requests.add(under_way)
    assert hears()
    reserved_requests.discard(under_way)
    assert not hears()
    parts().close()


def test_while_the_ledger_is_away_no_canary_is_missed_and_they_are_waited_for_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, parts = wired(settings_in(home))
    silence = Silence(app, parts, SimpleNamespace(hostname="worker1@host", concurrency=1, consumer=None))
    silence._leave_a_sign(60.0)
    assert silence._since is not None
    silence._since -= 3600 * SECOND  # it has run for an hour
    with monkeypatch.context() as away:
        away.setattr(type(parts().ledger.signs), "leave", _away)
        silence._leave_a_sign(60.0)
    silence._leave_a_sign(60.0)
    assert silence._uncalled < 60 * SECOND
    parts().close()


def _away(*_given: object) -> None:
    raise OperationalError("the ledger is away", None, Exception())


def test_a_silence_that_is_shorter_than_two_answers_of_a_broker_is_refused(home: Path) -> None:
    with apart(home, REPLICAS_BROKERLESS_AFTER="7s"), pytest.raises(SettingsError, match="REPLICAS_BROKERLESS_AFTER"):
        read_settings()
