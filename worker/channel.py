"""kombu's Redis channel, in which no message is ever in one process's memory alone. It may not differ from kombu's own in what is delivered to whom.

kombu 5.7 takes a message with BRPOP, and then writes down that it is out (kombu.transport.redis, `_brpop_read` and `QoS.append`). A worker that is
killed between the two loses it for good, and a busy one leaves the answer unread in its socket until a thread is free. Losing a ring costs a sweep,
but a request that another service has sent stands nowhere else. So a message is taken and written down by one script, which Redis runs whole; and
where nothing is to be had, the channel waits with BRPOP for those alone that may be lost. Of what comes out of a queue that is consumed without
acknowledgement (`no_ack`) nothing is written down: that would be two journeys to Redis for each message, to keep what comes again anyway.

It makes a new client for every command that it sends too (`conn_or_acquire`), and with redis-py 8 that takes longer than the command: a tenth of all
that a worker does. A client is only a face of its connection pool, and may be used by any thread.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from kombu.transport import redis, virtual
from kombu.transport.virtual import Empty
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads

from worker.ears import EAR

# Takes the first message there is, and writes down that it is out as `QoS.append` does, where it is to be remembered: ARGV[2] has a 1 or a 0 for each
# list. One that no kombu has sent has nothing to be remembered by. What is not remembered is handed out as BRPOP would.
_TAKE = """
for i = 3, #KEYS do
  local message = redis.call('RPOP', KEYS[i])
  if message and string.sub(ARGV[2], i - 2, i - 2) == '0' then
    return {KEYS[i], message, ''}
  end
  if message then
    local read, content = pcall(cjson.decode, message)
    local about = read and type(content) == 'table' and content.properties
    local tag = type(about) == 'table' and about.delivery_tag
    local to = type(about) == 'table' and about.delivery_info
    if type(tag) ~= 'string' or type(to) ~= 'table' or type(to.exchange) ~= 'string' or type(to.routing_key) ~= 'string' then
      return {KEYS[i], message, ''}
    end
    redis.call('ZADD', KEYS[1], ARGV[1], tag)
    redis.call('HSET', KEYS[2], tag, '[' .. message .. ',' .. cjson.encode(to.exchange) .. ',' .. cjson.encode(to.routing_key) .. ']')
    return {KEYS[i], message, tag}
  end
