"""Whom we may call on a stranger's word: an httpcore network that dials only public addresses and hangs up in time.

It may not speak HTTP, follow anything or know what is fetched; it is the last gate before the socket, whatever the URL was made to look like.

    with httpcore.ConnectionPool(network_backend=GuardedNetwork(within=timedelta(seconds=10))) as pool: ...
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore
from typing_extensions import override  # typing's own from Python 3.12 on

from worker.timed import TimedStream

Resolve = Callable[[str, int], Sequence[str]]
"""Host and port in, every address of the host out, the preferred one first; OSError when the name does not resolve."""

# The IANA special-purpose registries, written out: `ipaddress.is_global` changes between patch releases of Python (3.11.7 takes
# 6to4, 192.0.0.192 and 3fff::/20 for global) and calls multicast global.
_REFUSED = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "this host itself"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier's shared network"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata service"),  # Azure's wire server: a public number that answers only inside the cloud
        ("169.254.0.0/16", "link-local"),  # and the metadata service of most clouds
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved"),  # and Oracle's metadata service, 192.0.0.192
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.88.99.0/24", "reserved"),  # the relay of 6to4, withdrawn
        ("192.168.0.0/16", "a private network"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),  # and broadcast
        ("::/128", "this host itself"),
        ("::1/128", "loopback"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),  # Teredo, ORCHID: tunnels and hashes, no servers of pictures
        ("2001:db8::/32", "reserved for documentation"),
        ("2002::/16", "a tunnel to an IPv4 address"),  # 6to4, withdrawn: it can wrap any private address
        ("3fff::/20", "reserved for documentation"),
    )
)
_UNICAST = IPv6Network("2000::/3")  # all that IANA has given out; what lies outside is refused without needing a name
# Both hold an IPv4 address in their last 32 bits, and that one is where the packets go. NAT64 stays usable, for a cluster that speaks
# only IPv6 reaches every IPv4 server through it.
_WRAPPERS = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_DIALS = 4  # addresses of one host that are tried: two of each family; a host of a thousand addresses must not make us a port scanner


class AddressNotAllowedError(Exception):
    """The host has an address that is not public. No `ConnectError`, so that nobody retries it; `address` is for our logs, not for the caller."""

    def __init__(self, host: str, address: str, reason: str) -> None:
        super().__init__(f"{host} leads to {address}: {reason}")
        self.host, self.address, self.reason = host, address, reason


def refusal_of(address: str) -> str | None:
    """Why this numeric address may not be called, in a few words; None when it is public."""
    try:
        ip: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(ip, IPv6Address):
        if ip.scope_id is not None:
            return "bound to an interface of this host"
        if any(ip in wrapper for wrapper in _WRAPPERS):
            ip = IPv4Address(ip.packed[-4:])
    named = next((reason for network, reason in _REFUSED if ip.version == network.version and ip in network), None)
    return named or ("reserved" if ip.version == 6 and ip not in _UNICAST else None)  # noqa: PLR2004 - the protocol's own number


def _is_number(host: str) -> bool:
    """Whether it is an address, written as a number in the way that everybody reads alike."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def system_addresses(host: str, port: int) -> Sequence[str]:
    """Every address that the system's resolver gives, in its order (RFC 6724); it also reads decimal, octal and hexadecimal IPs."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class GuardedNetwork(httpcore.NetworkBackend):
    """Dials a host only if EVERY address of it is public, and then exactly an address that was checked, so DNS cannot rebind in between.

    TLS still verifies the host's name: httpcore takes it from the URL, not from what is dialled. Make one for each piece of work:
    `within` starts now and bounds everything done through it together, against a server that drips bytes too.
    Raises AddressNotAllowedError; otherwise what httpcore raises. `allow_private` (the sandbox) switches the check off, the pinning not.
    """

    def __init__(
        self,
        *,
        within: timedelta,
        allow_private: bool = False,
        resolve: Resolve = system_addresses,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._deadline = time.monotonic() + within.total_seconds()
        self._allow_private = allow_private
        self._resolve = resolve
        self._network = network or httpcore.SyncBackend()

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """The public promise of the class."""
        addresses = self._checked(host, port, timeout)[:_DIALS]
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = _remaining(self._deadline, timeout, httpcore.ConnectTimeout) / left  # a dead first address leaves time for the next
            try:
                stream = self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return TimedStream(stream, partial(_remaining, self._deadline))
        raise failure

    @override
    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Never: a Unix socket is this machine, for the sandbox too."""
        raise AddressNotAllowedError("a Unix socket", path, "this host itself")

    def _checked(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        addresses = self._resolved(host, port, _remaining(self._deadline, timeout, httpcore.ConnectTimeout))
        for address in () if self._allow_private else addresses:
            if reason := refusal_of(address):
                raise AddressNotAllowedError(host, address, reason)
        return addresses

    def _resolved(self, host: str, port: int, timeout: float) -> Sequence[str]:
        if 0 <= port < 65536 and _is_number(host):  # noqa: PLR2004 - TCP's own number; there is nothing to resolve
            return (host,)
        # getaddrinfo knows no timeout, and whoever runs the name's DNS server can make it last half a minute. So it is asked in a
        # thread of its own: left behind, the thread ends when the system's resolver gives up, and a daemon keeps no process alive.
        answer: Future[Sequence[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._resolve(host, port))
            except Exception as error:  # noqa: BLE001 - it is carried to the thread that asked, and raised there
                answer.set_exception(error)

        threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
        try:
            return answer.result(timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        except (OSError, ValueError, OverflowError) as error:  # not only an unknown name: a label of 64 characters, a port of 99999
            raise httpcore.ConnectError(f"{host} does not resolve") from error


def _remaining(deadline: float, timeout: float | None, too_late: type[httpcore.TimeoutException]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise too_late("the time for the whole work is over")
    return left if timeout is None else min(left, timeout)
