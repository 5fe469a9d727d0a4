"""A broker beyond one Redis is named by its address alone: TLS that checks, Sentinels, RabbitMQ. What makes no sense is refused at start."""

import ssl
from pathlib import Path

import pytest
from celery import Celery

from tests.scheduler.made import settings_in
from worker.app import make_app
from worker.brokers import read
from worker.settings import SettingsError, read_settings

PASSWORD = "p%40ss"  # noqa: S105 - as an address has it


def app_at(folder: Path, url: str) -> Celery:
    return make_app(settings_in(folder, redis_url=url))


@pytest.mark.parametrize(
    ("given", "for_celery"),
    [
        ("redis://h:1/0", "redis://h:1/0"),
        ("redis+socket:///tmp/v.sock?virtual_host=2", "redis+socket:///tmp/v.sock?virtual_host=2"),
        ("rediss://h/0", "rediss://h/0?ssl_cert_reqs=required"),
        ("rediss://h/0?ssl_cert_reqs=CERT_NONE", "rediss://h/0?ssl_cert_reqs=none"),
        ("rediss://h/0?ssl_ca_certs=/ca.pem", "rediss://h/0?ssl_ca_certs=%2Fca.pem&ssl_cert_reqs=required"),
        (f"sentinel://:{PASSWORD}@a;sentinel://b:2/3?master_name=m", f"sentinel://:{PASSWORD}@a:26379/3;sentinel://:{PASSWORD}@b:2/3"),
        ("sentinel://[::1]:7;sentinel://b/0?master_name=m", "sentinel://[::1]:7/0;sentinel://b:26379/0"),
        ("sentinel://a?master_name=m&ssl_ca_certs=ca", "sentinel://a:26379/0?ssl_ca_certs=ca&ssl_cert_reqs=required"),
        ("amqps://u:p@h/v?ssl_ca_certs=ca", "amqps://u:p@h/v"),
    ],
)
def test_an_address_is_written_so_that_kombu_and_redis_py_read_the_same(given: str, for_celery: str) -> None:
    assert read(given).url == for_celery


def test_of_sentinels_every_one_is_told_the_name_and_its_own_password() -> None:
    broker = read("sentinel://:inner@a;sentinel://b/0?master_name=m&sentinel_password=outer")
    options = broker.options({"socket_timeout": 5})
    assert (options["socket_timeout"], options["master_name"]) == (5, "m")
    assert options["sentinel_kwargs"].items() >= {"socket_timeout": 5, "password": "outer"}.items()
    assert "outer" not in repr(broker)
    assert "inner" not in repr(broker)


@pytest.mark.parametrize(
    ("given", "checks"),
    [
        ("amqps://h//", {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}),
        (
            "amqps://h//?ssl_ca_certs=ca&ssl_certfile=c&ssl_keyfile=k",
            {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None, "ca_certs": "ca", "certfile": "c", "keyfile": "k"},
        ),
        ("amqps://h//?ssl_cert_reqs=none", {"cert_reqs": ssl.CERT_NONE}),
    ],
)
def test_rabbitmq_s_certificate_and_name_are_checked_unless_the_address_says_otherwise(
    tmp_path: Path, given: str, checks: dict[str, object]
) -> None:
    assert app_at(tmp_path, given).conf.broker_use_ssl == checks


def test_on_rabbitmq_queues_are_quorum_queues_each_with_its_own_messages(tmp_path: Path) -> None:
    app = app_at(tmp_path, "amqp://u:p@h//")
    assert {queue.queue_arguments["x-queue-type"] for queue in app.conf.task_queues} == {"quorum"}
    assert all(queue.routing_key == queue.name for queue in app.conf.task_queues)
    assert app.conf.broker_transport_options == {"read_timeout": 5, "write_timeout": 5}


@pytest.mark.parametrize(
    ("variable", "url", "why"),
    [
        ("REDIS_URL", "sentinel://:S3CRET@a:1;sentinel://b:2/0", "add ?master_name=NAME"),
        ("REDIS_URL", "sentinel://:S3CRET@a:1;redis://b:2/0?master_name=m", "each with its host"),
        ("REDIS_URL", "sentinel://:S3CRET@a/x?master_name=m", "a database that is no number"),
        ("REDIS_URL", "sentinel://a?master_name=m&masterpassword=S3CRET", "what Sentinels do not know: masterpassword"),
        ("REDIS_URL", "rediss://:S3CRET@h/0?ssl_cert_reqs=maybe", "none of required, optional, none"),
        ("REDIS_URL", "amqp://u:S3CRET@h//?heartbeat=3", "what RabbitMQ's clients do not know: heartbeat"),
        ("REPLICAS_PACE_URL", "amqp://u:S3CRET@h//", "redis://host:6379/0"),
    ],
)
def test_an_address_that_makes_no_sense_stops_the_program_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, url: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, url)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value).startswith(f"{variable}: ")
    assert why in str(refused.value)
    assert "S3CRET" not in str(refused.value)


def test_processes_count_together_in_a_redis_beside_a_broker_that_is_none(tmp_path: Path) -> None:
    assert settings_in(tmp_path, redis_url="redis://r/0").counters_url == "redis://r/0"
    assert settings_in(tmp_path, redis_url="amqp://h//", pace_url="redis://p/0").counters_url == "redis://p/0"