end
return false
"""
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
_SOON = 2
"""Seconds until queues are looked into anew that nothing wakes for: so long may a request lie there, of which the work takes hours."""
_LEAST = 0.05
"""Seconds: for ever is what Redis takes none for."""
_NEVER = "replicas.nothing"
"""A list that nobody writes to: where there is nothing else to wait for, waiting for it is waiting for time to pass."""

log = structlog.get_logger("channel")


class QoS(redis.QoS):
    """What is out. What the script took has been written down already, and of what nobody acknowledges nothing was."""

    def append(self, message: Any, delivery_tag: str) -> None:  # noqa: ANN401 - kombu has no types
        """See `kombu.transport.redis.QoS`."""
        if delivery_tag == self.channel.taken:
            virtual.QoS.append(self, message, delivery_tag)
        else:
            super().append(message, delivery_tag)  # type: ignore[no-untyped-call] # the same

    def ack(self, delivery_tag: str) -> None:
        """See `kombu.transport.redis.QoS`. Celery acknowledges whatever it has done."""
        if delivery_tag in self._delivered:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call] # the same


class Channel(redis.Channel):
    """A channel that takes whole, and asks for its client once for each connection pool. `wakes`: queues whose messages may be lost."""

    QoS = QoS
    from_transport_options: tuple[str, ...] = (*redis.Channel.from_transport_options, "wakes")  # type: ignore[assignment] # kombu's has as many as it has
    wakes: tuple[str, ...] = ()
    taken: str | None = None
    """The tag of the message that is being delivered."""
    _kept: tuple[Any, Any] | None = None
    _takes = False
    """Whether a script is under way, and not a BRPOP."""
    _again = 0.0
    """When the script is asked anew, where it found nothing: rings may come by the dozen meanwhile, and to ask it for each is a journey more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - kombu's signature
        """Consume nothing yet."""
        self._unanswered = set[str]()
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call] # the same

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - kombu's signature
        if asynchronous:  # these belong to one connection each
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call] # the same
        pool, kept = self.pool, self._kept
        if kept is None or kept[0] is not pool:
            kept = self._kept = (pool, super()._create_client())  # type: ignore[no-untyped-call] # the same
        return kept[1]

    def basic_consume(self, queue: str, no_ack: bool, callback: Callable[..., Any], consumer_tag: str, **options: Any) -> Any:  # noqa: ANN401, FBT001 - the same
        """Consume from the queue. What nobody acknowledges is out of it when it is taken: nothing is to be remembered."""
        if no_ack:
            self._unanswered.add(queue)
        return super().basic_consume(queue, no_ack, callback, consumer_tag, **options)  # type: ignore[no-untyped-call] # the same

    @property
    def listens(self) -> bool:
        """Whether the broker was asked for more, and its answer will be read at once. Where no thread is free nobody asks, nor reads."""
        return bool(self._in_poll) and not self.connection.cycle._paused_brpop  # noqa: SLF001 - kombu's

    def is_out(self, delivery_tag: str) -> bool:
        """Whether the message is remembered: it is to be acknowledged, or was not long ago."""
        return delivery_tag in self.qos._delivered  # noqa: SLF001 - kombu's

    def _brpop_start(self, timeout: int | None = None) -> None:
        """Ask for the next message: the script is asked first."""
        queues = self._queue_cycle.consume(len(self.active_queues))
        lists = self._lists(queues)
        remembered = "".join("01"[queue not in self._unanswered] for queue in lists.values())
        if "1" in remembered and time.monotonic() >= self._again:
            self._takes = True
            self._send("EVAL", _TAKE, 2 + len(lists), self.unacked_index_key, self.unacked_key, *lists, time.time(), remembered)
        elif queues:
            self._wait(queues, timeout)

    def _wait(self, queues: list[str], timeout: int | None = None) -> None:
        """Block until a message comes that may be lost, or it is time to look for the others."""
        loose = [queue for queue in queues if queue in self._unanswered or queue in self.wakes]
        seconds: float = timeout or self.brpop_timeout
        if len(loose) < len(queues):
            seconds = min(timeout or _SOON, max(self._again - time.monotonic(), _LEAST))
        self._takes = False
        self._send("BRPOP", *(self._lists(loose) or [_NEVER]), seconds)

    def _send(self, *command: Any) -> None:  # noqa: ANN401 - what Redis takes
        connection = self.client.connection
        self._in_poll = connection
        self._brpop_sent_at = time.monotonic()  # type: ignore[assignment] # kombu's types know its first value alone
        connection.send_command(*command)

    def _lists(self, queues: list[str]) -> dict[str, str]:
        """The lists of the queues, each with its queue: the more urgent ones first. All but rings may be sent with a priority."""
        first, *urgent = self.priority_steps
        every = [(first, queue) for queue in queues] + [(step, queue) for step in urgent for queue in queues if queue not in self.wakes]
        return {self._q_for_pri(queue, step): queue for step, queue in every}  # type: ignore[no-untyped-call] # the same

    def _size(self, queue: str) -> int:
        """See `kombu.transport.redis.Channel`."""
        if queue not in self.wakes:
            return int(super()._size(queue))  # type: ignore[no-untyped-call] # the same
        with self.conn_or_acquire() as client:
            return int(client.llen(queue))

    def _brpop_read(self, **options: Any) -> bool:  # noqa: ANN401 - kombu's signature
        """Read the answer: deliver the message, or wait for one. Raises Empty where there is none."""
        takes, self._takes = self._takes, False
        try:
            answer = self._answer("EVAL" if takes else "BRPOP", options)
        finally:
            self._in_poll = None  # type: ignore[assignment] # the same
            # The safe moment for it: nothing is under way on this connection.
            self._flush_brpop_reauth()  # type: ignore[no-untyped-call] # the same
        if answer is None:
            if takes and self.active_queues:
                self._again = time.monotonic() + _SOON
                self._wait(self._queue_cycle.consume(len(self.active_queues)))
            raise Empty
        where, message, *tags = answer
        queue = bytes_to_str(where).rsplit(self.sep, 1)[0]
        self._queue_cycle.rotate(queue)
        self._deliver(message, queue, bytes_to_str(tags[0]) if tags and tags[0] else None)
        return True

    def _deliver(self, message: bytes, queue: str, tag: str | None) -> None:
        """Hand it on. One that nobody here can read is thrown away: it would end one worker after the other."""
        self.taken = tag
        try:
            self.connection._deliver(loads(bytes_to_str(message)), queue)  # noqa: SLF001 - kombu's transport and channel are one
        except _UNREADABLE as error:
            if self._was_read(message, queue, tag):  # this is of whoever works on it
                raise
            if tag is not None:
                self.qos._remove_from_indices(tag).execute()  # noqa: SLF001 - the same
            log.error("nobody can read this message, which is thrown away", queue=queue[:80], error=type(error).__name__)  # noqa: TRY400 - its words may repeat what was sent
        finally:
            self.taken = None

    def _was_read(self, message: bytes, queue: str, tag: str | None) -> bool:
        if tag is not None:
            return self.is_out(tag)
        with suppress(*_UNREADABLE):  # nothing was written down of it: it is read once more
            where = self.Message(loads(bytes_to_str(message)), channel=self).delivery_info  # type: ignore[no-untyped-call] # kombu has no types
            return queue in self._unanswered or {"exchange", "routing_key"} <= where.keys()
        return False

    def _answer(self, command: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 - what Redis says
        try:
            answer = self.client.parse_response(self.client.connection, command, **options)
        except self.connection_errors:
            # Without it the next turn of the loop does not connect anew.
            self.client.connection.disconnect()
            raise
        EAR.hear()
        return answer


class SentinelChannel(Channel, redis.SentinelChannel):
    """The same behind Sentinels."""

    from_transport_options: tuple[str, ...] = (*redis.SentinelChannel.from_transport_options, "wakes")  # type: ignore[assignment] # the same
