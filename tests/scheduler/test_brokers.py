"""Brokers beyond one Redis work by their address alone: real workers find one through a Sentinel, and speak TLS with one that proves who it is."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as LostConnectionError

from scheduler.stack.broker import require_answer
from scheduler.stack.errors import StackError
from tests.broker import Broker
from tests.brokers import MASTER, behind_tls, watched
from tests.scheduler.made import SECRET, a_request, opened, settings_in
from tests.scheduler.workers import wait_until, working
from worker.app import CREATE, SWEEP, make_app
from worker.brokers import redis_at
from worker.settings import Settings
from worker.transport import waiting


def works(settings: Settings) -> None:
    """A job goes in over the broker, and a worker process that knows nothing but the address takes it; the counters are there too."""
    with opened(settings) as parts:
        parts.app.send_task(CREATE, kwargs=a_request(), queue=CREATE)
        with redis_at(settings.redis_url, socket_timeout=5) as counters, parts.app.connection_for_write() as line:
            assert counters.ping()
            assert waiting(line, CREATE) == counters.llen(CREATE) == 1
            with working(settings.home, REDIS_URL=settings.redis_url, REPLICAS_HOME=str(settings.home), TAVUS_API_KEY="k"):
                wait_until(parts.ledger.counts)
            assert waiting(line, SWEEP) == 0


def test_a_worker_finds_its_broker_through_sentinels(home: Path, broker: Broker) -> None:
    with watched(broker, home) as sentinel:
        works(settings_in(home, redis_url=f"sentinel://127.0.0.1:1;{sentinel}/0?master_name={MASTER}"))


def test_a_worker_speaks_tls_with_a_broker_that_proves_who_it_is(home: Path, broker: Broker) -> None:
    with behind_tls(broker.port, home) as place:
        works(settings_in(home, redis_url=f"rediss://{place}/0?ssl_ca_certs={home / 'certificate.pem'}"))


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda place, _file: f"rediss://{place}/0", id="signed by nobody we know"),
        pytest.param(lambda place, file: f"rediss://{place.replace('localhost', '127.0.0.1')}/0?ssl_ca_certs={file}", id="another name"),
    ],
)
def test_a_broker_that_cannot_prove_who_it_is_gets_no_word(home: Path, broker: Broker, spoilt: Callable[[str, Path], str]) -> None:
    with behind_tls(broker.port, home) as place:
        url = spoilt(place, home / "certificate.pem")
        with pytest.raises(LostConnectionError, match="certificate verify failed"):
            redis_at(url).ping()
        with pytest.raises(OperationalError, match="certificate verify failed"):
            make_app(settings_in(home, redis_url=url)).send_task(SWEEP)
    assert broker.waiting(SWEEP) == 0


def test_sentinels_that_do_not_answer_are_named_without_their_passwords() -> None:
    url = f"sentinel://:{SECRET}@127.0.0.1:1/0?master_name={MASTER}&sentinel_password={SECRET}"
    with pytest.raises(StackError, match=r"the broker does not answer: sentinel://:\*\*\*@127\.0\.0\.1:1/0:") as refused:
        asyncio.run(require_answer(url))
    assert SECRET not in str(refused.value)
