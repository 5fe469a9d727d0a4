"""The table says what is rung when, from the settings; a real beat rings at once and goes on, and two of them do no harm."""

import subprocess
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from celery.beat import ScheduleEntry
from typing_extensions import override

from scheduler.beat import Punctual, add_schedule, schedule
from tests.broker import Broker
from tests.scheduler.made import settings_in
from tests.scheduler.workers import BIN, variables_of, wait_until
from worker.app import AUDIT, CANARY, LEARN, QUEUES, READ_VOICES, RECUR, RETAIN, SWEEP, TIDY, make_app
from worker.settings import Settings

TWO, HALF_HOUR = timedelta(seconds=2), timedelta(minutes=30)


def table(home: Path, **changes: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - fields of Settings
    return schedule(settings_in(home, **changes))


def test_the_table_holds_each_task_as_often_as_the_settings_say(tmp_path: Path) -> None:
    rows = table(tmp_path, sweep_interval=TWO, voices_refresh=HALF_HOUR, learn_interval=TWO, canary_interval=HALF_HOUR)
    of_settings = {SWEEP: 2.0, READ_VOICES: 1800.0, LEARN: 2.0, CANARY: 1800.0}
    assert {row["task"]: row["schedule"] for row in rows.values()} == of_settings | {RECUR: 30.0, AUDIT: 60.0, TIDY: 60.0}


def test_retention_is_rung_for_where_it_is_set(tmp_path: Path) -> None:
    assert RETAIN in {row["task"] for row in table(tmp_path, retention=timedelta(days=90)).values()}


def test_ticks_do_not_pile_up_for_ever_and_a_worker_whose_clock_is_minutes_ahead_still_takes_them(tmp_path: Path) -> None:
    expiries = [row["options"]["expires"] for row in table(tmp_path, sweep_interval=TWO).values()]
    assert all(5 * 60 < seconds <= 60 * 60 for seconds in expiries)


def test_every_task_of_the_table_has_a_queue_that_is_served(tmp_path: Path) -> None:
    app = make_app(settings_in(tmp_path))
    assert {app.conf.task_routes[row["task"]]["queue"] for row in table(tmp_path).values()} <= set(QUEUES)


def test_beat_wakes_once_for_what_is_due_and_not_again_and_again_before(tmp_path: Path, broker: Broker) -> None:
    app = make_app(settings_in(tmp_path, redis_url=broker.url))
    app.conf.beat_schedule = {"sweep": {"task": SWEEP, "schedule": 0.1}}
    one, ticks = Punctual(app, lazy=True), 0
    one.setup_schedule()
    while broker.waiting(SWEEP) < 10:
        time.sleep(max(one.tick(), 0.0))
        ticks += 1
    assert ticks <= 2 * 10 + 1  # one that rings, and one that says how long to sleep; Celery's own takes some seventy


class Counting(Punctual):
    """One that rings for nobody, and counts."""

    producer = None
    rung: list[str]

    @override
    def apply_entry(self, entry: ScheduleEntry, producer: None = None) -> None:
        self.rung.append(entry.task)


def test_a_clock_that_is_set_back_delays_nothing_by_more_than_its_interval(tmp_path: Path) -> None:
    app, moment = make_app(settings_in(tmp_path)), datetime.now(UTC)
    app.now = lambda: moment
    app.conf.beat_schedule = {"sweep": {"task": SWEEP, "schedule": 5.0}, "canary": {"task": CANARY, "schedule": 15.0}}
    app.conf.beat_max_loop_interval = 5.0
    one, rung = Counting(app, lazy=True), list[str]()
    one.rung = rung
    one.setup_schedule()

    def a_minute() -> list[str]:
        nonlocal moment
        rung.clear()
        end = moment + timedelta(minutes=1)
        while moment < end:
            moment += timedelta(seconds=max(one.tick(), 0.001))
        return sorted(rung)

    usual = a_minute()
    assert usual.count(SWEEP) in {11, 12}
    moment -= timedelta(hours=1)
    assert a_minute().count(SWEEP) in {11, 12}
    moment += timedelta(hours=2)
    assert a_minute().count(SWEEP) in {11, 12, 13}, "what was missed is rung for once"


def test_beat_sleeps_no_longer_than_the_shortest_entry(tmp_path: Path) -> None:
    for interval in (TWO, timedelta(milliseconds=300)):
        settings = settings_in(tmp_path, sweep_interval=interval)
        app = make_app(settings)
        add_schedule(app, settings)
        assert app.conf.beat_max_loop_interval <= interval.total_seconds()
        assert app.conf.beat_schedule == schedule(settings)


def test_real_beats_ring_for_sweeps_and_read_the_voices_and_send_a_canary_when_they_start(settings: Settings, broker: Broker) -> None:
    variables = {"REDIS_URL": settings.redis_url, "REPLICAS_HOME": str(settings.home), "REPLICAS_SWEEP_INTERVAL": "0.2s"}
    words = ["--quiet", "--app", "scheduler", "beat", "--scheduler", "scheduler.beat:Punctual", "--loglevel", "INFO"]
    with ExitStack() as running:
        for _ in range(2):
            process = subprocess.Popen([BIN / "celery", *words], cwd=settings.home, env=variables_of(**variables))
            running.callback(process.wait)
            running.callback(process.kill)  # an orderly end takes seconds
        wait_until(lambda: all(kinds(broker).count(task) >= times for task, times in ((READ_VOICES, 2), (CANARY, 2), (SWEEP, 6))))
    assert {message["headers"]["expires"] is not None for message in broker.messages(SWEEP)} == {True}
    assert {message["headers"]["eta"] for message in broker.messages(SWEEP)} == {None}


def kinds(broker: Broker) -> list[str]:
    return [message["headers"]["task"] for message in broker.messages(SWEEP)]
