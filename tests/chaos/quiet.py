"""How long the system may take to come to rest once the faults have stopped, from what was still to do. It changes nothing.

Allowed are two leases, and before them what was still to be done, the sum of two things. First what the slowest job still needed: for each job

- the rest of its training at Tavus, and every training that began after the last fault, by Tavus' own books;
- the rest of the settle time of a POST whose answer was lost, or of its scans where those are behind, and one scan more (a quarter of that time);
- the wait before a submission is paid again.

Then the line of those that had not been submitted at all when the last fault was over, at `A_SECOND`, or at a run's share of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.acceptance.cases import Case
from tests.acceptance.stack import SCALED
from tests.chaos.ground import SETTLE, Ground
from worker.core.job import Job, Outcome
from worker.core.rules import Rules
from worker.core.states import State
from worker.durations import parse_duration

LEASES = 2
A_SECOND = 5.0
"""Submissions that are expected of a whole host with two cores, which all parts, Tavus and the proxies share: half of what was measured."""
_PAID_AGAIN = parse_duration(SCALED["REPLICAS_PAID_RETRY_DELAY"])
_NOTHING = timedelta(0)
_RULES = Rules(settle_time=SETTLE)


@dataclass(frozen=True, slots=True)
class LastFault:
    """How things stood when the last fault was over."""

    at: datetime
    jobs: Mapping[str, Job]

    @classmethod
    def now(cls, ground: Ground) -> "LastFault":
        """Look."""
        return cls(datetime.now(UTC), dict(ground.jobs()))

    def needed(self, ground: Ground, cases: Sequence[Case]) -> timedelta:
        """What the slowest job still needed, asked when all are at rest."""
        remaining = _trainings_after(ground, self.at)
        return max((self._needed(case, remaining.get(case.url(ground.origin), _NOTHING)) for case in cases), default=_NOTHING)

    def line(self, cases: Sequence[Case]) -> int:
        """Jobs that nobody had submitted yet."""
        return sum(case.key not in self.jobs or self.jobs[case.key].state is State.QUEUED for case in cases)

    def _needed(self, case: Case, training: timedelta) -> timedelta:
        job = self.jobs.get(case.key)
        paid_again = _PAID_AGAIN if case.end.payments > 1 else _NOTHING
        return training + paid_again + (self._settling(job) if job is not None else _NOTHING)

    def _settling(self, job: Job) -> timedelta:
        since = job.conversation.intended_at if job.conversation else None
        if job.state is State.SUBMITTING and job.attempt.outcome is Outcome.RESERVED:
            since = job.attempt.intended_at
        if since is None:
            return _NOTHING
        scans = sum((_RULES.settle_wait(number) for number in range(job.scans, _RULES.settle_scans)), _NOTHING)
        return max(since + SETTLE - self.at, scans) + SETTLE / 4


def _trainings_after(ground: Ground, at: datetime) -> dict[str, timedelta]:
    """By picture: for how long it was still trained after that moment. The sandbox's clock is this host's, for it runs at its speed."""
    replicas = ground.tavus.ask(lambda world, _now: list(world.replicas.by_id.values()))
    remaining: dict[str, timedelta] = {}
    for one in replicas:
        if one.ends_at is not None and one.ends_at > at:
            remaining[one.url] = remaining.get(one.url, _NOTHING) + one.ends_at - max(one.created_at, at)
    return remaining
