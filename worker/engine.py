"""Moves jobs: take, decide, apply, perform, apply. It may not decide, and it never performs anything inside a transaction.

The order is the promise: the intent to pay is committed before the POST leaves, its outcome after; a process that dies in between leaves a row that
says what may have happened. `take` fences: whoever took the job before can no longer write to it.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from worker.core import events
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.effects import CheckInput, Effect, OpenConversation, Question, RemoteEffect, StopAccount, SubmitReplica
from worker.core.events import Event
from worker.core.failures import Failure
from worker.core.job import Job, JobId
from worker.core.rules import Rules
from worker.core.states import State
from worker.preflight import Preflight
from worker.store.budgets import BudgetSpentError
from worker.store.database import UNREACHABLE
from worker.store.jobs import Applied, Ledger, StaleJobError
from worker.store.reading import UNREADABLE
from worker.tavus.perform import Performer

Clock = Callable[[], datetime]
_ATTEMPTS = 20  # times that a write which lost to another is decided anew: each loss means that somebody else won

# What only the holder of the lease may say, no news of a training among it: that would put off the look which a callback has just asked for. And an
# absence: it proves something for the moment of the look, which may be long ago for who was robbed of his lease.
# Everything else is a fact of the outside world, or a person's word: true whoever holds the job.
_FENCED = (
    events.FellDue, events.InputPassed, events.InputRejected, events.InputUnread, events.BudgetReached, events.TrainingContinued,
    events.PollUnread, events.MarkAbsent, events.ConversationAbsent,
)  # fmt: skip

log = structlog.get_logger("engine")


def utc_now() -> datetime:
    """The clock on the wall."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Engine:
    """Advances jobs. One a process, used from any number of threads. `call`: the longest that one call to Tavus lasts."""

    ledger: Ledger
    performer: Performer
    preflight: Preflight
    rules: Rules
    call: timedelta
    clock: Clock = utc_now

    def advance(self, job_id: JobId) -> list[Job]:
        """Do what is due for one job. Nothing, if somebody else has it or the message is stale. Returns it, unless it was not taken."""
        return [self._run(job, events.FellDue()) for job in self.ledger.take([job_id], self.clock(), self.rules.lease)]

    def advance_many(self, job_ids: Sequence[JobId]) -> list[Job]:
        """The same for many jobs: questions of one kind and one account are asked together. Returns those that could be moved."""
        taken = self._take(job_ids)
        asking = [(job, question) for job in taken if (question := _question(job, self.clock(), self.rules))]
        moved: list[Job] = []
        for together in _by_kind_and_account(asking):
            moved += self._ask(together)
        asked = {job.id for job, _ in asking}
        for job in taken:
            if job.id not in asked:
                with _alone(job.id):
                    moved.append(self._run(job, events.FellDue()))
        return moved

    def tell(self, job_id: JobId, event: Event) -> Job:
        """Let a person's or a caller's word, or a callback, take effect now.

        Raises KeyError for an unknown job, IllegalTransition (DeletionRefused among them) when it cannot be.
        """
        return self._run(self.ledger.get(job_id), event)

    def start_conversation(self, job_id: JobId) -> list[Job]:
        """Open the conversation now if the replica is trained; else remember that it is wanted. Raises as `tell` does."""
        job = self.ledger.get(job_id)
        # Asked for already: a doubled message takes nothing, and one that a cancellation overtook is no new wish.
        if job.state in {State.OPENING, State.CANCELLED} or job.conversation is not None:
            return self.advance(job_id)
        asked = self.tell(job_id, events.ConversationRequested())
        return self.advance(job_id) if asked.state is State.OPENING else []

    def delete_due(self, job_id: JobId) -> list[Job]:
        """Carry out what is due of the deletions that were let in for a job. Raises KeyError for an unknown one."""
        job, now = self.ledger.get(job_id), self.clock()
        due = [one.replica_id for one in job.attempts if one.deletion is not None and one.deletion.due_at <= now and one.replica_id]
        return [self._run(self.ledger.get(job_id), events.DeletionFellDue(replica_id)) for replica_id in due]

    def foresee(self, job_id: JobId, event: Event) -> Decision:
        """What `tell` would decide, without doing it. Raises as `tell` does."""
        return decide(self.ledger.get(job_id), event, self.clock(), self.rules)

    def resume_account(self, account: str) -> list[Job]:
        """Let the account's line go on, and with it the jobs that were held because of it."""
        self.ledger.resume_account(account, self.clock())
        told: list[Job] = []
        for job_id in self.ledger.held(account):
            with _alone(job_id):
                told.append(self.tell(job_id, events.AccountResumed()))
        return told

    def _take(self, job_ids: Sequence[JobId]) -> list[Job]:
        """Take what is due, leaving out a row that cannot be read: the ids are halved until it stands alone."""
        try:
            return self.ledger.take(job_ids, self.clock(), self.rules.lease)
        except UNREADABLE:
            if len(job_ids) == 1:
                log.exception("the row of this job cannot be read", job_id=job_ids[0])
                return []
            middle = len(job_ids) // 2
            return self._take(job_ids[:middle]) + self._take(job_ids[middle:])

    def _ask(self, asking: Sequence[tuple[Job, Question]]) -> list[Job]:
        """Ask questions of one kind and one account, and write what is new in one transaction."""
        news, now = self.performer.ask([question for _, question in asking]), self.clock()
        changes: list[Applied] = []
        for (job, _), event in zip(asking, news, strict=True):
            with _alone(job.id):
                changes.append(Applied(job, event, decide(job, event, now, self.rules), self.rules))
        effects = {change.before.id: change.decision.effects for change in changes}
        written = {job.id: job for job in self.ledger.apply_batch(changes, now)}
        for change in changes:
            job_id = change.before.id
            if job_id in written:
                _tell_the_log(change.before, written[job_id], change.decision.why)
            with _alone(job_id):
                # Somebody may have written to the job meanwhile: its news is news all the same.
                known = job_id in written
                written[job_id] = self._follow(written[job_id], effects[job_id]) if known else self._run(change.before, change.event)
        return list(written.values())

    def _run(self, job: Job, first: Event) -> Job:
        """Commit what follows from `first`, perform the effects, commit what follows from those, until nothing follows."""
        committed = self._commit(job, first)
        return job if committed is None else self._follow(committed.job, committed.effects)

    def _follow(self, job: Job, effects: Sequence[Effect]) -> Job:
        """Perform the effects, and run on with what they tell."""
        for effect in effects:
            if not isinstance(effect, StopAccount):  # it is in force since the commit
                job = self._run(job, self._perform(job, effect))
        return job

    def _commit(self, job: Job, event: Event) -> Decision | None:
        """Write what `event` means. None: the job was lost to somebody else, and with it the right to say this."""
        for _ in range(_ATTEMPTS):
            now = self.clock()
            decision = decide(job, event, now, self.rules)
            if decision.job == job and not decision.why and not _stops(decision.effects):
                return decision  # nothing to remember
            try:
                written = self.ledger.apply(Applied(job, event, decision, self.rules), now)
                _tell_the_log(job, written, decision.why)
                return replace(decision, job=written)
            except BudgetSpentError as spent:
                event = spent.event  # the last word on the budget is the ledger's: others were faster since the look at it
            except StaleJobError:
                if isinstance(event, _FENCED):
                    log.info("lease lost", job_id=job.id, event_type=type(event).__name__)
                    return None
                job = self.ledger.get(job.id)
        raise StaleJobError(job.id)

    def _perform(self, job: Job, effect: RemoteEffect) -> Event:
        if isinstance(effect, CheckInput):
            if (spent := self.ledger.budget_reached(job.account, self.clock(), self.rules)) is not None:
                return spent
            return self.preflight.check(job.request, self.clock())
        if self._is_too_late(job, effect):
            return _sent_too_late(effect)
        return self.performer.perform(effect)

    def _is_too_late(self, job: Job, effect: RemoteEffect) -> bool:
        """Whether a POST could still be on its way when the lease is over: a process that was put to sleep here wakes up too late to pay."""
        if not isinstance(effect, SubmitReplica | OpenConversation):
            return False
        return job.due_at is None or self.clock() + self.call >= job.due_at


