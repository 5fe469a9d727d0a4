"""decide(): the one function that moves a job, by a table total over (state, event). It may not do anything: effects are returned.

Rule 1: every move of a job is a row here, with the states it may lead to; `decide` refuses a handler that leads elsewhere.
Rule 2: only the row (queued, InputPassed) asks for a submission, and only (opening, FellDue) for a conversation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

from worker.core import (
    adoption,
    aftermath,
    deletion,
    ending,
    events,
    notifications,
    opening,
    people,
    restoring,
    submission,
    training,
    visiting,
)
from worker.core.decision import Decision, IllegalTransition
from worker.core.events import Event
from worker.core.job import Job
from worker.core.rules import Rules
from worker.core.states import State

Handler = Callable[[Job, Any, datetime, Rules], Decision]


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the table: who handles the pair, and where that may lead. `handler` None: the pair is illegal, and `reason` says so."""

    handler: Handler | None
    to: frozenset[State] = frozenset()
    reason: str = "It cannot happen in this state."


def _ignore(job: Job, _event: Event, _now: datetime, _rules: Rules) -> Decision:
    """A stale answer: what it says is known, or no longer matters."""
    return Decision(job)


def _row(handler: Handler, *to: State) -> Row:
    return Row(handler, frozenset(to))


_STAY = frozenset[State]()
_Q, _S, _T, _R, _O = State.QUEUED, State.SUBMITTING, State.TRAINING, State.READY, State.OPENING
_D, _H, _A, _C = State.DONE, State.HELD, State.ABANDONED, State.CANCELLED

EVENTS: tuple[type[Event], ...] = get_args(Event)

# Late facts: answers that come when the job has moved on. Legal everywhere, since duplicates and delays are normal; they change no state, but what
# was paid or opened is recorded.
_LATE: dict[type[Event], Row] = {
    events.SubmissionAccepted: _row(adoption.record),
    events.MarkFound: _row(adoption.record),
    events.MarkAmbiguous: _row(aftermath.record_many),
    events.MarkDiscovered: _row(restoring.record),
    events.CallbackReceived: _row(adoption.take_hint),
    events.WitnessRejected: _row(adoption.reject_witness),
    events.ReplicaRenamed: _row(adoption.note_name),
    events.RenameFailed: _row(adoption.note_name),
    events.ConversationOpened: _row(opening.note),
    events.ConversationFound: _row(opening.note),
    events.ReplicaDeleted: _row(deletion.record),
    events.DeletionDeclined: _row(deletion.decline),
    events.DeletionUnread: _row(deletion.ask_again),
    events.DeletionRequested: _row(deletion.request),
    events.DeletionFellDue: _row(deletion.carry_out),
    events.FailureConfirmed: _row(deletion.confirm),
    events.ConversationEndRequested: _row(ending.request),
    events.ConversationEndFellDue: _row(ending.carry_out),
    events.ConversationEnded: _row(ending.record),
    events.ConversationEndDeclined: _row(ending.decline),
    events.ConversationEndUnread: _row(ending.ask_again),
    events.ConversationTold: _row(visiting.listen),
} | {
    stale: _row(_ignore)
    for stale in (
        events.SubmissionRefused, events.SubmissionLost, events.MarkAbsent, events.LookupUnread, events.BudgetReached,
        events.TrainingContinued, events.TrainingCompleted, events.TrainingFailed, events.ReplicaMissing, events.PollUnread,
        events.ConversationRefused, events.ConversationLost, events.ConversationAbsent, events.ConversationUnread,
        events.AccountResumed, events.LinkVisited, events.VisitorLeft, events.ConversationContinued,
    )
}  # fmt: skip

# What would begin again with what was asked for. A visit is ignored in most states, and everywhere else it opens a conversation.
_NEEDS_ITS_REQUEST = (events.RetryRequested, events.LinkVisited)

_OVER = Row(None, reason="The job is over; enqueue a new one.")
_NOT_HELD = Row(None, reason="Only a held job can be released or abandoned.")
_NO_CONVERSATION = Row(None, reason="There is a conversation already, or none can follow.")
_NOTHING_DUE = Row(None, reason="Nothing is due in this state.")
_NOT_ABANDONED = Row(None, reason="Only an abandoned job can be tried again.")

# What is still to be learned of a job that is over, or that waits for somebody to ask for its conversation.
_AFTERMATH: dict[type[Event], Row] = {
    events.FellDue: _row(aftermath.look),
    events.SubmissionAccepted: _row(aftermath.record),
    events.SubmissionRefused: _row(aftermath.refuse),
    events.MarkFound: _row(aftermath.record),
    events.MarkAbsent: _row(aftermath.count_absence),
    events.MarkAmbiguous: _row(aftermath.record_many),
    events.LookupUnread: _row(aftermath.keep_looking),
    events.TrainingContinued: _row(aftermath.wait_on),
    events.TrainingCompleted: _row(aftermath.complete),
    events.TrainingFailed: _row(aftermath.fail),
    events.ReplicaMissing: _row(aftermath.doubt),
    events.PollUnread: _row(aftermath.ask_again),
    events.CallbackReceived: _row(aftermath.take_hint),
}

