"""A real Valkey as it stands in production: watched by a Sentinel, or behind TLS. It asserts nothing.

The Valkey that Python brings has no TLS of its own: as in many a house, something in front of it ends TLS and passes the bytes on.
"""

import asyncio
import ipaddress
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis
from redis.exceptions import RedisError

from scheduler.stack.broker import _find_server
from scheduler.stack.ports import free_port
from tests.broker import Broker

_PATIENCE_SECONDS = 20.0
MASTER = "replicas"


@contextmanager
def watched(broker: Broker, folder: Path) -> Iterator[str]:
    """A Sentinel that watches the broker, for as long as a `with` lasts: its address without a query."""
    port, file = free_port(), folder / "sentinel.conf"
    file.write_text(f"sentinel monitor {MASTER} 127.0.0.1 {broker.port} 1\n")
    words: list[str | Path] = [_find_server(), file, "--sentinel", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        with Redis(port=port, socket_timeout=_PATIENCE_SECONDS) as sentinel:
            until = time.monotonic() + _PATIENCE_SECONDS
            while not _answers(sentinel):
                if time.monotonic() > until:
                    raise TimeoutError
                time.sleep(0.01)
        yield f"sentinel://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(server: Redis) -> bool:
    try:
        return bool(server.ping())
    except RedisError:
        return False


@contextmanager
def behind_tls(inner: int, folder: Path) -> Iterator[str]:
    """A port behind TLS, for as long as a `with` lasts: host and port. `certificate.pem` in the folder is what proves who it is: `localhost`."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(_certificate(folder))
    loop, port = asyncio.new_event_loop(), free_port()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def meet(inside: asyncio.StreamReader, outside: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", inner)
        await asyncio.gather(_passed_on(inside, back), _passed_on(there, outside))

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(meet, "127.0.0.1", port, ssl=own), loop).result(_PATIENCE_SECONDS)
    try:
        yield f"localhost:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(_ended(server), loop).result(_PATIENCE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_SECONDS)
        loop.close()


async def _ended(server: asyncio.Server) -> None:
    server.close()
    lines = asyncio.all_tasks() - {asyncio.current_task()}
    for line in lines:
        line.cancel()
    await asyncio.gather(*lines, return_exceptions=True)


async def _passed_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


def _certificate(folder: Path) -> Path:
    """A certificate of `localhost` that signs itself, with its key in another file beside it; the one with both is for the server."""
    key, name, now = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
        datetime.now(UTC),
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("::1"))])
    signed = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + timedelta(hours=1)
        )
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    (folder / "certificate.pem").write_bytes(signed)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(secret + signed)
    return folder / "server.pem"
