"""Whether an address can be listened on, asked before anything is started. It may not keep the port."""

import errno
import random
import socket
from contextlib import suppress

from scheduler.stack.errors import StackError

_OWN = range(20_000, 32_768)  # below what Linux and macOS give to outgoing connections


def require_free(host: str, port: int, variable: str) -> None:
    """Raises StackError, naming the variable to change, when nobody can listen there."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            return
    except OSError as error:
        where = f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise StackError(f"{where} is taken: another program listens there. Stop it, or set {variable} to a free port.") from None
        if error.errno == errno.EACCES:
            raise StackError(f"{where} is not for this user: {error.strerror}. Set {variable} to a port above 1023.") from None
        raise StackError(
            f"nobody can listen on {where}: {error.strerror or error}. Set REPLICAS_HOST to an address of this host."
        ) from None


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that nobody is likely to take before its use.

    Not one that the system gives: those are what outgoing connections get, so that another program may have it a moment later.
    """
    while True:
        port = random.choice(_OWN)  # noqa: S311 - any will do
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def as_seen_from_here(host: str, port: int) -> str:
    """The base URL by which a process on this host reaches whoever listens on `host`."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound to
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
