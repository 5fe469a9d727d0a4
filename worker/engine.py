"""Advances jobs: takes what is due, one or many together, and takes people's words. It may not decide, and only `Asker` and `Mover` commit.

`take` fences: whoever took the job before can no longer write to it. Questions of one kind and account are asked together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.asking import Asker, Moved, alone, by_kind_and_account
from worker.core import events
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.effects import PollReplica, Question
from worker.core.events import Event
from worker.core.job import Job, JobId
from worker.core.states import State
from worker.store.looks import Claimed


@dataclass(frozen=True, slots=True)
class Engine(Asker):
    """Advances jobs. One a process, used from any number of threads."""

    def advance(self, job_id: JobId) -> list[Job]:
        """Do what is due for one job. Nothing, if somebody else has it or the message is stale. Returns it, unless it was not taken."""
        return [self._run(job, events.FellDue()) for job in self._take([job_id])]

    def go_on(self, job: Job) -> list[Job]:
        """Do what is due for a job that was written here just now. Its version is the fence: whoever took it meanwhile has counted that up."""
        if self.ledger.is_stopped(job.account):
            return []
        moved = self._run(job, events.FellDue())
        return [moved] if moved.version != job.version else []

    def advance_many(self, job_ids: Sequence[JobId]) -> list[Moved]:
        """The same for many jobs: questions of one kind and one account are asked together. Returns what could be moved.

        A training is only looked at: nobody is fenced from it, for a look that comes twice costs nothing and its news proves itself by the version.
        """
        looks = self._read(job_ids, self.ledger.looks)
        known = {look.id for look in looks}
        return self.advance_claimed(Claimed(tuple(looks), tuple(one for one in job_ids if one not in known)))

    def advance_claimed(self, claimed: Claimed) -> list[Moved]:
        """The same for jobs whose looks are read already."""
        began, others = self.clock(), claimed.others
        looking = self._asking(self._read(others, self.ledger.answered), PollReplica)
        looked_at = {job.id for job, _ in looking}
        taken = self._take([one for one in others if one not in looked_at])
        asking = self._asking(taken, Question)
        moved: list[Moved] = []
        for together in by_kind_and_account([*((look, look.question) for look in claimed.looks), *looking, *asking]):
            moved += self._ask(together, began)
        asked = {job.id for job, _ in asking}
        for job in taken:
            if job.id not in asked:
                with alone(job.id):
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
            with alone(job_id):
                told.append(self.tell(job_id, events.AccountResumed()))
        return told
