"""Whether this worker hears its broker: when it last had an answer on the very line on which its messages come. It may not ask the broker itself.

A connection that is made to ask proves nothing of the one that waits: workers are known to sit connected and deaf (celery#8030, celery#8091) while
pings and health checks succeed. But the question that a worker waits with is answered every few seconds, by a message or by "nothing yet"; so what
comes on that line is a heartbeat which costs nothing.
"""

import time
from datetime import timedelta


class Ear:
    """One a process, used from any number of threads."""

    def __init__(self) -> None:
        """As if something had been heard just now."""
        self._heard = time.monotonic()

    def hear(self) -> None:
        """The broker said something, if only that there is nothing."""
        self._heard = time.monotonic()

    @property
    def silence(self) -> timedelta:
        """For how long nothing was heard."""
        return timedelta(seconds=time.monotonic() - self._heard)


EAR = Ear()
"""This process': kombu makes its channels by itself, and hands them nothing of ours."""
