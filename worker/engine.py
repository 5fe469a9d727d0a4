"""Advances jobs: takes what is due, one or many together, and takes people's words. It may not decide, and it commits through `Mover` alone.

`take` fences: whoever took the job before can no longer write to it. Questions of one kind and account are asked together.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import UnionType

import structlog

from worker.core import events
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.effects import PollReplica, Question
from worker.core.events import Event
from worker.core.job import Job, JobId
from worker.core.rules import Rules
from worker.core.states import State
from worker.moving import Mover
from worker.pacing.kinds import Kind
from worker.store.database import UNREACHABLE
from worker.store.jobs import Applied
from worker.store.looks import is_no_news
from worker.store.shelves import UNREADABLE

log = structlog.get_logger("engine")


@dataclass(frozen=True, slots=True)
class Engine(Mover):
    """Advances jobs. One a process, used from any number of threads."""

    def advance(self, job_id: JobId) -> list[Job]:
        """Do what is due for one job. Nothing, if somebody else has it or the message is stale. Returns it, unless it was not taken."""
        return [self._run(job, events.FellDue()) for job in self._take([job_id])]

    def go_on(self, job: Job) -> list[Job]:
        """Do what is due for a job that was written here just now. Its version is the fence: whoever took it meanwhile has counted that up."""
        if any(stop.account == job.account for stop in self.ledger.stops()):
            return []
        moved = self._run(job, events.FellDue())
        return [moved] if moved.version != job.version else []

    def advance_many(self, job_ids: Sequence[JobId]) -> list[Job]:
        """The same for many jobs: questions of one kind and one account are asked together. Returns those that could be moved.

        A training is only looked at: nobody is fenced from it, for a look that comes twice costs nothing and its news proves itself by the version.
        """
        began = self.clock()
        looking = self._asking(self._read(job_ids, self.ledger.answered), PollReplica)
        looked_at = {job.id for job, _ in looking}
        taken = self._take([one for one in job_ids if one not in looked_at])
        asking = self._asking(taken, Question)
        moved: list[Job] = []
        for together in _by_kind_and_account(looking + asking):
            moved += self._ask(together, began)
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
        talk = job.conversation
        is_there = talk is not None and (talk.id is not None or talk.intended_at is not None)  # else it is the mark of the next
        # There already, or a POST is out: a doubled message takes nothing. One that a cancellation overtook is no new wish.
        if job.state is State.CANCELLED or is_there:
            return self.advance(job_id)
        asked = self.tell(job_id, events.ConversationRequested())
        return self.advance(job_id) if asked.state is State.OPENING else []

    def delete_due(self, job_id: JobId) -> list[Job]:
        """Carry out what is due of the deletions of a job, and of the end of its conversation. Raises KeyError for an unknown one."""
        job, now = self.ledger.get(job_id), self.clock()
        if any(stop.account == job.account and stop.deaf for stop in self.ledger.stops()):
            return []  # nobody would answer: it is due again when a person has mended the key
        due = [one.replica_id for one in job.attempts if one.deletion is not None and one.deletion.due_at <= now and one.replica_id]
        wishes: list[Event] = [events.DeletionFellDue(replica_id) for replica_id in due]
        talk = job.conversation
        if talk is not None and talk.id is not None and talk.end_due_at is not None and talk.end_due_at <= now:
            wishes.insert(0, events.ConversationEndFellDue(talk.id))  # first: it bills
        return [self._run(self.ledger.get(job_id), wish) for wish in wishes]

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
        """Take what is due, and name the rows that cannot be read."""

        def odd(job_id: JobId, error: Exception) -> None:
            log.error("the row of this job cannot be read", job_id=job_id, exc_info=error)

        return self._read(job_ids, lambda ids, now: self.ledger.take(ids, now, self.rules.lease), odd) if job_ids else []

    def _read(
        self,
        job_ids: Sequence[JobId],
        read: Callable[[Sequence[JobId], datetime], list[Job]],
        odd: Callable[[JobId, Exception], None] | None = None,
    ) -> list[Job]:
        """What the ledger gives, leaving out a row that cannot be read: the ids are halved until it stands alone, and `odd` is told."""
        try:
            return read(job_ids, self.clock())
        except UNREADABLE as error:
            if len(job_ids) == 1:
                if odd is not None:
                    odd(job_ids[0], error)
                return []
            middle = len(job_ids) // 2
            return self._read(job_ids[:middle], read, odd) + self._read(job_ids[middle:], read, odd)

    def _asking(self, jobs: Iterable[Job], kind: type[Question] | UnionType) -> list[tuple[Job, Question]]:
        """The jobs for which a question of this kind is due, with it."""
        now, rules = self.clock(), self.rules
        found = ((job, _question(job, now, rules)) for job in jobs)
        return [(job, question) for job, question in found if question is not None and isinstance(question, kind)]

    def _ask(self, asking: Sequence[tuple[Job, Question]], began: datetime) -> list[Job]:
        """Ask questions of one kind and one account, and write what is new in one transaction, and what is not in one statement."""
        held = self.pace.permit(asking[0][1].account, Kind.LOOK)
        if held is not None:
            return self._come_back([(job, held.after) for job, _ in asking])
        try:
            news, now = self.performer.ask([question for _, question in asking]), self.clock()
        finally:
            self.pace.release()
        if now - began > self.rules.lease:
            log.warning("too slow: others have looked meanwhile", jobs=len(asking))
            return []
        rules, quiet, loud = self.rules, list[Applied](), list[Applied]()
        unasked: list[tuple[Job, timedelta]] = []
        for (job, _), event in zip(asking, news, strict=True):
            if isinstance(event, events.PollUnread) and event.held:
                unasked.append((job, event.retry_after or timedelta(0)))
                continue
            with _alone(job.id):
                change = Applied(job, event, decide(job, event, now, rules), rules)
                (quiet if is_no_news(job, change.decision) else loud).append(change)
        return self._come_back(unasked) + self._put_off(quiet, now) + self._apply(loud, now)

    def _come_back(self, unasked: Sequence[tuple[Job, timedelta]]) -> list[Job]:
        """Ask later, each after so long: the account's pace lets no question out now. That is no news, and no try."""
        now = self.clock()
        return self._put_off([Applied(job, events.FellDue(), Decision(replace(job, due_at=now + after))) for job, after in unasked], now)

    def _put_off(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        """Write the looks that brought no news. Whoever wrote to one of the jobs meanwhile knows better when it is looked at next."""
        written = self.ledger.put_off(changes, now) if changes else set()
        return [change.after for change in changes if change.before.id in written]

    def _apply(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        """Write news, and do what follows from it."""
        if not changes:
            return []
        effects = {change.before.id: change.decision.effects for change in changes}
        written = {job.id: job for job in self.ledger.apply_batch(changes, now)}
        for change in changes:
            job_id = change.before.id
            if job_id in written:
                self._tell(change.before, written[job_id], change.decision.why)
            with _alone(job_id):
                # Somebody may have written to the job meanwhile: its news is news all the same.
                known = job_id in written
                written[job_id] = self._follow(written[job_id], effects[job_id]) if known else self._run(change.before, change.event)
        return list(written.values())


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
