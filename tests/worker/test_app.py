"""Every setting that the broker's promises stand on: nothing but JSON, acknowledged when done, no results, one served queue for each kind of work."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import ContentDisallowed
from kombu.transport.redis import Mutex

from tests.broker import Broker
from tests.scheduler.made import settings_in
from worker.app import (
    AUDIT,
    CANARY,
    CANCEL,
    CLEAN_UP,
    CREATE,
    DELETE,
    DELIVER,
    LEARN,
    LOOK_UP,
    OPEN,
    POLL,
    QUEUES,
    READ_VOICES,
    RECUR,
    RETAIN,
    START_CONVERSATION,
    SUBMIT,
    SWEEP,
    TIDY,
    make_app,
)
from worker.bell import TASKS


@pytest.fixture
def app(tmp_path: Path, broker: Broker) -> Celery:
    """The app on a real broker."""
    return make_app(settings_in(tmp_path, redis_url=broker.url))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_serializer", "json"),
        ("accept_content", ["json"]),
        ("task_acks_late", True),
        ("task_reject_on_worker_lost", True),
        ("task_ignore_result", True),
        ("result_backend", None),
        ("worker_disable_prefetch", True),
        ("worker_prefetch_multiplier", 1),
        ("broker_connection_retry_on_startup", True),
        ("worker_cancel_long_running_tasks_on_connection_loss", False),
        ("worker_send_task_events", False),
        ("task_send_sent_event", False),
        ("worker_hijack_root_logger", False),
        ("worker_redirect_stdouts", False),
    ],
)
def test_the_app_is_set_as_its_promises_need(app: Celery, name: str, value: object) -> None:
    assert app.conf[name] == value


def test_every_kind_of_work_has_a_queue_of_its_own(app: Celery) -> None:
    kinds = (CREATE, CANCEL, SUBMIT, LOOK_UP, POLL, START_CONVERSATION, OPEN, DELETE, CLEAN_UP, SWEEP, DELIVER)
    assert sorted(QUEUES) == sorted(kinds)
    routed = {name: route["queue"] for name, route in app.conf.task_routes.items()}
    by_the_clock = dict.fromkeys((READ_VOICES, LEARN, CANARY, RECUR, AUDIT, TIDY, RETAIN), SWEEP)
    assert routed == {**{name: name for name in kinds}, **by_the_clock}


def test_whatever_is_rung_for_wakes_an_idle_worker(app: Celery) -> None:
    rung = {*TASKS.values(), CLEAN_UP, DELIVER, SWEEP} - {None}
    assert {app.conf.task_routes[task]["queue"] for task in rung} == set(app.conf.broker_transport_options["wakes"])


def test_a_worker_serves_every_queue_that_anything_can_land_in(app: Celery) -> None:
    served = set(app.amqp.queues)
    assert set(QUEUES) <= served
    assert app.conf.task_default_queue in served
    assert {route["queue"] for route in app.conf.task_routes.values()} <= served


def test_a_task_that_is_sent_by_name_lands_in_its_queue_as_json(app: Celery, broker: Broker) -> None:
    app.send_task(SUBMIT, args=["one"])
    [message] = broker.messages(SUBMIT)
    assert message["content-type"] == "application/json"
    assert message["headers"]["eta"] is None
    assert message["arguments"] == [["one"], {}]


def test_a_pickled_message_is_not_read(app: Celery, broker: Broker) -> None:
    Celery(broker=broker.url).send_task(SUBMIT, args=["one"], serializer="pickle", queue=SUBMIT)
    with app.connection() as line:
        message = line.SimpleQueue(SUBMIT).queue.get(accept=app.conf.accept_content)
        with pytest.raises(ContentDisallowed):
            message.decode()


def test_a_result_is_kept_nowhere(app: Celery, broker: Broker) -> None:
    app.send_task(SUBMIT, args=["one"])
    assert [key for key in broker.names() if not key.startswith("_kombu")] == [SUBMIT]


def test_the_top_of_the_ladder_comes_from_the_settings(tmp_path: Path) -> None:
    app = make_app(settings_in(tmp_path, task_limit=timedelta(seconds=50), visibility_timeout=timedelta(seconds=400), threads=3))
    assert app.conf.task_time_limit == 50
    assert app.conf.broker_transport_options["visibility_timeout"] == 400
    assert app.conf.broker_pool_limit == 4


def test_a_worker_that_is_asked_to_stop_waits_longer_than_a_call_to_tavus(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert make_app(settings).conf.worker_soft_shutdown_timeout > settings.http_timeout.total_seconds()


@pytest.mark.parametrize(("address", "alive"), [("redis://h/0", True), ("rediss://h/0", True), ("redis+socket:///tmp/s", False)])
def test_a_socket_is_not_asked_to_keep_alive(tmp_path: Path, address: str, alive: Any) -> None:  # noqa: ANN401 - a parameter's value
    assert make_app(settings_in(tmp_path, redis_url=address)).conf.broker_transport_options["socket_keepalive"] is alive


def test_a_publish_is_given_up_within_a_second_or_so(app: Celery) -> None:
    policy = app.conf.task_publish_retry_policy
    waits = [
        min(policy["interval_start"] + policy["interval_step"] * number, policy["interval_max"]) for number in range(policy["max_retries"])
    ]
    assert app.conf.task_publish_retry
    assert sum(waits) < 1.5


def test_a_worker_that_is_killed_while_it_gives_messages_back_keeps_the_others_from_it_for_seconds(app: Celery, broker: Broker) -> None:
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        name = channel.unacked_mutex_key
        with Mutex(channel.client, name, channel.unacked_mutex_expire):  # what is left of it when nobody comes to release it
            left = broker.client.pttl(name)
    assert 0 < left <= 10_000
