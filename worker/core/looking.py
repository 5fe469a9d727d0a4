"""A look at a training that goes on: what it takes of the job to ask, and when to look next. It may not move a job: all other news is for `decide`.

Most of what is ever done are such looks, and a job whole, with its request and all its past, takes several times as long to read and to decide as
what they need of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from worker.core.effects import PollReplica
from worker.core.events import TrainingContinued
from worker.core.job import JobId, ReplicaId
from worker.core.learned import model_of
from worker.core.polling import Plan
from worker.core.rules import Rules, phase
from worker.core.states import State
from worker.core.values import Maker


@dataclass(frozen=True, slots=True)
class Look:
    """A job in training with one attempt and one replica, which nobody misses. `subject`: as in `worker.core.learned`; the rest as in `Job`."""

    id: JobId
    account: str
    version: int
    due_at: datetime
    tries: int
    progress: str | None
    watched_since: datetime | None
    replica_id: ReplicaId
    subject: str
    intended_at: datetime

    state: ClassVar = State.TRAINING

    @property
    def question(self) -> PollReplica:
        """What is asked."""
        return PollReplica(self.account, self.replica_id, model_of(self.subject))


_LOOKS = Maker(Look)


def put_off(look: Look, now: datetime, after: timedelta) -> Look:
    """The next, where nobody was asked: that is no news, and no try."""
    return _LOOKS.changed(look, version=look.version + 1, due_at=now + after)


def next_of(look: Look, event: TrainingContinued, now: datetime, rules: Rules) -> Look | None:
    """The next, where the plan's is all that follows from this one; None: it takes too long, and that is for `decide`."""
    watched = max(look.watched_since or look.intended_at, look.intended_at)
    is_late = now - look.intended_at >= rules.training_soft_deadline or now - watched >= rules.training_deadline
    if is_late or event.replica_id != look.replica_id:
        return None
    due_at = planned(look.intended_at, look.id, rules.plan_of(look.subject, look.account), now)
    return _LOOKS.changed(look, version=look.version + 1, due_at=due_at, progress=event.progress or look.progress, tries=0)


def planned(intended_at: datetime, job_id: JobId, plan: Plan, now: datetime) -> datetime:
    """When the plan looks next at a training that was asked for then."""
    return max(intended_at + plan.next_look(now - intended_at, phase(job_id)), now)
