"""Facts in: events, in the past tense, are all that `decide` may learn of the world. They may be nothing but values.

For a call that costs money there are three kinds of no, and they are never taken for one another:
*refused* (certainly not done), *lost* (maybe done), *unread* (a question that was not answered: nothing was learned).
"""

from worker.core.events.conversation import (
    ConversationAbsent,
    ConversationFound,
    ConversationLost,
    ConversationOpened,
    ConversationRefused,
    ConversationUnread,
)
from worker.core.events.deletion import (
    DeletionDeclined,
    DeletionFellDue,
    DeletionRequested,
    DeletionUnread,
    FailureConfirmed,
    ReplicaDeleted,
)
from worker.core.events.ending import (
    ConversationEndDeclined,
    ConversationEnded,
    ConversationEndFellDue,
    ConversationEndRequested,
    ConversationEndUnread,
)
from worker.core.events.people import (
    AbandonRequested,
    AccountResumed,
    CancelRequested,
    ConversationRequested,
    ReleaseRequested,
    RetryRequested,
)
from worker.core.events.submission import (
    BudgetReached,
    FellDue,
    InputPassed,
    InputRejected,
    InputUnread,
    LookupUnread,
    MarkAbsent,
    MarkAmbiguous,
    MarkDiscovered,
    MarkFound,
    RenameFailed,
    ReplicaRenamed,
    SubmissionAccepted,
    SubmissionLost,
    SubmissionRefused,
    WitnessRejected,
)
from worker.core.events.training import (
    CallbackReceived,
    PollUnread,
    ReplicaMissing,
    TrainingCompleted,
    TrainingContinued,
    TrainingFailed,
)
from worker.core.events.visiting import ConversationContinued, ConversationTold, LinkVisited, VisitorLeft

Event = (
    FellDue | InputPassed | InputRejected | InputUnread | BudgetReached
    | SubmissionAccepted | SubmissionRefused | SubmissionLost
    | MarkFound | MarkAbsent | MarkAmbiguous | MarkDiscovered | LookupUnread | WitnessRejected | ReplicaRenamed | RenameFailed
    | TrainingContinued | TrainingCompleted | TrainingFailed | ReplicaMissing | PollUnread | CallbackReceived
    | ConversationOpened | ConversationRefused | ConversationLost
    | ConversationFound | ConversationAbsent | ConversationUnread
    | ConversationRequested | CancelRequested | ReleaseRequested | AbandonRequested | RetryRequested | AccountResumed
    | DeletionRequested | DeletionFellDue | FailureConfirmed | ReplicaDeleted | DeletionDeclined | DeletionUnread
    | ConversationEndRequested | ConversationEndFellDue | ConversationEnded | ConversationEndDeclined | ConversationEndUnread
    | LinkVisited | VisitorLeft | ConversationContinued | ConversationTold
)  # fmt: skip

__all__ = [
    "AbandonRequested",
    "AccountResumed",
    "BudgetReached",
    "CallbackReceived",
    "CancelRequested",
    "ConversationAbsent",
    "ConversationContinued",
    "ConversationEndDeclined",
    "ConversationEndFellDue",
    "ConversationEndRequested",
    "ConversationEndUnread",
    "ConversationEnded",
    "ConversationFound",
    "ConversationLost",
    "ConversationOpened",
    "ConversationRefused",
    "ConversationRequested",
    "ConversationTold",
    "ConversationUnread",
    "DeletionDeclined",
    "DeletionFellDue",
    "DeletionRequested",
    "DeletionUnread",
    "Event",
    "FailureConfirmed",
    "FellDue",
    "InputPassed",
    "InputRejected",
    "InputUnread",
    "LinkVisited",
    "LookupUnread",
    "MarkAbsent",
    "MarkAmbiguous",
    "MarkDiscovered",
    "MarkFound",
    "PollUnread",
    "ReleaseRequested",
    "RenameFailed",
    "ReplicaDeleted",
    "ReplicaMissing",
    "ReplicaRenamed",
    "RetryRequested",
    "SubmissionAccepted",
    "SubmissionLost",
    "SubmissionRefused",
    "TrainingCompleted",
    "TrainingContinued",
    "TrainingFailed",
    "VisitorLeft",
    "WitnessRejected",
]
