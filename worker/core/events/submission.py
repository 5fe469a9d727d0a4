"""What is learned before and around a submission: of the input, the budget, the POST, and the mark it left. They may be nothing but values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.core.failures import Failure
from worker.core.job import Mark, ReplicaId


@dataclass(frozen=True, slots=True)
class FellDue:
    """The job's `due_at` has come, and this worker has taken it."""


@dataclass(frozen=True, slots=True)
class InputPassed:
    """Preflight found nothing against paying for this input.

    `fresh`: fields of Create Replica for this one submission, which the caller's provider gave for it. They are neither stored nor told: addresses
    are in them, and their queries are secrets. `advice`: what a look at the picture found that may be rejected.
    """

    fresh: Mapping[str, str] | None = field(default=None, repr=False, metadata={"untold": True})
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InputRejected:
    """Preflight found that this input cannot succeed."""

    failure: Failure
    detail: str


@dataclass(frozen=True, slots=True)
class InputUnread:
    """The input's own server did not answer, or not the provider of its address: nothing was learned of the input. `failure`: which of the two."""

    detail: str
    failure: Failure = Failure.IMAGE_HOST_FAILING


@dataclass(frozen=True, slots=True)
class BudgetReached:
    """The account's own limit lets nothing more be paid for now. `retry_after`: when it will, if time alone brings that."""

    failure: Failure
    detail: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SubmissionAccepted:
    """Tavus answered the POST with a replica id: it is paid."""

    mark: Mark
    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class SubmissionRefused:
    """The POST certainly made no replica."""

    mark: Mark
    failure: Failure
    detail: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SubmissionLost:
    """The POST may have made a replica; nobody can say."""

    mark: Mark
    detail: str


@dataclass(frozen=True, slots=True)
class MarkFound:
    """A complete scan of the account's replicas found the mark exactly once."""

    mark: Mark
    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class MarkAbsent:
    """A complete scan of the account's replicas did not find the mark."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class MarkAmbiguous:
    """A complete scan found the mark on more than one replica; oldest first."""

    mark: Mark
    replica_ids: tuple[ReplicaId, ...]


@dataclass(frozen=True, slots=True)
class MarkDiscovered:
    """After a restore: the account's whole list has a replica that a submission of this job made, and that the backup knew nothing of.

    `made_at`: when Tavus made it.
    """

    mark: Mark
    replica_id: ReplicaId
    made_at: datetime


@dataclass(frozen=True, slots=True)
class WitnessRejected:
    """The replica that a callback named does not carry the attempt's mark: the callback proves nothing."""

    mark: Mark
    replica_id: ReplicaId
    detail: str


@dataclass(frozen=True, slots=True)
class LookupUnread:
    """The scan was not completed: nothing was learned."""

    mark: Mark
    detail: str
    retry_after: timedelta | None = None
    account_fault: Failure | None = None


@dataclass(frozen=True, slots=True)
class ReplicaRenamed:
    """The replica has the caller's own name."""

    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class RenameFailed:
    """The replica keeps the name with its mark in it."""

    replica_id: ReplicaId
    detail: str
