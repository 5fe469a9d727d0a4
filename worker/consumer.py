"""Celery's consumer, which outlives its broker. It may not differ from Celery's own in anything else.

Celery 5.7 closes a lost connection twice (celery.worker.consumer, on_connection_error_after_connected). The first time kombu stops half-way, at the
read that has just failed; the second time it wants to give back what is being worked on over a connection whose address it has forgotten (kombu 5.7,
`_connparams`), and so does the acknowledgement of each task that ends later. The AttributeError from there ended the process, and with it every call
to Tavus that was under way: whenever the broker was lost while a task ran. So nothing is given back, for who works on it goes on; and the address is
kept, so that what is done by then can be acknowledged.
"""

import structlog
from celery.worker.consumer import Consumer as CelerysConsumer

log = structlog.get_logger("consumer")


class Consumer(CelerysConsumer):
    """What `worker_consumer` names."""

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
