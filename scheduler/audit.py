"""Audits the live ledger, and on request what Tavus has: every promise about jobs, stories and money. It may not change a row or a replica."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from scheduler.findings import Finding
from worker.assembly import Parts
from worker.core.invariants import broken
from worker.core.job import Attempt, Job, JobId, Outcome, ReplicaId
from worker.core.marks import mark_in
from worker.core.replay import Told, difference
from worker.core.rules import Rules
from worker.store import stories
from worker.store.rulebook import Rulebook
from worker.store.shelves import UNREADABLE, Shelf
from worker.tavus.scan import Unread, own_replicas
from worker.tavus.wire import Replica

_TOGETHER = 500  # jobs read at once: the ledger is walked through, however long it is
_PATIENCE = timedelta(minutes=10)  # for one account's list: 100 replicas a call, so some ten thousand a minute


def audit_ledger(parts: Parts) -> Iterator[Finding]:
    """What the ledger itself breaks. Each job is read at one moment, with its story."""
    book = parts.ledger.rules()
    owners: dict[ReplicaId, JobId] = {}
    after: JobId | None = None
    while (shelf := parts.ledger.shelf(after, _TOGETHER)).last is not None:
        after = shelf.last
        yield from audit_jobs(parts, shelf, book)
        for job in shelf.jobs:
            yield from _shared_replicas(job, owners)


def audit_jobs(parts: Parts, shelf: Shelf, book: Rulebook) -> Iterator[Finding]:
    """What these jobs break, each by itself."""
    now, rules = parts.engine.clock(), parts.engine.rules
    for job_id, reason in shelf.unreadable.items():
        yield Finding("readable", job_id, f"its row cannot be read: {reason}")
    for job in shelf.jobs:
        yield from (Finding(one.check, job.id, one.problem) for one in broken(job, now, rules))
        yield from _story_findings(job, shelf.stories[job.id], book, rules)


def _shared_replicas(job: Job, owners: dict[ReplicaId, JobId]) -> Iterator[Finding]:
    for attempt in job.attempts:
        for replica_id in filter(None, (attempt.replica_id, *attempt.strays)):
            owner = owners.setdefault(replica_id, job.id)
            if owner != job.id:
                yield Finding("one owner", replica_id, f"two jobs have it: {owner} and {job.id}")


def _story_findings(job: Job, lines: Sequence[stories.Line], book: Rulebook, rules: Rules) -> Iterator[Finding]:
    problem = _break_in(job, lines)
    if problem is not None:
        yield Finding("story", job.id, problem)
        return
    if job.erased_at is not None:  # what it would be lived again from is gone, and was audited before
        return
    try:
        told = [_told(line, job, book, rules) for line in lines[1:]]
    except (LookupError, ValueError, TypeError) as error:
        yield Finding("story", job.id, f"a line of its story cannot be read: {type(error).__name__}: {error}")
        return
    unlike = difference(job, told)
    if unlike is not None:
        yield Finding("story", job.id, unlike)


def _told(line: stories.Line, job: Job, book: Rulebook, rules: Rules) -> Told:
    """The line under its own rules; one from before rules were kept, under ours."""
    of_line = book[line.rules] if line.rules else (rules, job.terms)
    return Told(stories.event_from(line.event, line.data), line.at, line.to_state, *of_line)


def _break_in(job: Job, lines: Sequence[stories.Line]) -> str | None:
    """Where the story is not one story that leads to the job as it is."""
    if not lines or lines[0].event != (stories.FIRST if job.erased_at is None else stories.ERASED):
        return "it has no beginning"
    for before, after in pairwise(lines):
        if after.from_state is not before.to_state or after.version <= before.version:
            return f"a line is missing before {after.event} at {after.at.isoformat()}"
    if lines[-1].to_state is not job.state or lines[-1].version > job.version:
        return f"it ends in {lines[-1].to_state} (version {lines[-1].version}), and the job is {job.state} (version {job.version})"
    return None


def audit_tavus(parts: Parts) -> Iterator[Finding]:
    """What the accounts' own lists say against the ledger. The list is read first: whatever is in it was intended before."""
    for account in sorted(parts.settings.accounts):
        yield from audit_account(parts, account, _PATIENCE)


def audit_account(parts: Parts, account: str, patience: timedelta) -> Iterator[Finding]:
    """The same of one account. Of a list that could not be read the one finding has the account itself for its subject."""
    began = parts.engine.clock()
    found = own_replicas(parts.tavus, account, patience)
    if isinstance(found, Unread):
        yield Finding("remote", account, f"its list could not be read: {found.detail}")
        return
    try:
        attempts = parts.ledger.attempts(account)
    except UNREADABLE as error:  # a row that somebody changed by hand, or that a newer version wrote; the job is named for that elsewhere
        yield Finding("remote", account, f"its submissions could not be read: {type(error).__name__}: {error}")
        return
    yield from _unknown(found.rows, attempts)
    yield from _gone({row.id for row in found.rows}, attempts, began - parts.engine.rules.settle_time, parts.engine.clock())


def _unknown(rows: Sequence[Replica], attempts: Sequence[tuple[JobId, Attempt]]) -> Iterator[Finding]:
    """Replicas with our mark that the ledger does not have on record. One whose submission is still being settled is not one of them."""
    known = {one for _, attempt in attempts for one in (attempt.replica_id, *attempt.strays)}
    of_mark = {attempt.mark: (job_id, attempt) for job_id, attempt in attempts}
    for row in rows:
        mark = mark_in(row.name or "")
        if mark is None or row.id in known:
            continue
        if mark not in of_mark:
            yield Finding("known replicas", row.id, f"it carries {mark}, and no submission of this ledger does")
        elif of_mark[mark][1].outcome is not Outcome.RESERVED:
            job_id, attempt = of_mark[mark]
            yield Finding("known replicas", row.id, f"it carries {mark} of job {job_id}, for which the ledger has {attempt.outcome}")
    twice = Counter(mark for row in rows if (mark := mark_in(row.name or "")) is not None)
    yield from (Finding("paid once", mark, f"{count} replicas at Tavus carry it") for mark, count in twice.items() if count > 1)


def _gone(listed: set[ReplicaId], attempts: Sequence[tuple[JobId, Attempt]], listed_by: datetime, now: datetime) -> Iterator[Finding]:
    """Replicas that should be in the list and are not. A young one may still come: lists show new replicas late."""
    for job_id, attempt in attempts:
        replica_id = attempt.replica_id
        if replica_id is None or replica_id in listed or attempt.deleted_at is not None or attempt.intended_at > listed_by:
            continue
        if attempt.outcome is Outcome.FAILED and attempt.deletable_at is not None and now < attempt.deletable_at:
            yield Finding("refund", replica_id, f"job {job_id}: it failed, and somebody deleted it before its refund was safe")
        elif attempt.outcome in {Outcome.CHARGED, Outcome.TRAINED} and attempt.vanished_at is None:
            yield Finding("remote", replica_id, f"job {job_id}: the ledger has it as {attempt.outcome}, and the account's list has it not")
