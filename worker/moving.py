"""Moves one job: decide, commit, perform, commit what came of it. It may not decide, and it never performs anything inside a transaction.

The order is the promise: the intent to pay is committed before the POST leaves, its outcome after; a process that dies in between leaves a row that
says what may have happened.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from worker import logs
from worker.core import events
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.effects import (
    CheckInput,
    ConfirmFailure,
    DeleteReplica,
    Effect,
    EndConversation,
    LookAtConversation,
    LookUpConversation,
    LookUpMark,
    OpenConversation,
    PollReplica,
    RemoteEffect,
    RenameReplica,
    StopAccount,
    SubmitReplica,
    VerifyWitness,
    WrittenEffect,
)  # fmt: skip
from worker.core.events import Event
from worker.core.failures import Failure
from worker.core.job import Job
from worker.core.rules import Rules, phase
from worker.core.visiting import has_left
from worker.counts import UNCOUNTED, Counts
from worker.pacing.kinds import Held, Kind, Reason
from worker.pacing.pacer import UNPACED, Pacer
from worker.preflight import Preflight
from worker.provider import UNPROVIDED, Provider
from worker.store.budgets import BudgetSpentError
from worker.store.clock import Clock, utc_now
from worker.store.jobs import Applied, Ledger, StaleJobError
from worker.tavus.perform import Performer
from worker.traces import UNTRACED, Tracer

_ATTEMPTS = 20  # times that a write which lost to another is decided anew: each loss means that somebody else won

# What only the holder of the lease may say, no news of a training among it: that would put off the look which a callback has just asked for. And an
# absence: it proves something for the moment of the look, which may be long ago for who was robbed of his lease.
# Everything else is a fact of the outside world, or a person's word: true whoever holds the job.
FENCED = (
    events.FellDue, events.InputPassed, events.InputRejected, events.InputUnread, events.BudgetReached, events.TrainingContinued,
    events.PollUnread, events.MarkAbsent, events.ConversationAbsent,
)  # fmt: skip

_WAIT = "the account's calls are spent for now"
_WAITS = {
    Reason.FULL: "every conversation slot is taken",
    Reason.BREAKER: "Tavus fails at such calls just now",
}

_KINDS: dict[type[RemoteEffect], Kind] = {
    VerifyWitness: Kind.LOOK, ConfirmFailure: Kind.LOOK, LookUpMark: Kind.LOOK, LookUpConversation: Kind.LOOK, PollReplica: Kind.LOOK,
    RenameReplica: Kind.OTHER, DeleteReplica: Kind.LOOK, EndConversation: Kind.LOOK,
    LookAtConversation: Kind.LOOK,
}  # fmt: skip
"""What the first call of an effect is, for those that pay nothing: a deletion, or an end, looks before it is done."""

log = structlog.get_logger("engine")


@dataclass(frozen=True, slots=True)
class Mover:
    """What every way of moving a job goes through. `call`: the longest that one call to Tavus lasts."""

    ledger: Ledger
    performer: Performer
    preflight: Preflight
    given: Rules | Callable[[], Rules]
    call: timedelta
    clock: Clock = utc_now
    pace: Pacer = UNPACED
    provider: Provider = UNPROVIDED
    counts: Counts = UNCOUNTED
    tracer: Tracer = UNTRACED

    @property
    def rules(self) -> Rules:
        """The rules as they are now: the durations never change, what was learned of trainings does."""
        return self.given if isinstance(self.given, Rules) else self.given()

    def _run(self, job: Job, first: Event) -> Job:
        """Commit what follows from `first`, perform the effects, commit what follows from those, until nothing follows.

        Every line that anybody logs meanwhile says whose job it is about.
        """
        before = logs.ABOUT.set(job)
        try:
            committed = self._commit(job, first)
            return job if committed is None else self._follow(committed.job, committed.effects)
        finally:
            logs.ABOUT.reset(before)
            # Lost to another, spent meanwhile, too late: whatever was let out and did not go would keep others waiting, and a probe all of them.
            self.pace.release()

    def _follow(self, job: Job, effects: Sequence[Effect]) -> Job:
        """Perform the effects, and run on with what they tell."""
        for effect in effects:
            if not isinstance(effect, WrittenEffect):  # these are in force since the commit
                job = self._run(job, self._perform(job, effect))
        return job

    def _commit(self, job: Job, event: Event) -> Decision | None:
        """Write what `event` means. None: the job was lost to somebody else, and with it the right to say this."""
        for _ in range(_ATTEMPTS):
            now = self.clock()
            decision = decide(job, event, now, self.rules)
            if decision.job == job and not decision.why and not _stops(decision.effects):
                return decision  # nothing to remember
            if (held := self._held_back(job, decision)) is not None:
                event = held
                continue
            try:
                written = self.ledger.apply(Applied(job, event, decision, self.rules), now)
                self._tell(job, written, decision.why)
                return replace(decision, job=written)
            except BudgetSpentError as spent:
                event = spent.event  # the last word on the budget is the ledger's: others were faster since the look at it
            except StaleJobError:
                if isinstance(event, FENCED):
                    log.info("lease lost", event_type=type(event).__name__)
                    return None
                job = self.ledger.get(job.id)
        raise StaleJobError(job.id)

    def _tell(self, before: Job, after: Job, why: str) -> None:
        """Tell those who watch of what was written."""
        tell_the_log(before, after, why)
        self.counts.moved(before, after, self.rules)
        self.tracer.moved(before, after, self.clock)

    def _perform(self, job: Job, effect: RemoteEffect) -> Event:
        if isinstance(effect, CheckInput):
            limited = job.terms.has_limits
            if limited and (spent := self.ledger.budget_reached(job.account, self.clock(), self.rules)) is not None:
                return spent
            if (held := self.pace.permit(job.account, Kind.SUBMIT, retry=_is_retry(job))) is not None:
                return _held(job, held)  # its picture is not fetched again and again while it waits
            return self._look_at_input(job)
        if self._is_too_late(job, effect):
            return _sent_too_late(effect)
        pays = isinstance(effect, SubmitReplica | OpenConversation)
        if not pays and (held := self.pace.permit(job.account, _KINDS[type(effect)])) is not None:
            return _held(job, held)  # nobody was asked, so nothing is forgotten: the job comes back when its lease is over, at the latest
        with self.tracer.performing(job, type(effect).__name__):
            return self.performer.perform(effect)

    def _look_at_input(self, job: Job) -> Event:
        """Preflight, of what the caller's provider gives now where the caller has one."""
        if job.request.source_url_provider is None:
            return self.preflight.check(job.request, self.clock())
        given = self.provider.ask(job, self.clock())
        if not isinstance(given, str):
            return given
        fresh = {job.request.source: given}
        seen = self.preflight.check(replace(job.request, replica={**job.request.replica, **fresh}), self.clock())
        return replace(seen, fresh=fresh) if isinstance(seen, events.InputPassed) else seen

    def _held_back(self, job: Job, decision: Decision) -> events.BudgetReached | events.VisitorLeft | None:
        """What to say instead of an intent to pay: nobody waits for it any more, or the account's pace does not let its POST out.

        Asked before the intent is written.
        """
        for effect in decision.effects:
            if isinstance(effect, SubmitReplica | OpenConversation):
                if isinstance(effect, OpenConversation) and has_left(job, self.clock(), self.rules):
                    return events.VisitorLeft()
                kind = Kind.SUBMIT if isinstance(effect, SubmitReplica) else Kind.CONVERSE
                held = self.pace.permit(job.account, kind, retry=_is_retry(job))
                return None if held is None else _held(job, held)
        return None

    def _is_too_late(self, job: Job, effect: RemoteEffect) -> bool:
        """Whether a POST could still be on its way when the lease is over: a process that was put to sleep here wakes up too late to pay."""
        if not isinstance(effect, SubmitReplica | OpenConversation):
            return False
        return job.due_at is None or self.clock() + self.call >= job.due_at


