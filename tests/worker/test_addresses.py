"""The guard's promises, kept over real sockets. It may not replace any part of the guard; only DNS and the internet behind it are ours."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpcore
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typing_extensions import override

from worker.addresses import AddressNotAllowedError, GuardedNetwork, refusal_of, system_addresses

PUBLIC = "93.184.216.34"
SECOND = timedelta(seconds=1)
MOMENT = timedelta(seconds=0.25)  # enough for loopback, short enough to wait for


class Internet(httpcore.NetworkBackend):
    """The internet of a test: remembers who was dialled; whoever is not `dead` or `silent` is a server on loopback."""

    def __init__(self, port: int = 0, dead: Sequence[str] = (), silent: Sequence[str] = ()) -> None:
        self.dialled: list[str] = []
        self._port, self._dead, self._silent = port, dead, silent

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.dialled.append(host)
        if host in self._dead or not self._port:
            raise httpcore.ConnectError("nobody there")
        if host in self._silent:
            time.sleep(timeout or 0)
            raise httpcore.ConnectTimeout("no answer")
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self._port, timeout)


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A real server on loopback that does `serve` with each caller; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=attend, args=(caller,), daemon=True).start()

        def attend(caller: socket.socket) -> None:
            with caller:
                try:
                    serve(caller)
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def answer_ok(caller: socket.socket) -> None:
    caller.recv(4096)
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def get(network: GuardedNetwork, url: str = "http://pictures.example/") -> int:
    with httpcore.ConnectionPool(network_backend=network) as pool:
        return pool.request("GET", url).status


REFUSED = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254
169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.7
203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:20::1
2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
2606:2800:220:1::1%1 fec0::1 ff02::1 ff0e::1 pictures.example 2130706433 0x7f.1 127.1 1.2.3 1.2.3.4.5 1.2.3.04
"""
ALLOWED = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 168.63.129.17
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
::ffff:8.8.8.8 64:ff9b::808:808 2001:200::1 2001:4860:4860::8888 2003::1 2606:4700::1111 2a00:1450:4001::200e 3ffe::1
"""


@pytest.mark.parametrize("address", [*REFUSED.split(), ""])
def test_what_is_not_public_is_refused(address: str) -> None:
    assert refusal_of(address)


@pytest.mark.parametrize("address", ALLOWED.split())
def test_what_is_public_is_allowed_up_to_the_edges_of_the_refused_networks(address: str) -> None:
    assert refusal_of(address) is None


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_nothing_is_allowed_that_python_knows_to_be_special(ip: IPv4Address | IPv6Address) -> None:
    assume(not ip.is_global or ip.is_multicast)
    assume(not (isinstance(ip, IPv6Address) and ip.ipv4_mapped))  # judged by what they wrap: below
    assert refusal_of(str(ip))


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::"]))
def test_an_ipv4_address_is_judged_alike_when_it_is_wrapped(ip: IPv4Address | IPv6Address, wrapper: str) -> None:
    wrapped = IPv6Address(int(ip_address(wrapper)) | int(ip))
    assert refusal_of(str(wrapped)) == refusal_of(str(ip))


@given(st.text())
def test_any_text_gets_a_verdict(text: str) -> None:
    assert refusal_of(text) is not None or str(ip_address(text))


def test_the_address_that_was_checked_is_the_one_that_is_dialled() -> None:
    with server(answer_ok) as port:
        internet = Internet(port)
        assert get(GuardedNetwork(within=SECOND, resolve=lambda *_: [PUBLIC], network=internet)) == 200
    assert internet.dialled == [PUBLIC]


def test_a_name_that_rebinds_after_the_check_is_asked_once_and_gains_nothing() -> None:
    asked: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return [PUBLIC] if len(asked) == 1 else ["169.254.169.254"]

    with server(answer_ok) as port:
        internet = Internet(port)
        network = GuardedNetwork(within=SECOND, resolve=rebinding, network=internet)
        assert get(network) == 200
        assert (asked, internet.dialled) == ([("pictures.example", 80)], [PUBLIC])
        with pytest.raises(AddressNotAllowedError):  # a second connection is a second check
            get(network)
    assert internet.dialled == [PUBLIC]


@pytest.mark.parametrize("addresses", [["10.0.0.1"], [PUBLIC, "10.0.0.1"], [PUBLIC] * 9 + ["::1"], ["::1", PUBLIC]])
def test_one_address_that_is_not_public_refuses_the_host_and_nobody_is_dialled(addresses: list[str]) -> None:
    internet = Internet()
    with pytest.raises(AddressNotAllowedError, match=r"pictures\.example leads to (10\.0\.0\.1: a private network|::1: loopback)"):
        get(GuardedNetwork(within=SECOND, resolve=lambda *_: addresses, network=internet))
    assert internet.dialled == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1", "0177.0.0.1", "0", "127.0.0.1", "::1"])
def test_however_loopback_is_written_the_systems_own_reading_is_what_is_checked(host: str) -> None:
    internet = Internet()
    with pytest.raises(AddressNotAllowedError):
        GuardedNetwork(within=SECOND, network=internet).connect_tcp(host, 80)
    assert internet.dialled == []


@pytest.mark.parametrize("how", ["dead", "silent"])
def test_a_dead_or_silent_address_leaves_time_for_the_next(how: str) -> None:
    first = "2606:4700::1111"
    with server(answer_ok) as port:
        internet = Internet(port, **{how: [first]})
        assert get(GuardedNetwork(within=SECOND, resolve=lambda *_: [first, PUBLIC], network=internet)) == 200
    assert internet.dialled == [first, PUBLIC]


def test_a_host_of_many_addresses_does_not_make_us_a_port_scanner() -> None:
    internet = Internet()
    with pytest.raises(httpcore.ConnectError):
        get(GuardedNetwork(within=SECOND, resolve=lambda *_: [f"93.184.216.{n}" for n in range(200)], network=internet))
    assert internet.dialled == [f"93.184.216.{n}" for n in range(4)]


def test_the_sandbox_may_call_loopback() -> None:
    with server(answer_ok) as port:
        url = f"http://127.0.0.1:{port}/"
        assert get(GuardedNetwork(within=SECOND, allow_private=True), url) == 200
        with pytest.raises(AddressNotAllowedError):
            get(GuardedNetwork(within=SECOND), url)


@pytest.mark.parametrize("allow_private", [True, False])
def test_a_unix_socket_is_never_opened(*, allow_private: bool) -> None:
    network = GuardedNetwork(within=SECOND, allow_private=allow_private)
    with httpcore.ConnectionPool(uds="/run/docker.sock", network_backend=network) as pool, pytest.raises(AddressNotAllowedError):
        pool.request("GET", "http://pictures.example/")


def test_tls_is_asked_for_the_name_of_the_url_and_not_for_the_address() -> None:
    hello: list[bytes] = []
    with server(lambda caller: hello.append(caller.recv(4096))) as port:
        network = GuardedNetwork(within=SECOND, resolve=lambda *_: [PUBLIC], network=Internet(port))
        with pytest.raises(httpcore.ConnectError):
            get(network, "https://pictures.example/")
    assert b"pictures.example" in hello[0]
    assert PUBLIC.encode() not in hello[0]


def unknown(_host: str, _port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    ("host", "port", "resolve"),
    [
        ("nobody.example", 80, unknown),
        ("nobody.example", 80, lambda *_: []),
        ("a" * 64 + ".example", 80, system_addresses),
        ("nul\0.example", 80, system_addresses),
        ("127.0.0.1", 2**70, system_addresses),
    ],
    ids=["unknown", "no address", "long label", "nul", "port"],
)
def test_a_name_that_does_not_resolve_is_a_failed_connection(host: str, port: int, resolve: Callable[[str, int], Sequence[str]]) -> None:
    with pytest.raises(httpcore.ConnectError):
        GuardedNetwork(within=SECOND, resolve=resolve).connect_tcp(host, port)


@pytest.mark.parametrize("host", [PUBLIC, "2606:4700::1111"])
def test_what_is_a_number_already_is_asked_of_no_resolver_and_checked_all_the_same(host: str) -> None:
    with server(answer_ok) as port:
        internet = Internet(port)
        GuardedNetwork(within=SECOND, resolve=unknown, network=internet).connect_tcp(host, 80).close()
    assert internet.dialled == [host]
    with pytest.raises(AddressNotAllowedError):
        GuardedNetwork(within=SECOND, resolve=unknown, network=internet).connect_tcp("::1", 80)


def timed(network: GuardedNetwork, url: str, error: type[Exception]) -> float:
    begun = time.monotonic()
    with pytest.raises(error):
        get(network, url)
    return time.monotonic() - begun


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    over = threading.Event()
    network = GuardedNetwork(within=MOMENT, resolve=lambda *_: [PUBLIC] if over.wait(5) else [])
    assert timed(network, "http://pictures.example/", httpcore.ConnectTimeout) < 2
    over.set()


def drip(caller: socket.socket) -> None:
    while True:
        caller.sendall(b"H")
        time.sleep(0.02)


def drip_headers(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    drip(caller)


def drip_body(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
    drip(caller)


def drip_hints(caller: socket.socket) -> None:
    while True:
        caller.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize("serve", [drip_headers, drip_body, drip_hints])
def test_a_server_that_drips_is_hung_up_on_in_time(serve: Callable[[socket.socket], None]) -> None:
    with server(serve) as port:
        url = f"http://127.0.0.1:{port}/"
        assert 0.2 < timed(GuardedNetwork(within=MOMENT, allow_private=True), url, httpcore.ReadTimeout) < 2


def drip_handshake(caller: socket.socket) -> None:
    caller.recv(4096)
    caller.sendall(b"\x16\x03\x03\x40\x00")  # a handshake record of 16 KB
    drip(caller)


def test_a_handshake_that_drips_is_hung_up_on_in_time() -> None:
    with server(drip_handshake) as port:
        url = f"https://127.0.0.1:{port}/"
        assert 0.2 < timed(GuardedNetwork(within=MOMENT, allow_private=True), url, httpcore.ConnectTimeout) < 2


def test_the_time_is_for_all_connections_together() -> None:
    with server(answer_ok) as port:
        network = GuardedNetwork(within=SECOND, allow_private=True)
        url = f"http://127.0.0.1:{port}/"
        assert get(network, url) == 200
        time.sleep(SECOND.total_seconds())
        assert timed(network, url, httpcore.ConnectTimeout) < 0.9
