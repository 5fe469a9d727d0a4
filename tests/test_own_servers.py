"""The same command works with a broker and a database of one's own: a Valkey at REDIS_URL, a PostgreSQL at DATABASE_URL."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from scheduler.stack.broker import Embedded
from scheduler.stack.ports import free_port
from tests.running import running


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Valkey that is nobody's part, on a port of its own."""
    port = free_port()
    command = Embedded.under(tmp_path).program.command.replace("--port 0", f"--port {port} --bind 127.0.0.1")
    server = subprocess.Popen(["sh", "-c", command])
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)


def test_make_run_uses_the_servers_that_are_named(redis_url: str, postgres_url: Callable[[], str], tmp_path: Path) -> None:
    database_url = postgres_url()
    with running(["make", "run"], tmp_path / "run", REDIS_URL=redis_url, DATABASE_URL=database_url) as stack:
        stack.wait_for("From a headshot to a conversation")
        stack.press_ctrl_c()
        assert stack.leftovers() == []
    assert not list(stack.home.rglob("ledger.db*"))
    assert not list(stack.home.rglob("*.aof"))
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT state FROM job")).scalars().all() == ["done"]
    engine.dispose()