def tell_the_log(before: Job, after: Job, why: str) -> None:
    """What the story tells, for those who read logs; a poll without news is no news. Money that went astray is an alarm, and a late training."""
    if why:
        tell = log.error if _alarms(after) > _alarms(before) else log.info
        about = {"job_id": after.id, "attempt": len(after.attempts), "caller": after.caller, "account": after.account}
        tell(why, **about, from_state=before.state.value, to_state=after.state.value)


def _alarms(job: Job) -> int:
    """What of the job a person should look at, at once."""
    return sum(len(attempt.strays) + (attempt.late_at is not None) for attempt in job.attempts)


def _stops(effects: Iterable[Effect]) -> bool:
    return any(isinstance(effect, StopAccount) for effect in effects)


def _is_retry(job: Job) -> bool:
    """Whether an earlier call of the job came to nothing on its way. One that Tavus itself put off is none: the pace has slowed down for that."""
    return job.tries > 0 and job.failure in {Failure.UNREACHABLE, Failure.SENT_TOO_LATE}


def _held(job: Job, held: Held) -> events.BudgetReached:
    """Constant words for each sort of wait, so that a story tells it once; a job that failed before keeps its failure."""
    known = job.failure if job.tries and job.failure is not None else Failure.PACED
    failure = Failure.CONVERSATIONS_FULL if held.reason is Reason.FULL else known
    # Who waits for the same moment does not come at the same moment.
    return events.BudgetReached(failure, _WAITS.get(held.reason, _WAIT), held.after * (1.0 + 0.25 * phase(f"{job.id}:pace")))


def _sent_too_late(effect: RemoteEffect) -> Event:
    detail = "the worker was too slow between its intent and the request"
    if isinstance(effect, SubmitReplica):
        return events.SubmissionRefused(effect.mark, Failure.SENT_TOO_LATE, detail)
    if isinstance(effect, OpenConversation):
        return events.ConversationRefused(effect.mark, Failure.SENT_TOO_LATE, detail)
    message = f"{type(effect).__name__} costs nothing and is never too late"
    raise TypeError(message)
