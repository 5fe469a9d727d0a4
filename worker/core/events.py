"""Facts in: events, in the past tense, are all that `decide` may learn of the world. They may be nothing but values.

For a call that costs money there are three kinds of no, and they are never taken for one another:
*refused* (certainly not done), *lost* (maybe done), *unread* (a question that was not answered: nothing was learned).
"""

from dataclasses import dataclass
from datetime import timedelta

from worker.core.failures import Failure
from worker.core.job import ConversationId, Mark, ReplicaId


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
    """A complete scan found the mark on more than one replica."""

    mark: Mark
    replica_ids: tuple[ReplicaId, ...]


@dataclass(frozen=True, slots=True)
class LookupUnread:
    """The scan was not completed: nothing was learned."""

    mark: Mark
    detail: str
    retry_after: timedelta | None = None
    account_fault: Failure | None = None


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
    """The question how the training goes was not answered: nothing was learned."""

    detail: str
    retry_after: timedelta | None = None
    account_fault: Failure | None = None


@dataclass(frozen=True, slots=True)
class CallbackReceived:
    """Somebody who knows an attempt's token says that there is news. A hint: it is never believed, only looked into."""


@dataclass(frozen=True, slots=True)
class ConversationOpened:
    """Tavus answered the POST with a conversation."""

    mark: Mark
    conversation_id: ConversationId
    url: str


@dataclass(frozen=True, slots=True)
class ConversationRefused:
    """The POST certainly opened no conversation."""

    mark: Mark
    failure: Failure
    detail: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ConversationLost:
    """The POST may have opened a conversation; nobody can say."""

    mark: Mark
    detail: str


@dataclass(frozen=True, slots=True)
class ConversationFound:
    """A complete scan of the active conversations found the mark."""

    mark: Mark
    conversation_id: ConversationId
    url: str


@dataclass(frozen=True, slots=True)
class ConversationAbsent:
    """A complete scan of the active conversations did not find the mark."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class ConversationUnread:
    """The scan was not completed: nothing was learned."""

    mark: Mark
    detail: str
    retry_after: timedelta | None = None
    account_fault: Failure | None = None


@dataclass(frozen=True, slots=True)
class ConversationRequested:
    """The caller wants the conversation now."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The caller does not want the job any more."""


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """A person has mended what held the job."""


@dataclass(frozen=True, slots=True)
class AbandonRequested:
    """A person gives the held job up."""


@dataclass(frozen=True, slots=True)
class AccountResumed:
    """A person has mended the account that stopped the job."""


@dataclass(frozen=True, slots=True)
class DeletionRequested:
    """Somebody wants the latest attempt's replica deleted; `hard` also erases its assets, for ever.

    `replica_id`: the one that was meant, where the wish travels: when it arrives, another may have been paid for.
    """

    hard: bool = False
    replica_id: ReplicaId | None = None


@dataclass(frozen=True, slots=True)
class ReplicaDeleted:
    """Tavus deleted the replica."""

    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class DeletionDeclined:
    """The replica was not deleted: a fresh look contradicted what we believed, or Tavus did not answer."""

    replica_id: ReplicaId
    detail: str


Event = (
    FellDue | InputPassed | InputRejected | InputUnread
    | SubmissionAccepted | SubmissionRefused | SubmissionLost
    | MarkFound | MarkAbsent | MarkAmbiguous | LookupUnread
    | TrainingContinued | TrainingCompleted | TrainingFailed | ReplicaMissing | PollUnread | CallbackReceived
    | ConversationOpened | ConversationRefused | ConversationLost
    | ConversationFound | ConversationAbsent | ConversationUnread
    | ConversationRequested | CancelRequested | ReleaseRequested | AbandonRequested | AccountResumed
    | DeletionRequested | ReplicaDeleted | DeletionDeclined
)  # fmt: skip
