"""What is asked and learned around the deletion of a replica. They may be nothing but values."""

from dataclasses import dataclass
from datetime import timedelta

from worker.core.failures import Failure
from worker.core.job import ReplicaId


@dataclass(frozen=True, slots=True)
class DeletionRequested:
    """Somebody wants a replica deleted; `hard` also erases its assets, for ever, and needs the replica's id for that.

    `replica_id`: the one that is meant; None: the one that the job follows. Where the wish travels it is named: when it arrives, another may
    have been paid for.
    """

    hard: bool = False
    replica_id: ReplicaId | None = None


@dataclass(frozen=True, slots=True)
class DeletionFellDue:
    """A wished-for deletion is to be worked on."""

    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class FailureConfirmed:
    """Tavus says again, after the refund hold, that the training failed."""

    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class ReplicaDeleted:
    """Tavus deleted the replica."""

    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class DeletionDeclined:
    """The replica was not deleted: a fresh look contradicted what we believed, or it is in use. The wish is over."""

    replica_id: ReplicaId
    detail: str


@dataclass(frozen=True, slots=True)
class DeletionUnread:
    """Tavus did not answer the look or the deletion: nothing was learned, and the wish stands."""

    replica_id: ReplicaId
    detail: str
    retry_after: timedelta | None = None
    account_fault: Failure | None = None
