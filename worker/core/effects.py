"""Orders out: effects, in the imperative, are all that `decide` may ask for. They may be nothing but values; the engine has them performed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.core.failures import Failure
from worker.core.job import ConversationId, JobId, Mark, ReplicaId


@dataclass(frozen=True, slots=True)
class CheckInput:
    """See whether the input is worth paying for. Costs nothing."""


@dataclass(frozen=True, slots=True)
class SubmitReplica:
    """POST the replica. The only effect that pays for a training."""

    account: str
    mark: Mark
    body: Mapping[str, Any] = field(repr=False)  # it holds addresses, and their queries are secrets


@dataclass(frozen=True, slots=True)
class LookUpMark:
    """Scan the account's replicas for the mark."""

    account: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class VerifyWitness:
    """Ask for the replica that a callback named, and whether it carries the mark."""

    account: str
    mark: Mark
    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class RenameReplica:
    """Give the replica the caller's own name."""

    account: str
    replica_id: ReplicaId
    name: str


@dataclass(frozen=True, slots=True)
class PollReplica:
    """Ask how the training goes. The engine asks for many in one call. `model` says what "completed" means."""

    account: str
    replica_id: ReplicaId
    model: str


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """POST the conversation. It bills from its creation. `job_id`: whom Tavus' words about it are for."""

    account: str
    mark: Mark
    body: Mapping[str, Any] = field(repr=False)  # it holds addresses, and their queries are secrets
    job_id: JobId


@dataclass(frozen=True, slots=True)
class LookUpConversation:
    """Scan the account's active conversations for the mark."""

    account: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class LookAtConversation:
    """Ask whether the conversation goes on."""

    account: str
    conversation_id: ConversationId
    mark: Mark


@dataclass(frozen=True, slots=True)
class EndConversation:
    """End the conversation, if what Tavus shows under its id carries our mark."""

    account: str
    conversation_id: ConversationId
    mark: Mark


@dataclass(frozen=True, slots=True)
class ConfirmFailure:
    """Look whether Tavus still says that the training failed, before its replica is deleted."""

    account: str
    replica_id: ReplicaId


@dataclass(frozen=True, slots=True)
class DeleteReplica:
    """Delete the replica, if a fresh look still says `failed` (or trained, when that is what we believe)."""

    account: str
    replica_id: ReplicaId
    failed: bool
    hard: bool


@dataclass(frozen=True, slots=True)
class StopAccount:
    """Pay for nothing more on this account until a person resumes it; `deaf`: do not even ask, the key is not accepted."""

    account: str
    failure: Failure
    deaf: bool


@dataclass(frozen=True, slots=True)
class TellCaller:
    """Tell the caller what became of the job. Written down with the move itself; sent from there, as often as it takes.

    `kind`: the notification's type. `about`: what there is to say, as JSON.
    """

    kind: str
    about: Mapping[str, Any]


Question = PollReplica | LookUpMark | LookUpConversation
"""Effects that only ask, and of which one call answers many of an account."""
TavusEffect = (
    SubmitReplica | LookUpMark | VerifyWitness | RenameReplica | PollReplica | OpenConversation | LookUpConversation | ConfirmFailure
    | DeleteReplica | EndConversation | LookAtConversation
)  # fmt: skip
RemoteEffect = CheckInput | TavusEffect
WrittenEffect = StopAccount | TellCaller
"""Effects that are in force with the commit: nobody performs them."""
Effect = RemoteEffect | WrittenEffect
