"""What of a process belongs to the virtual time: the clocks that the product reads by itself, and its log. Put in for a while, then taken out."""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import structlog

from tests.simulation.hub import Hub
from worker.tavus import polls, scan


class VirtualTime:
    """What `time` is to those who ask it how long something has taken."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._begin = hub, hub.now

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self._hub.now - self._begin).total_seconds()


@contextmanager
def virtual_time(hub: Hub, complaint: Callable[[str], None]) -> Iterator[None]:
    """The product's patience is measured in virtual seconds, and its log is silent but for errors, which are handed to `complaint`."""

    def hand_on(_logger: object, _name: str, line: MutableMapping[str, Any]) -> Any:  # noqa: ANN401 - structlog's own
        error = line.get("exc_info")  # without one it is an alarm for people, such as a replica that was paid for by mistake
        if error:
            complaint(f"{line['event']} {line.get('job_id', '')} {error!r}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.dev.set_exc_info, hand_on],
        wrapper_class=structlog.make_filtering_bound_logger(40),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    time = VirtualTime(hub)
    try:
        with patch.object(scan, "time", time), patch.object(polls, "time", time):
            yield
    finally:
        structlog.configure(**before)
