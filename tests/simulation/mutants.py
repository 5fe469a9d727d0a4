"""The classic mistakes of such a system, each put into the product for a while: a simulation that does not see them proves nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from tests.simulation.ledgers import MEMORY
from tests.simulation.memory import MemoryLedger
from worker.core import adoption, aftermath, events, opening, people, submission, training, visiting
from worker.core.decide import TABLE, Row
from worker.core.decision import Decision, moved
from worker.core.effects import DeleteReplica, PollReplica, SubmitReplica, WrittenEffect
from worker.core.failures import Failure
from worker.core.job import Job, JobId, Outcome
from worker.core.rules import Rules
from worker.core.states import State
from worker.engine import Engine
from worker.store.jobs import Applied
from worker.tavus import lookups, perform, polls
from worker.tavus.client import Tavus
from worker.tavus.refusals import Refusal, refusal_of
from worker.tavus.scan import Scanned, own_replicas

_T, _S, _O = State.TRAINING, State.SUBMITTING, State.OPENING
Put = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: what it is, and how it is put in."""

    name: str
    mistake: str
    put_in: Put
    ledger: str = MEMORY


def _row(state: State, event: type[events.Event], handler: Callable[..., Decision], *to: State) -> Put:
    """Another handler in one cell of the table of decisions."""
    cell = TABLE[state][event]
    return lambda: patch.dict(TABLE[state], {event: Row(handler, frozenset(cell.to | set(to) or {state}))})


def _post_again(job: Job, _event: object, now: datetime, rules: Rules) -> Decision:
    body = submission._body(job, job.attempt, {})
    return Decision(replace(job, due_at=now + rules.lease), (SubmitReplica(job.account, job.attempt.mark, body),), "sent once more")


def _refused_whenever_unsure(*given: Any) -> Refusal:  # noqa: ANN401 - as the original
    return refusal_of(*given) or Refusal(Failure.UNREACHABLE, "nothing came back")


def _nothing_where_unread(*given: Any) -> Scanned[Any]:  # noqa: ANN401 - as the original
    found = own_replicas(*given)
    return found if isinstance(found, Scanned) else Scanned(())


def _single_believes_silence(tavus: Tavus, look: PollReplica, deadline: float) -> polls.PollEvent:
    event = _SINGLE(tavus, look, deadline)
    return events.TrainingFailed(look.replica_id, Failure.AUDIO_PROCESSING, "?") if isinstance(event, events.PollUnread) else event


_SINGLE = polls._single


def _fail_and_delete(job: Job, event: events.TrainingFailed, now: datetime, rules: Rules) -> Decision:
    decision = training.fail(job, event, now, rules)
    return replace(decision, effects=(*decision.effects, DeleteReplica(job.account, event.replica_id, failed=True, hard=False)))


def _three_scans_are_enough(job: Job, event: events.MarkAbsent, now: datetime, rules: Rules) -> Decision:
    return submission.count_absence(job, event, now, replace(rules, settle_scans=3, settle_time=timedelta(minutes=1)))


def _believe_the_callback(job: Job, _event: object, now: datetime, rules: Rules) -> Decision:
    return training.complete(job, events.TrainingCompleted(job.attempt.replica_id), now, rules)  # type: ignore[arg-type]


def _open_again(job: Job, event: events.FellDue, now: datetime, rules: Rules) -> Decision:
    forgotten = replace(job.conversation, intended_at=None) if job.conversation else None
    return opening.look_or_open(replace(job, conversation=forgotten), event, now, rules)


def _vanished_at_once(job: Job, _event: object, now: datetime, _rules: Rules) -> Decision:
    gone = job.with_attempt(replace(job.attempt, outcome=Outcome.ABSENT))
    return Decision(moved(gone, State.QUEUED, now), why="it is gone: submitted again")


@contextmanager
def _cancelled_and_forgotten() -> Iterator[None]:
    """A cancellation ends the job at once, and nobody looks at it any more."""
    with ExitStack() as both:
        both.enter_context(_row(_S, events.CancelRequested, people.cancel, State.CANCELLED)())
        both.enter_context(patch.object(aftermath, "watched", lambda job, _now, _rules: job))
        yield


def _believe_the_witness(job: Job, event: events.CallbackReceived, now: datetime, rules: Rules) -> Decision:
    if event.mark is None or event.replica_id is None:
        return Decision(job)
    return adoption.adopt(job, events.MarkFound(event.mark, event.replica_id), now, rules)


def _forget_to_come_back(job: Job, event: events.PollUnread, now: datetime, rules: Rules) -> Decision:
    decision = training.ask_again(job, event, now, rules)
    return replace(decision, job=replace(decision.job, due_at=None))


def _release_to_the_start(job: Job, _event: object, now: datetime, _rules: Rules) -> Decision:
    settled = tuple(replace(one, outcome=Outcome.ABSENT) for one in job.attempts)
    return Decision(moved(replace(job, attempts=settled), State.QUEUED, now), why="released: from the beginning")


def _hold_counted_from_the_submission(job: Job, event: events.TrainingFailed, now: datetime, rules: Rules) -> Decision:
    decision = training.fail(job, event, now, rules)
    early = tuple(replace(one, deletable_at=one.intended_at) if one.deletable_at else one for one in decision.job.attempts)
    return replace(decision, job=replace(decision.job, attempts=early))


