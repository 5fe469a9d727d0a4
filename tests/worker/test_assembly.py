"""The parts are wired from settings alone, open nothing until they are used, and each process makes its own."""

import itertools
import multiprocessing
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from tests.scheduler.made import KEYS, settings_in
from tests.worker.store.made import THREADS, at_once
from worker.app import make_app
from worker.assembly import Parts, PerProcess, assemble, limits_of
from worker.core.job import JobId
from worker.core.marks import replica_mark
from worker.settings import Settings

MARK = replica_mark(JobId("0000000000000000mm00000001"), 1)


def assembled(settings: Settings) -> Parts:
    return assemble(settings, make_app(settings))


def test_the_parts_come_from_the_settings(tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    settings = settings_in(tmp_path, lease=timedelta(seconds=100), poll_batch=7, refund_hold=hour, settle_time=hour, training_typical=hour)
    parts = assembled(settings)
    assert parts.settings is settings
    assert (parts.bell.batch, parts.bell.lease, parts.engine.rules.lease) == (7, settings.lease, settings.lease)
    assert (parts.engine.rules.refund_hold, parts.engine.rules.settle_time, parts.engine.rules.plan.typical) == (hour, hour, hour)
    assert parts.engine.call == settings.http_timeout
    assert parts.engine.ledger is parts.ledger is parts.bell.ledger
    parts.close()


def test_nothing_is_asked_of_broker_database_or_tavus_before_it_is_used(tmp_path: Path) -> None:
    away = settings_in(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none", tavus_url="http://127.0.0.1:1/v2")
    assembled(away).close()


def test_an_input_may_cost_what_the_settings_say(tmp_path: Path) -> None:
    minute = timedelta(minutes=1)
    limits = limits_of(settings_in(tmp_path, input_timeout=minute, url_life=minute, allow_http=True, allow_private_addresses=True))
    assert (limits.timeout, limits.min_url_life, limits.allow_http, limits.allow_private) == (minute, minute, True, True)
    strict = limits_of(settings_in(tmp_path))
    assert not strict.allow_http
    assert not strict.allow_private


def test_callbacks_need_an_address_and_a_secret(tmp_path: Path) -> None:
    with_both = assembled(settings_in(tmp_path, public_url="http://127.0.0.1:1", secret=SecretStr("s")))
    url = with_both.callbacks.url_for(MARK)
    assert url is not None
    assert url.startswith("http://127.0.0.1:1/hooks/tavus/")
    assert assembled(settings_in(tmp_path)).callbacks.url_for(MARK) is None


def test_no_key_shows_in_the_parts(tmp_path: Path) -> None:
    settings = settings_in(
        tmp_path, redis_url="redis://:hunter2@h/0", database_url="postgresql://u:hunter2@127.0.0.1/n", secret=SecretStr("hunter2")
    )
    shown = repr(assembled(settings))
    assert "hunter2" not in shown
    assert not any(key.get_secret_value() in shown for key in KEYS.values())


def test_a_process_makes_its_thing_once_however_many_threads_ask() -> None:
    numbers = itertools.count()
    parts = PerProcess(lambda: next(numbers))
    assert at_once(lambda _: parts()) == [0] * THREADS


def test_a_forked_child_makes_its_own() -> None:
    parts = PerProcess(object)
    mine = id(parts())
    fork = multiprocessing.get_context("fork")
    line, end = fork.Pipe()
    child = fork.Process(target=lambda: end.send(len(parts._made) == 1 and parts() is parts() and id(parts()) != mine))
    child.start()
    assert line.poll(20)
    assert line.recv()
    child.join()
    assert id(parts()) == mine
