"""What callers are told, as other rooms may use it: claim, take, settle, look, send again; and the secrets that sign. It may not send anything."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine

from worker.core.deliveries import Breaker, Heard, Patience
from worker.store import destinations, notifications, signing
from worker.store.database import reading
from worker.store.notifications import Claimed, Notification, NotificationId, Status
from worker.store.sealing import Sealer, with_sealer


class Outbox:
    """One a process, on the ledger's own database: a notification is written there with the move that it tells of. Thread-safe."""

    def __init__(self, database: Engine, sealer: Sealer, patience: Patience) -> None:
        """`sealer`: for the secrets that sign, and for what is told."""
        self._database, self._sealer, self._patience = with_sealer(database, sealer), sealer, patience
        self._reader = reading(self._database)

    def claim(self, now: datetime, lease: timedelta, lines: int, batch: int) -> Claimed:
        """See `notifications.claim`."""
        with self._database.begin() as connection:
            return notifications.claim(connection, now, lease, lines, batch, self._patience)

    def give_back(self, ids: Sequence[NotificationId], now: datetime) -> None:
        """See `notifications.give_back`."""
        if ids:
            with self._database.begin() as connection:
                notifications.give_back(connection, ids, now)

    def take(self, one: NotificationId, now: datetime, lease: timedelta) -> Notification | None:
        """See `notifications.take`."""
        with self._database.begin() as connection:
            return notifications.take(connection, one, now, lease)

    def settle(self, taken: Notification, what: Heard, answer: str, now: datetime) -> tuple[Status | None, Breaker]:
        """Write what an attempt came to: where it leaves the notification, see `notifications.settle`, and its destination."""
        with self._database.begin() as connection:
            status = notifications.settle(connection, taken, what, answer, now, self._patience)
            return status, destinations.learn(connection, taken.destination, what, now, self._patience)

    def recent(
        self, limit: int, *, status: Status | None = None, job_id: str | None = None, caller: str | None = None
    ) -> list[Notification]:
        """See `notifications.recent`."""
        with self._reader.connect() as connection:
            return notifications.recent(connection, limit, status=status, job_id=job_id, caller=caller)

    def find(self, one: NotificationId) -> Notification | None:
        """See `notifications.find`."""
        with self._reader.connect() as connection:
            return notifications.find(connection, one)

    def send_again(self, ids: Sequence[NotificationId], now: datetime) -> list[NotificationId]:
        """See `notifications.send_again`."""
        with self._database.begin() as connection:
            return notifications.send_again(connection, ids, now)

    def secrets(self, caller: str, now: datetime) -> list[signing.SigningSecret]:
        """See `signing.valid`."""
        with self._database.begin() as connection:
            return signing.valid(connection, self._sealer, caller, now)

    def rotate(self, caller: str, now: datetime, overlap: timedelta) -> list[signing.SigningSecret]:
        """See `signing.rotate`."""
        with self._database.begin() as connection:
            return signing.rotate(connection, self._sealer, caller, now, overlap)
