"""Celery's consumer, which outlives its broker, and bodies that are none. It may not differ from Celery's own in anything else.

Celery 5.7 closes a lost connection twice (celery.worker.consumer, on_connection_error_after_connected). The first time kombu stops half-way, at the
read that has just failed; the second time it wants to give back what is being worked on over a connection whose address it has forgotten (kombu 5.7,
`_connparams`), and so does the acknowledgement of each task that ends later. The AttributeError from there ended the process, and with it every call
to Tavus that was under way: whenever the broker was lost while a task ran. So nothing is given back, for who works on it goes on; and the address is
kept, so that what is done by then can be acknowledged.

A message that no Celery has sent, such as a bare JSON object under the name of a task, raises what Celery 5.7 does not expect of one (Consumer,
create_task_handler: it catches InvalidTaskError, and Request unpacks the body without a look at it). That ended the process too, which gave the
message back, and so it went for one worker after the other. Such a message is thrown away.

And it wakes the thread that listens to the broker whenever a task ends, to acknowledge its message there. For those that nobody acknowledges, which
are nearly all of ours, there is nothing to be done: it is woken for them only where it has stopped listening, because no thread was free.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import structlog
from celery.worker.consumer import Consumer as CelerysConsumer

from worker.channel import Channel

log = structlog.get_logger("consumer")
_PAUSE = 2.0
"""Seconds: a broker that answers, and with an error, is there at once when it is asked again, and answers so for as long as a person needs."""
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)


class Consumer(CelerysConsumer):
    """What `worker_consumer` names."""

    class Blueprint(CelerysConsumer.Blueprint):
        """Its steps, without queues for messages with an ETA: on RabbitMQ these would be 28 more, and we send none."""

        default_steps: ClassVar = [step for step in CelerysConsumer.Blueprint.default_steps if "delayed_delivery" not in str(step)]

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """The broker is lost: let go of the connection, so that a new one is made. What runs goes on."""
        transport = self.connection.transport
        address = transport.client
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError as error:
            if self.connection is not None:  # not from the second closing, before which Celery lets go of it
                raise
            log.info("the lost connection could not be closed in order", error=str(error))
        transport.client = address
        if not isinstance(exc, self.connection_errors):
            time.sleep(_PAUSE)

    def call_soon_ack(self, p: Callable[..., Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - Celery's signature
        """See `celery.worker.consumer.Consumer`. `p`: a message's acknowledgement, or its refusal."""
        message: Any = getattr(p, "__self__", None)
        channel = getattr(message, "channel", None)
        if isinstance(channel, Channel) and p == message.ack_log_error and not channel.is_out(message.delivery_tag) and channel.listens:
            return p(*arguments, **options)
        return super().call_soon_ack(p, *arguments, **options)

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:  # noqa: ANN401 - Celery's signature
        """What is called for each message."""
        handle = super().create_task_handler(*arguments, **options)

        def on_task_received(message: Any) -> None:  # noqa: ANN401 - kombu's
            try:
                handle(message)
            except _UNREADABLE as error:
                if message.acknowledged:
                    raise
                kind = type(error).__name__
                log.error("no Celery can have sent this message, which is thrown away", queue=_queue_of(message), error=kind)  # noqa: TRY400 - its words may repeat what was sent
                message.reject_log_error(log, self.connection_errors)

        return on_task_received


def _queue_of(message: Any) -> str:  # noqa: ANN401 - the same
    return str((message.delivery_info or {}).get("routing_key"))[:80]
