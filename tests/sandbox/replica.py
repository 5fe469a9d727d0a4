"""One replica as a value, and what it shows of itself at a given time. It is never changed in place, and it moves no money."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tests.sandbox.stock import VOICES
from tests.sandbox.training import TWO_STAGE, Lot, error_fields, progress


class Status(StrEnum):
    """The three words of GET and list (Tavus, OpenAPI, 2026-08). A webhook says `ready` for the second."""

    STARTED = "started"
    COMPLETED = "completed"
    ERROR = "error"


def stamp(moment: datetime) -> str:
    """A timestamp as the vendor writes it: `2024-01-24T07:14:03.327Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica that was asked for; deleted ones stay on record, because their money does."""

    replica_id: str
    account: str
    name: str
    url: str
    model: str
    voice: str | None
    lot: Lot
    created_at: datetime
    callback_url: str | None = None
    id_key: str = "replica_id"
    """Or `face_id`: the words of the path that it was created by."""
    deleted_at: datetime | None = None
    is_refunded: bool = False

    @property
    def ends_at(self) -> datetime | None:
        """When the training is over, tuning included; None: never."""
        return None if self.lot.ends is None else self.created_at + self.lot.ends

    @property
    def own_voice(self) -> str | None:
        """The account's own voice that it was given, if it was not a stock one."""
        return None if self.voice is None or self.voice.lower() in VOICES else self.voice

    def status(self, now: datetime) -> Status:
        """Its status at `now`; that of a deleted replica stays as it was."""
        elapsed = self._elapsed(now)
        if self.lot.preview is not None:
            return Status.COMPLETED if elapsed >= self.lot.preview else Status.STARTED
        if self.lot.ends is None or elapsed < self.lot.ends:
            return Status.STARTED
        return Status.ERROR if self.lot.failure else Status.COMPLETED

    def finetune_status(self, now: datetime) -> str | None:
        """phoenix-4.5 only: null, `training`, `completed` or `errored` (Tavus, Phoenix-4.5 preview and status, 2026)."""
        if self.lot.preview is None or self.status(now) is Status.STARTED:
            return None
        if not self.is_final(now):
            return "training"
        return "errored" if self.lot.failure else "completed"

    def is_final(self, now: datetime) -> bool:
        """Whether nothing more will change by itself."""
        return self.lot.ends is not None and self._elapsed(now) >= self.lot.ends

    def is_paid_and_good(self, now: datetime) -> bool:
        """Whether its credit is spent: trained, or still training, or deleted while it was (the charge stays then)."""
        return self.status(now) is not Status.ERROR

    def listed(self, now: datetime, *, verbose: bool) -> dict[str, object]:
        """As the list shows it: without `error_message` and `updated_at` (Tavus, OpenAPI, 2026-08)."""
        status = self.status(now)
        row: dict[str, object] = {
            "replica_id": self.replica_id,
            "replica_name": self.name,
            "thumbnail_video_url": f"https://cdn.replica.tavus.io/{self.replica_id}/thumbnail.mp4" if status is Status.COMPLETED else None,
            "training_progress": self._progress(now, status),
            "status": status.value,
            "created_at": stamp(self.created_at),
            "model_name": self.model,
        }
        if verbose:
            row |= {"replica_type": "user", "finetune_status": self.finetune_status(now)}
        return row

    def shown(self, now: datetime, *, verbose: bool) -> dict[str, object]:
        """As GET shows it."""
        row = self.listed(now, verbose=verbose)
        final_at = self.ends_at if self.is_final(now) else None
        row |= {"error_message": None, "updated_at": stamp(final_at or self.created_at), "default_voice_id": self.own_voice}
        if self.model == TWO_STAGE:
            row["finetune_status"] = self.finetune_status(now)
        if self.status(now) is Status.ERROR or (self.lot.tuning_fails and self.is_final(now)):
            row |= error_fields(self.lot)
        return row

    def callback(self, now: datetime) -> dict[str, str]:
        """What a webhook says at `now`: a flat object, unsigned (Tavus, Webhooks and Callbacks, early 2026)."""
        if self.is_final(now) and self.lot.failure is not None:
            return {self.id_key: self.replica_id, "status": "error", **error_fields(self.lot)}
        return {self.id_key: self.replica_id, "status": "ready"}

    def _elapsed(self, now: datetime) -> timedelta:
        return min(now, self.deleted_at or now) - self.created_at

    def _progress(self, now: datetime, status: Status) -> str:
        # A rejected image stays at 0/100 (observed, 2026).
        return "0/100" if status is Status.ERROR or self.lot.is_refundable else progress(self._elapsed(now), self.lot.ends)