def _question(job: Job, now: datetime, rules: Rules) -> Question | None:
    """What is to be asked for the job, when asking is what is due."""
    with suppress(Exception):  # an odd row; `_run` meets the same and says so, with the job's name
        decision = decide(job, events.FellDue(), now, rules)
        asked = decision.effects[0] if decision.job == job and len(decision.effects) == 1 else None
        return asked if isinstance(asked, Question) else None
    return None


def _by_kind_and_account(asking: Sequence[tuple[Job, Question]]) -> list[list[tuple[Job, Question]]]:
    groups: dict[tuple[str, str], list[tuple[Job, Question]]] = {}
    for job, question in asking:
        groups.setdefault((type(question).__name__, question.account), []).append((job, question))
    return [groups[key] for key in sorted(groups)]


@contextmanager
def _alone(job_id: JobId) -> Generator[None]:
    """One odd job, such as a row that was changed by hand, must not stop the others: it is named, and comes back when its lease is over."""
    try:
        yield
    except UNREACHABLE:
        raise
    except Exception:
        log.exception("this job could not be moved", job_id=job_id)


def _tell_the_log(before: Job, after: Job, why: str) -> None:
    """What the story tells, for those who read logs; a poll without news is no news. Money that went astray is an alarm."""
    strayed = sum(len(attempt.strays) for attempt in after.attempts) > sum(len(attempt.strays) for attempt in before.attempts)
    if why:
        tell = log.error if strayed else log.info
        tell(why, job_id=after.id, account=after.account, from_state=before.state.value, to_state=after.state.value)


def _stops(effects: Iterable[Effect]) -> bool:
    return any(isinstance(effect, StopAccount) for effect in effects)


def _sent_too_late(effect: RemoteEffect) -> Event:
    detail = "the worker was too slow between its intent and the request"
    if isinstance(effect, SubmitReplica):
        return events.SubmissionRefused(effect.mark, Failure.SENT_TOO_LATE, detail)
    if isinstance(effect, OpenConversation):
        return events.ConversationRefused(effect.mark, Failure.SENT_TOO_LATE, detail)
    message = f"{type(effect).__name__} costs nothing and is never too late"
    raise TypeError(message)
