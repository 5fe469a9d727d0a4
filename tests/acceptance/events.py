"""What workers tell whoever listens, as Flower does. It judges nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.acceptance.stack import Stack


@contextmanager
def events(stack: Stack) -> Iterator[list[dict[str, Any]]]:
    """Everything that Flower would hear meanwhile."""
    stack.wait_for_workers(1)
    seen: list[dict[str, Any]] = []
    with stack.app.connection_for_read() as connection:
        receiver = stack.app.events.Receiver(connection, handlers={"*": seen.append})
        listening = threading.Event()
        receiver.on_consume_ready = lambda *_, **__: listening.set()
        thread = threading.Thread(target=receiver.capture, kwargs={"limit": None, "wakeup": False})
        thread.start()
        try:
            assert listening.wait(30)
            # As Flower does: workers tell nobody what they do unless somebody asks them to.
            stack.app.control.enable_events(reply=True, timeout=30, limit=1)
            yield seen
        finally:
            receiver.should_stop = True
            thread.join()
