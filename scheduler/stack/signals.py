"""What the person, or whoever manages the processes, asks of the supervisor: to stop, and to stop at once. It may not stop anything itself."""

import asyncio
import signal
import time

# Some wrappers pass on a Ctrl-C that the terminal has sent to everybody already: what comes so soon is the same wish, not impatience.
_ECHO_SECONDS = 0.5


class Signals:
    """SIGINT, SIGTERM and SIGHUP: the first asks for a stop, the next for a quick one."""

    def __init__(self) -> None:
        """Begin to listen: from here on no signal ends this process by itself."""
        self.stop, self.hurry = asyncio.Event(), asyncio.Event()
        self._first_at = 0.0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup: whoever ignores SIGHUP on our behalf wants us to outlive the terminal.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, self._take)

    def _take(self) -> None:
        if not self.stop.is_set():
            self._first_at = time.monotonic()
            self.stop.set()
        elif time.monotonic() - self._first_at > _ECHO_SECONDS:
            self.hurry.set()
