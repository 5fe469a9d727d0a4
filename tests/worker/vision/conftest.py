"""The server of preflight's own tests."""

from tests.worker.preflight.conftest import serve, server

__all__ = ["serve", "server"]
