"""The daily audit: the same checks as `replicas audit`, in portions, by whichever worker the ledger lets. It may not change a row or a replica.

What it finds is logged as errors, and counted in the ledger, where Prometheus is told of it. What Tavus has is compared only where that is cheap: a
list takes a request for each hundred replicas, out of the same budget as everything else.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import structlog
from celery import Celery

from scheduler.audit import audit_account, audit_jobs
from scheduler.findings import Finding
from worker.app import AUDIT
from worker.assembly import Parts
from worker.core.job import JobId
from worker.store.rounds import Round

NAME, EVERY = "audit", timedelta(days=1)
"""What the schedule calls it, and how often it is done: each job is read with its whole story, some thousand a second."""
JOBS = "jobs"
"""Under this the outcome has how many jobs were looked at; under the name of each check how many findings there were."""
PORTION = 5.0
"""Seconds: sweeps come as often, and must not wait for it where few tasks are done at once."""
_TOGETHER = 200  # jobs read at once
_CALLS, _SHARE = 10, 0.1  # requests that a list may take: so many, and no more than that part of what a minute may have
_A_CALL = 100  # replicas in one
_TOLD = 20  # findings of a portion that are logged one by one
_AT_TAVUS = "tavus:"  # where the ledger is through: the accounts follow. No job's id begins so

log = structlog.get_logger("audit")


def audit_portion(parts: Parts, seconds: float = PORTION) -> bool:
    """Audit for so long, where it is due and nobody else does; whether anything was done."""
    ledger, clock = parts.ledger, parts.engine.clock
    held = ledger.rounds.claim(NAME, clock(), parts.settings.visibility_timeout)
    if held is None:
        return False
    walk = _Walk(parts, held)
    until = time.monotonic() + seconds
    while walk.goes_on and time.monotonic() < until:
        walk.step()
    walk.tell()
    if walk.goes_on:
        ledger.rounds.leave(held, walk.place, walk.found, clock())
    elif ledger.rounds.end(held, walk.found, clock(), (held.begun_at or clock()) + EVERY):
        _tell_the_end(walk.found)
    return True


class _Walk:
    """A portion of the way through all jobs, and then through the accounts."""

    def __init__(self, parts: Parts, held: Round) -> None:
        self._parts, self._book = parts, parts.ledger.rules()
        self.place, self.found, self.goes_on = held.place or "", Counter(held.found), True
        self._new: list[Finding] = []
        """The first of this portion: of a ledger in which nothing holds there are as many as jobs."""

    def step(self) -> None:
        """A shelf of jobs, or an account."""
        if self.place.startswith(_AT_TAVUS):
            self._account()
            return
        shelf = self._parts.ledger.shelf(JobId(self.place) if self.place else None, _TOGETHER)
        if shelf.last is None:
            self._add(
                Finding("one owner", replica, f"several jobs have it: {', '.join(jobs)}")
                for replica, jobs in self._parts.ledger.gauges.shared_replicas()
            )
            self.place = _AT_TAVUS
        else:
            self._add(audit_jobs(self._parts, shelf, self._book))
            self.found[JOBS] += len(shelf.jobs) + len(shelf.unreadable)
            self.place = shelf.last

    def _account(self) -> None:
        done = self.place.removeprefix(_AT_TAVUS)
        left = [one for one in sorted(self._parts.settings.accounts) if one > done]
        if not left:
            self.goes_on = False
            return
        self.place = f"{_AT_TAVUS}{left[0]}"
        if _is_cheap(self._parts, left[0]):
            self._add(_of_account(self._parts, left[0]))

    def _add(self, findings: Iterable[Finding]) -> None:
        some = list(findings)
        self.found.update(one.check for one in some)
        self._new += some[: _TOLD - len(self._new)]

    def tell(self) -> None:
        """Log what this portion found."""
        for one in self._new:
            log.error("the audit found what must not be", check=one.check, subject=one.subject, reason=one.problem)


def _tell_the_end(found: Counter[str]) -> None:
    checks = {check: count for check, count in sorted(found.items()) if check != JOBS}
    for check, count in checks.items():
        log.error("the audit is over, and not everything holds: `replicas audit` names all", check=check, count=count, jobs=found[JOBS])
    if not checks:
        log.info("the audit is over, and everything holds", jobs=found[JOBS])


def _is_cheap(parts: Parts, account: str) -> bool:
    """Whether the account may call at all now, and its list is short."""
    if any(stop.account == account for stop in parts.ledger.stops()):
        return False
    standing, calls = parts.pace.standing(account), parts.ledger.gauges.replicas_of(account, _CALLS * _A_CALL) // _A_CALL + 1
    return calls <= _CALLS and (standing.allowed is None or calls <= standing.allowed * _SHARE) and not standing.pause


def _of_account(parts: Parts, account: str) -> Iterator[Finding]:
    """What its list says. One that could not be read says nothing: tomorrow it may be."""
    patience = parts.settings.task_limit - parts.settings.http_timeout
    for one in audit_account(parts, account, patience):
        if one.subject == account:
            log.warning("the audit could not compare an account with Tavus", account=account, reason=one.problem)
        else:
            yield one


def add_auditing(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register the task that beat sends; `parts` gives those of the process that runs it."""

    @app.task(name=AUDIT, shared=False)
    def scheduler_audit() -> None:
        """Audit some jobs, where the day's audit is not through."""
        audit_portion(parts())
