"""kombu's Redis transport, whose channels keep their client and wait longer. It may not differ from kombu's own in anything else.

kombu 5.7 makes a new client for every command that it sends (kombu.transport.redis, `conn_or_acquire`), and with redis-py 8 that takes longer than
the command: a tenth of all that a worker does. A client is only a face of its connection pool, and may be used by any thread.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class Channel(redis.Channel):
    """A channel that asks for its client once for each connection pool."""

    _kept: tuple[Any, Any] | None = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - kombu's signature
        if asynchronous:  # these belong to one connection each
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call] # kombu has no types
        pool, kept = self.pool, self._kept
        if kept is None or kept[0] is not pool:
            kept = self._kept = (pool, super()._create_client())  # type: ignore[no-untyped-call] # the same
        return kept[1]


class Transport(redis.Transport):
    """What `redis://` and its kin stand for."""

    Channel = Channel
    # Seconds that a worker without work waits for a message before it asks anew: of one, as kombu has it, an idle worker's time goes into asking.
    # Shorter than `socket_timeout`, after which silence is a dead connection.
    brpop_timeout = 4


def register() -> None:
    """Have kombu take it. Its own table of names is the only place that is asked for every spelling of an address, `redis+socket://` too."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:{Transport.__name__}"))
