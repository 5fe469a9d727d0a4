"""What is learned of a training. They may be nothing but values."""

from dataclasses import dataclass
from datetime import timedelta

from worker.core.failures import Failure
from worker.core.job import Mark, ReplicaId


@dataclass(frozen=True, slots=True)
class TrainingContinued:
    """Tavus says that the replica is neither trained nor failed, or uses a word that we do not know."""

    replica_id: ReplicaId
    progress: str | None


@dataclass(frozen=True, slots=True)
class TrainingCompleted:
    """Tavus says that the replica is trained."""

    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class TrainingFailed:
    """Tavus says that the training ended in an error."""

    replica_id: ReplicaId
    failure: Failure
    detail: str


@dataclass(frozen=True, slots=True)
class ReplicaMissing:
    """Tavus says that it knows no such replica. One such answer is not believed."""

    replica_id: ReplicaId
    detail: str


@dataclass(frozen=True, slots=True)
class PollUnread:
    """The question how the training goes was not answered: nothing was learned. `held`: it was not even put, our own pace let nothing out."""

    detail: str
    retry_after: timedelta | None = None
    account_fault: Failure | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class CallbackReceived:
    """Somebody who knows an attempt's token says that there is news. A hint: it is never believed, only looked into.

    `mark`: the attempt whose token it was. `replica_id`: whom it names, if anybody.
    """

    mark: Mark | None = None
    replica_id: ReplicaId | None = None
