"""A port on which several processes listen, each at a socket of its own: the kernel deals connections out among them. It may not serve anybody.

Where processes share one socket, whoever wakes first takes all that wait: of two, one was seen to do the work of both while the other slept.
"""

import socket
import sys
from typing import Any

from typing_extensions import override  # typing's own from Python 3.12 on

from scheduler.stack.ports import require_free

Address = tuple[str, int]
DEALS = sys.platform == "linux"
"""Whether the kernel does so: elsewhere SO_REUSEPORT gives all to the last who came, or is not there."""


class SharedPort(socket.socket):
    """Bound and not listening: it keeps the address. A process that it is sent to gets a socket of its own there."""

    @override
    def __reduce__(self) -> Any:
        """How it is sent."""
        return _bound, (self.family, self.getsockname()[:2])


def take_port(host: str, port: int) -> socket.socket:
    """The address, for processes to be started with. Raises StackError when nobody can listen there."""
    require_free(host, port, "REPLICAS_PORT")  # two systems on one port would each get half of what is meant for the other
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return _bound(family, (host, port))


def _bound(family: socket.AddressFamily, address: Address) -> SharedPort:
    shared = SharedPort(family)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind(address)
    return shared
