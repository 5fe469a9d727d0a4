"""When a training may end, as a band that can be drawn: half end before its beginning, nine in ten before its end. It may not draw it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.core.job import Job
from worker.core.polling import Verdict
from worker.core.rules import Rules
from worker.core.states import State

WIDTH = 200
"""Units of a drawing's width."""
_MARGIN = 1.06  # of the time until the band's end: it should not touch the border


@dataclass(frozen=True, slots=True)
class Band:
    """A training's past and future on one line. `now`, `p50`, `p90`: places on it, of WIDTH. `half`, `most`: how long it may yet take."""

    now: float
    p50: float
    p90: float
    elapsed: timedelta
    half: timedelta
    most: timedelta
    verdict: Verdict

    @property
    def is_odd(self) -> bool:
        """Whether it takes longer than nearly all do."""
        return self.verdict is not Verdict.PLAUSIBLE


def band_of(job: Job, rules: Rules, now: datetime) -> Band | None:
    """The band of a job that trains; None of any other."""
    if job.state is not State.TRAINING:
        return None
    plan, elapsed = rules.plan_for(job.request, job.account), max(now - job.attempt.intended_at, timedelta(0))
    eta = plan.eta(elapsed)
    whole = max((elapsed + eta.p90) * _MARGIN, timedelta(seconds=1))
    past, half, most = (round(WIDTH * (time / whole), 1) for time in (elapsed, elapsed + eta.p50, elapsed + eta.p90))
    return Band(past, half, most, elapsed, eta.p50, eta.p90, plan.verdict(elapsed))


def part_of(progress: str | None) -> float | None:
    """How far it says it is, of 1: Tavus says `30/100`. None where it says nothing that is a part."""
    done, slash, whole = (progress or "").partition("/")
    if not slash or not (done.isdecimal() and whole.isdecimal()) or int(whole) == 0:
        return None
    return min(int(done) / int(whole), 1.0)
