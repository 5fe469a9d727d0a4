"""What the proxy promises to the tests that talk through it: a line that is whole until it is told otherwise, and whole again after."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxy

_PATIENCE_SECONDS = 20.0
_SHORT_SECONDS = 0.3


class Echo:
    """A server that says what it hears, and remembers it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.heard = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with line:
            try:
                while piece := line.recv(100):
                    self.heard += piece
                    line.sendall(piece)
            except OSError:
                return


@pytest.fixture
def echo() -> Iterator[Echo]:
    """A server to talk to."""
    one = Echo()
    yield one
    one.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    """A line to it."""
    with Proxy(echo.address) as one:
        yield one


def dial(proxy: Proxy) -> socket.socket:
    """A connection through the proxy."""
    return socket.create_connection(("127.0.0.1", proxy.port), _PATIENCE_SECONDS)


def say(line: socket.socket, words: bytes) -> bytes:
    """What comes back."""
    line.sendall(words)
    return line.recv(100)


def test_a_good_line_passes_everything_both_ways(proxy: Proxy) -> None:
    with dial(proxy) as one, dial(proxy) as other:
        assert say(one, b"first") == b"first"
        assert say(other, b"second") == b"second"
        assert proxy.connections == 2


def test_the_end_of_one_side_is_told_to_the_other(proxy: Proxy) -> None:
    with dial(proxy) as line:
        say(line, b"word")
        line.shutdown(socket.SHUT_WR)
        assert line.recv(100) == b""


def test_a_cut_resets_what_is_open_and_takes_what_is_new(proxy: Proxy) -> None:
    with dial(proxy) as line:
        say(line, b"word")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            line.recv(100)
    with dial(proxy) as line:
        assert say(line, b"again") == b"again"


def test_a_refusing_line_is_a_closed_port_until_it_is_healed(proxy: Proxy) -> None:
    with dial(proxy) as line:
        say(line, b"word")
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            line.recv(100)
    with pytest.raises(ConnectionRefusedError):
        dial(proxy)
    proxy.heal()
    with dial(proxy) as line:
        assert say(line, b"again") == b"again"


def test_a_hung_line_takes_connections_and_delivers_late_what_was_sent_even_by_one_who_left(proxy: Proxy, echo: Echo) -> None:
    proxy.hang()
    with dial(proxy) as patient, dial(proxy) as hasty:
        patient.sendall(b"patient")
        hasty.sendall(b"hasty")
        hasty.close()
        patient.settimeout(_SHORT_SECONDS)
        with pytest.raises(TimeoutError):
            patient.recv(100)
        assert echo.heard == b""
        proxy.heal()
        patient.settimeout(_PATIENCE_SECONDS)
        assert patient.recv(100) == b"patient"
    until = time.monotonic() + _PATIENCE_SECONDS
    while b"hasty" not in echo.heard and time.monotonic() < until:
        time.sleep(0.01)
    assert b"hasty" in echo.heard


def test_a_slow_line_passes_everything_later(proxy: Proxy) -> None:
    with dial(proxy) as line:
        proxy.slow(_SHORT_SECONDS)
        began = time.monotonic()
        assert say(line, b"word") == b"word"
        assert time.monotonic() - began >= 2 * _SHORT_SECONDS
        proxy.heal()
        assert say(line, b"again") == b"again"


def test_a_line_to_nobody_is_reset_and_works_as_soon_as_somebody_is_there(echo: Echo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address: tuple[str, int] = gone.getsockname()
    with Proxy(address) as proxy:
        with pytest.raises(ConnectionResetError), dial(proxy) as line:  # at the latest when something is read
            line.recv(100)
        with socket.create_server(address) as back, dial(proxy) as line:
            line.sendall(b"word")
            far_end, _ = back.accept()
            with far_end:
                assert far_end.recv(100) == b"word"
    assert echo.heard == b""