_ROWS: dict[State, dict[type[Event], Row]] = {
    _Q: {
        events.FellDue: _row(submission.check_input, _Q, _T),
        events.BudgetReached: _row(submission.wait_for_budget, _Q),
        events.LookupUnread: _row(submission.wait_for_witness, _Q),
        events.InputPassed: _row(submission.submit, _S),
        events.InputRejected: _row(submission.reject_input, _A),
        events.InputUnread: _row(submission.wait_for_input, _Q, _A),
        events.SubmissionAccepted: _row(adoption.adopt, _T, _Q),
        events.MarkFound: _row(adoption.adopt, _T, _Q),
        events.MarkAmbiguous: _row(adoption.adopt_oldest, _T, _Q),
        events.MarkDiscovered: _row(restoring.follow, _T, _Q),
        events.ConversationRequested: _row(opening.want, _Q),
        events.CancelRequested: _row(people.cancel, _C),
    },
    _S: {
        events.FellDue: _row(submission.look_up, _S),
        events.SubmissionAccepted: _row(adoption.adopt, _T, _C, _S),
        events.SubmissionRefused: _row(submission.refuse, _Q, _A, _H, _C, _S),
        events.SubmissionLost: _row(submission.keep_looking, _S),
        events.MarkFound: _row(adoption.adopt, _T, _C, _S),
        events.MarkAbsent: _row(submission.count_absence, _S, _Q, _H, _C),
        events.MarkAmbiguous: _row(adoption.adopt_oldest, _T, _C, _S),
        events.MarkDiscovered: _row(restoring.follow, _T, _C, _S),
        events.LookupUnread: _row(submission.keep_looking, _S, _H),
        events.ConversationRequested: _row(opening.want, _S),
        events.CancelRequested: _row(people.cancel_later, _S),
    },
    _T: {
        events.FellDue: _row(training.poll, _T),
        events.TrainingContinued: _row(training.wait_on, _T, _H),
        events.TrainingCompleted: _row(training.complete, _O, _R, _D, _T),
        events.TrainingFailed: _row(training.fail, _Q, _A, _H, _T),
        events.ReplicaMissing: _row(training.doubt, _T, _H),
        events.PollUnread: _row(training.ask_again, _T),
        events.MarkDiscovered: _row(restoring.follow, _T),
        events.ConversationRequested: _row(opening.want, _T),
        events.CancelRequested: _row(people.cancel, _C),
    },
    _R: _AFTERMATH | {
        events.ConversationRequested: _row(opening.open_now, _O),
        events.LinkVisited: _row(visiting.come, _O, _R),
        events.CancelRequested: _row(people.cancel, _C),
    },
    _O: {
        events.FellDue: _row(opening.look_or_open, _O),
        events.BudgetReached: _row(opening.wait_for_budget, _O),
        events.ConversationOpened: _row(opening.finish, _D, _C, _O),
        events.ConversationRefused: _row(opening.refuse, _O, _H, _C),
        events.ConversationLost: _row(opening.keep_looking, _O),
        events.ConversationFound: _row(opening.finish, _D, _C, _O),
        events.ConversationAbsent: _row(opening.count_absence, _O, _C, _H),
        events.ConversationUnread: _row(opening.keep_looking, _O, _H),
        events.ConversationRequested: _row(opening.want_anyway, _O),
        events.VisitorLeft: _row(visiting.leave, _R, _O),
        events.CancelRequested: _row(people.cancel_opening, _C, _O),
    },
    _D: _AFTERMATH | {events.ConversationRequested: _NO_CONVERSATION, events.LinkVisited: _row(visiting.come_again, _O, _D)},
    _H: {
        events.ReleaseRequested: _row(people.release, _Q, _S, _T, _O, _D, _C),
        events.AccountResumed: _row(people.resume, _Q, _S, _T, _O, _D, _C, _H),
        events.AbandonRequested: _row(people.abandon, _A),
        events.MarkDiscovered: _row(restoring.follow, _T, _C, _H),
        events.CancelRequested: _row(people.cancel_held, _C, _S, _O),
        events.ConversationRequested: _row(opening.want, _H),
    },
    _A: _AFTERMATH | {
        events.CancelRequested: _OVER,
        events.ConversationRequested: _OVER,
        events.RetryRequested: _row(people.retry, _Q, _O, _R, _D),
    },
    _C: _AFTERMATH | {events.CancelRequested: _row(_ignore, _C), events.ConversationRequested: _OVER},
}  # fmt: skip
_ROWS[_D][events.CancelRequested] = _OVER
_ILLEGAL: dict[type[Event], Row] = {
    events.FellDue: _NOTHING_DUE,
    events.ReleaseRequested: _NOT_HELD,
    events.AbandonRequested: _NOT_HELD,
    events.RetryRequested: _NOT_ABANDONED,
}

TABLE: Mapping[State, Mapping[type[Event], Row]] = {
    state: {event: _ROWS[state].get(event) or _LATE.get(event) or _ILLEGAL.get(event) or Row(None) for event in EVENTS} for state in State
}
"""Every (state, event). Rows with no `to` stay where they are."""


def decide(job: Job, event: Event, now: datetime, rules: Rules) -> Decision:
    """What becomes of `job` now that `event` is known at `now`.

    Raises IllegalTransition when the pair has no row, or (as DeletionRefused) when the door of deletion is shut.
    """
    row = TABLE[job.state][type(event)]
    if row.handler is None:
        raise IllegalTransition(job, event, row.reason)
    if job.erased_at is not None and isinstance(event, _NEEDS_ITS_REQUEST):
        raise IllegalTransition(job, event, "What was asked for was erased by retention; enqueue a new one.")
    decision = row.handler(job, event, now, rules)
    if decision.job.state not in (row.to or {job.state}):
        raise IllegalTransition(job, event, f"Its row does not lead to {decision.job.state}: mend the table.")
    if decision.job.state is not job.state:
        told = notifications.word_of(decision.job, decision.why)
        return replace(decision, job=aftermath.watched(decision.job, now, rules), effects=(*decision.effects, *told))
    return decision
