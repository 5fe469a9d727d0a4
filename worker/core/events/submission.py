"""What is learned before and around a submission: of the input, the budget, the POST, and the mark it left. They may be nothing but values."""

from dataclasses import dataclass
from datetime import timedelta

from worker.core.failures import Failure
from worker.core.job import Mark, ReplicaId


@dataclass(frozen=True, slots=True)
class FellDue:
    """The job's `due_at` has come, and this worker has taken it."""


@dataclass(frozen=True, slots=True)
class InputPassed:
    """Preflight found nothing against paying for this input."""


@dataclass(frozen=True, slots=True)
class InputRejected:
    """Preflight found that this input cannot succeed."""

    failure: Failure
    detail: str


@dataclass(frozen=True, slots=True)
class InputUnread:
    """The input's own server did not answer: nothing was learned of the input."""

    detail: str


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