def _run_pays_before_it_writes(self: Engine, job: Job, first: events.Event) -> Job:
    """The POST leaves, and then the intent and its outcome are written."""
    if not isinstance(first, events.InputPassed):
        return _RUN(self, job, first)
    decision = self_decide(self, job, first)
    outcomes = [self._perform(decision.job, effect) for effect in decision.effects if isinstance(effect, SubmitReplica)]
    committed = self._commit(job, first)
    job = committed.job if committed else job
    for outcome in outcomes:
        committed = self._commit(job, outcome)
        job = committed.job if committed else job
    return job


def self_decide(engine: Engine, job: Job, event: events.Event) -> Decision:
    """What the engine would decide."""
    return TABLE[job.state][type(event)].handler(job, event, engine.clock(), engine.rules)  # type: ignore[misc]


_RUN = Engine._run


@contextmanager
def _run_in_the_wrong_order() -> Iterator[None]:
    """`_run` handles each event by itself, so that what follows from InputPassed comes through the mutant too."""

    def run(self: Engine, job: Job, first: events.Event) -> Job:
        pending = [first]
        while pending:
            event = pending.pop(0)
            if isinstance(event, events.InputPassed) and job.state is State.QUEUED:
                return _run_pays_before_it_writes(self, job, event)
            committed = self._commit(job, event)
            if committed is None:
                return job
            job = committed.job
            pending += [self._perform(job, effect) for effect in committed.effects if not isinstance(effect, WrittenEffect)]
        return job

    with patch.object(Engine, "_run", run):
        yield


def _apply_without_a_look(self: MemoryLedger, change: Applied, now: datetime) -> Job | None:
    current = self._rows[change.before.id].job
    return _COMMIT(self, replace(change, before=replace(change.before, version=current.version)), now)


_COMMIT = MemoryLedger._commit


def _take_whatever_is_named(self: MemoryLedger, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Job]:
    """A message is an order: whoever gets it works, whether or not somebody else does."""
    del now, lease
    return [row.job for row in self._named(job_ids) if row.job.due_at is not None]


def _open_for_each_visit(job: Job, event: events.LinkVisited, now: datetime, rules: Rules) -> Decision:
    return visiting.come(job, event, now, rules)


@contextmanager
def _neither_lease_nor_fence() -> Iterator[None]:
    with ExitStack() as both:
        both.enter_context(patch.object(MemoryLedger, "take", _take_whatever_is_named))
        both.enter_context(patch.object(MemoryLedger, "_commit", _apply_without_a_look))
        yield


MUTANTS: tuple[Mutant, ...] = (
    Mutant("post-again", "a submission whose outcome is unknown is sent again", _row(_S, events.FellDue, _post_again)),
    Mutant(
        "lost-is-refused",
        "a call without an answer counts as not done",
        lambda: patch.object(perform, "refusal_of", _refused_whenever_unsure),
    ),
    Mutant(
        "unread-is-absent",
        "a list that could not be read counts as empty",
        lambda: patch.object(lookups, "own_replicas", _nothing_where_unread),
    ),
    Mutant(
        "unread-is-failed",
        "a poll without an answer counts as a failed training",
        lambda: patch.object(polls, "_single", _single_believes_silence),
    ),
    Mutant("delete-on-error", "a failed replica is deleted at once", _row(_T, events.TrainingFailed, _fail_and_delete)),
    Mutant("patience-in-tries", "three scans prove absence, whatever their times", _row(_S, events.MarkAbsent, _three_scans_are_enough)),
    Mutant(
        "callback-believed",
        "a callback counts as the truth",
        _row(_T, events.CallbackReceived, _believe_the_callback, _O, State.READY, State.DONE),
    ),
    Mutant("no-compare-and-swap", "whoever writes last wins", lambda: patch.object(MemoryLedger, "_commit", _apply_without_a_look)),
    Mutant("no-lease", "a message is an order, and whoever writes last wins", _neither_lease_nor_fence),
    Mutant("intent-after-post", "the intent is written after the POST", _run_in_the_wrong_order),
    Mutant("open-again", "a conversation whose outcome is unknown is opened again", _row(_O, events.FellDue, _open_again)),
    Mutant(
        "sent-too-late", "a worker that slept sends its POST all the same", lambda: patch.object(Engine, "_is_too_late", lambda *_: False)
    ),
    Mutant(
        "missing-is-vanished",
        "one answer that Tavus knows no such replica pays for another",
        _row(_T, events.ReplicaMissing, _vanished_at_once, State.QUEUED),
    ),
    Mutant("cancel-and-forget", "a cancellation forgets that a POST may have arrived", _cancelled_and_forgotten),
    Mutant(
        "witness-believed",
        "a callback that names a replica needs no look at it",
        _row(_S, events.CallbackReceived, _believe_the_witness, _T, State.CANCELLED),
    ),
    Mutant("never-due-again", "after an unread poll nobody looks again", _row(_T, events.PollUnread, _forget_to_come_back)),
    Mutant("release-pays", "a release begins anew, whatever is paid", _row(State.HELD, events.ReleaseRequested, _release_to_the_start)),
    Mutant(
        "open-for-each-visit",
        "whoever comes by a link gets a conversation, though the last one goes on",
        _row(State.DONE, events.LinkVisited, _open_for_each_visit, _O),
    ),
    Mutant(
        "hold-too-short",
        "the refund hold is counted from the submission",
        _row(_T, events.TrainingFailed, _hold_counted_from_the_submission),
    ),
)
