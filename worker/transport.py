"""kombu's Redis transports, with channels of ours, and seldom woken. They may not differ from kombu's own in what is delivered to whom."""

from typing import Any

from amqp.exceptions import AMQPError, NotFound
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES, redis

from worker import channel

_BINDINGS = 30.0
"""Seconds between two looks whether it is time to write down again which queues are still bound. They are forgotten after an hour (kombu 5.7,
`MIN_BINDING_TTL`); kombu looks each second, and an idle worker woke for little else."""


class Transport(redis.Transport):
    """What `redis://` and its kin stand for."""

    Channel = channel.Channel
    # Seconds that a worker without work waits for a message before it asks anew: of one, as kombu has it, an idle worker's time goes into asking.
    # Shorter than `socket_timeout`, after which silence is a dead connection.
    brpop_timeout = 4

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:  # noqa: ANN401 - kombu has no types
        """See `kombu.transport.redis.Transport`."""
        super().register_with_event_loop(connection, loop)  # type: ignore[no-untyped-call] # the same
        cycle: Any = self.cycle
        cycle._binding_expiry_tref.cancel()  # noqa: SLF001 - kombu has no other word for it
        cycle._binding_expiry_tref = loop.call_repeatedly(_BINDINGS, cycle.maybe_refresh_binding_expiry)  # noqa: SLF001 - the same


class SentinelTransport(Transport):
    """What `sentinel://` stands for."""

    default_port = redis.SentinelTransport.default_port  # type: ignore[assignment] # kombu's types know None alone
    Channel = channel.SentinelChannel


def register() -> None:
    """Have kombu take them. Its own table of names is the only place that is asked for every spelling of an address, `redis+socket://` too."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:{Transport.__name__}"))
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:{SentinelTransport.__name__}"


def waiting(connection: Connection, queue: str) -> int:
    """How many messages wait in the queue. Raises OperationalError, or redis-py's own, where the broker does not answer."""
    if connection.transport.driver_type != "amqp":
        # LLEN over all priorities; queue_declare(passive) fails on an empty one.
        return int(connection.default_channel._size(queue))  # noqa: SLF001 - the same
    # A channel of its own: RabbitMQ closes the one on which somebody asks for a queue that is not there.
    try:
        with connection.channel() as own:
            return int(own.queue_declare(queue, passive=True).message_count)
    except NotFound:  # no worker has been there yet
        return 0
    except (AMQPError, OSError) as error:
        raise OperationalError(f"{type(error).__name__}: {error}") from error
