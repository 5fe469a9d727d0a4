"""The ledger in memory: the public promises of `worker.store.jobs.Ledger` and nothing else. It may not decide, and it loses nothing but the disk."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from worker.core.calling import Ending
from worker.core.effects import StopAccount, SubmitReplica
from worker.core.events import BudgetReached
from worker.core.failures import Failure
from worker.core.job import UNPAID, UNSETTLED, Attempt, Job, JobId, Mark, Outcome, Terms
from worker.core.learned import subject_of
from worker.core.looking import Look
from worker.core.rules import Rules
from worker.core.states import State
from worker.core.values import Maker
from worker.store.accounts import Stop
from worker.store.applied import changed
from worker.store.budgets import BudgetSpentError, free_from
from worker.store.claims import Claim
from worker.store.inbox import Letter
from worker.store.inbox import New as NewLetter
from worker.store.jobs import _FIRST, Added, Applied, KeyReusedError, New, StaleJobError
from worker.store.lessons import Training, training
from worker.store.lines import Due, DueLine
from worker.store.looks import Claimed
from worker.store.rulebook import digest_of
from worker.store.stories import FIRST, Line, data_of, name_of

_JOBS = Maker(Job)  # as the ledger has it: each commit makes a job


@dataclass(slots=True)
class Row:
    """A job, and what only the ledger knows of it."""

    job: Job
    fingerprint: str
    rung_at: datetime | None


class MemoryLedger:
    """One a simulation. Every method is one transaction: nobody runs in between."""

    def __init__(self) -> None:
        self._rows: dict[JobId, Row] = {}
        self._stories: dict[JobId, list[Line]] = {}
        self._stops: dict[str, StopAccount] = {}
        self._stopped_at: dict[str, datetime] = {}
        self._terms: dict[str, Terms] = {}
        self._voices: dict[str, frozenset[str]] = {}
        self._lessons: dict[str, Any] = {}
        self._letters = 0
        self._inbox: dict[int, tuple[datetime | None, Letter, str | None]] = {}

    def close(self) -> None:
        """Nothing is open."""

    # What may be asked.

    def get(self, job_id: JobId) -> Job:
        """The job. Raises KeyError when there is none."""
        return self._read(self._rows[job_id])

    def get_many(self, job_ids: Sequence[JobId]) -> list[Job]:
        """Those of the jobs that exist."""
        return [self._read(self._rows[one]) for one in dict.fromkeys(job_ids) if one in self._rows]

    def find_by_mark(self, mark: Mark) -> JobId | None:
        """The job of an attempt's mark."""
        return next((one for one, row in self._rows.items() if row.job.attempt_of(mark)), None)

    def find_by_key(self, caller: str, key: str | None, fingerprint: str) -> Job | None:
        """The job that this request has already. Raises KeyReusedError when the key stands for another request."""
        same = [row for row in self._rows.values() if (row.job.caller, row.job.idempotency_key) == (caller, key) and key is not None]
        if same and same[0].fingerprint != fingerprint:
            raise KeyReusedError(same[0].job.id)
        return self._read(same[0]) if same else None

    def recent(self, limit: int, state: State | None = None) -> list[Job]:
        """The newest jobs, newest first."""
        found = (self._read(self._rows[one]) for one in sorted(self._rows, reverse=True))
        return [job for job in found if state in {None, job.state}][:limit]

    def held(self, account: str) -> list[JobId]:
        """The held jobs of an account."""
        return [one for one, row in self._rows.items() if row.job.state is State.HELD and row.job.account == account]

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        return dict(Counter(row.job.state for row in self._rows.values()))

    def story(self, job_id: JobId) -> list[Line]:
        """The job's story, oldest line first."""
        return list(self._stories.get(job_id, ()))

    def voices(self, account: str) -> frozenset[str]:
        """The account's stock voices."""
        return self._voices.get(account, frozenset())

    def terms(self, account: str) -> Terms:
        """The account's terms; who never set any has the defaults."""
        return self._terms.get(account, Terms())

    def due_deletions(self, now: datetime, limit: int) -> list[JobId]:
        """The jobs with an end or a deletion that is due, ends first, and each longest due first."""
        jobs = [row.job for row in self._rows.values() if not self._is_deaf(row.job.account)]
        ends = [(job.conversation.end_due_at, job.id) for job in jobs if job.conversation and job.conversation.end_due_at]
        wished = [(one.deletion.due_at, job.id) for job in jobs for one in job.attempts if one.deletion]
        return list(dict.fromkeys(job_id for due_at, job_id in [*sorted(ends), *sorted(wished)] if due_at <= now))[:limit]

    def attempts(self, account: str) -> list[tuple[JobId, Attempt]]:
        """All attempts of an account, with their jobs' ids."""
        return [(row.job.id, one) for row in self._rows.values() if row.job.account == account for one in row.job.attempts]

    def budget_reached(self, account: str, now: datetime, rules: Rules, written: int = 0) -> BudgetReached | None:
        """What the account's limits say to one more training; `written`: how many of those that are counted are this one."""
        terms, made = self.terms(account), [one for _, one in self.attempts(account)]
        since, month = now - 2 * rules.training_deadline, now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        running = sum(one.outcome in UNSETTLED and one.vanished_at is None and one.intended_at > since for one in made) - written
        if terms.max_in_flight is not None and running >= terms.max_in_flight:
            detail = f"{running} trainings run, and the account {account} allows {terms.max_in_flight}"
            return BudgetReached(Failure.IN_FLIGHT_FULL, detail)
        paid = sum(one.intended_at >= month and _counts(one, now) for one in made) - written
        if terms.max_trainings_a_month is not None and paid >= terms.max_trainings_a_month:
            detail = f"{paid} trainings are paid for this month, and the account {account} allows {terms.max_trainings_a_month}"
            refunds = [one.deletable_at for one in made if one.intended_at >= month and one.outcome is Outcome.FAILED and one.deletable_at]
            free = min([_next(month), *(safe for safe in refunds if safe > now)])
            return BudgetReached(Failure.MONTH_SPENT, detail, retry_after=free - now)
        return None

    def subjects(self) -> list[str]:
        """See `lessons.subjects`."""
        return sorted({subject for subject, _ in self._made()})

    def trainings(self, subject: str, before: datetime, limit: int, running_since: datetime) -> list[Training]:
        """See `lessons.trainings`."""
        began = [one for known, one in self._made() if known == subject and one.intended_at <= before]
        runs = [one for one in began if one.outcome is Outcome.CHARGED and one.vanished_at is None and one.intended_at > running_since]
        wanted = sorted((one for one in began if one.ended_at or one in runs), key=lambda one: one.intended_at, reverse=True)[:limit]
        return [training(one.intended_at, one.ended_at, one.look_due_at, one.outcome) for one in wanted]

    def endings(self, account: str, limit: int) -> list[Ending]:
        """See `lessons.endings`."""
        over = {Outcome.TRAINED, Outcome.FAILED}
        found = [
            Ending(one.ended_at, one.called_at) for _, one in self.attempts(account) if one.outcome in over and one.ended_at is not None
        ]
        return sorted(found, key=lambda one: one.ended_at, reverse=True)[:limit]

    def lessons(self) -> dict[str, Any]:
        """See `lessons.read`."""
        return dict(self._lessons)

    def _made(self) -> list[tuple[str, Attempt]]:
        rows = self._rows.values()
        return [(subject_of(row.job.request), one) for row in rows for one in row.job.attempts if one.replica_id is not None]

    def stops(self) -> list[Stop]:
        """The stopped accounts."""
        return [Stop(name, self._stops[name].failure, self._stopped_at[name], self._stops[name].deaf) for name in sorted(self._stops)]

    # What may be written.

    def add(self, job: Job, fingerprint: str, *, ring: timedelta | None) -> Added:
        """See `Ledger.add`."""
        known = self.find_by_key(job.caller, job.idempotency_key, fingerprint)
        if known is not None:
            return Added(known, created=False)
        stored = _JOBS.changed(job, due_at=job.created_at + (ring or timedelta(0)), written_at=job.created_at)
        self._rows[job.id] = Row(stored, fingerprint, job.created_at if ring else None)
        why = f"enqueued by {job.caller} for the account {job.account}"
        self._stories[job.id] = [
            Line(at=job.created_at, version=job.version, event=FIRST, data={}, from_state=None, to_state=job.state, why=why)
        ]
        return Added(stored, created=True)

    def add_many(self, new: Sequence[New], *, ring: timedelta | None) -> list[Added | KeyReusedError]:
        """See `Ledger.add_many`."""
        added: list[Added | KeyReusedError] = []
        for one in new:
            try:
                added.append(self.add(one.job, one.fingerprint, ring=ring))
            except KeyReusedError as refused:
                added.append(refused)
        return added

    def due(self, now: datetime, *, rung_before: datetime) -> Due:
        """See `lines.due`."""
        found = {DueLine(row.job.state, row.job.account) for row in self._rows.values() if _is_ready(row, now) or _is_out(row, rung_before)}
        moving = [line for line in found if not self._is_shut(line)]
        in_turn = tuple(sorted(moving, key=lambda line: (line.state, line.account)))
        letters = any(due_at is not None and due_at <= now for due_at, _, _ in self._inbox.values())
        return Due(in_turn, deletions=bool(self.due_deletions(now, 1)), letters=letters)

    def due_since(self, now: datetime) -> dict[DueLine, datetime]:
        """See `lines.oldest`."""
        ready = [(DueLine(row.job.state, row.job.account), row.job.due_at) for row in self._rows.values() if _is_ready(row, now)]
        return {line: due_at for line, due_at in sorted(ready, key=lambda one: one[1] or now, reverse=True) if due_at is not None}

    def callers(self, state: State, account: str, now: datetime, rung_before: datetime | None = None) -> list[str]:
        """See `lines.callers`."""
        mine = [row for row in self._rows.values() if (row.job.state, row.job.account) == (state, account)]
        return sorted({row.job.caller for row in mine if _is_ready(row, now) or _is_out(row, rung_before)})

    def claim_due(
        self,
        states: Iterable[State],
        account: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        *,
        caller: str | None = None,
        rung_before: datetime | None = None,
        asked: bool | None = None,
    ) -> list[Claim]:
        """See `claims.claim_due`."""
        wanted = set(states)
        mine = [
            row for row in self._rows.values()
            if row.job.state in wanted and row.job.account == account and caller in {None, row.job.caller} and asked in {None, _asks(row.job)}
        ]  # fmt: skip
        lost = [row for row in mine if _is_out(row, rung_before)]
        first = self._claim(lost, now, lease, limit, by_priority=caller is not None)
        due = [row for row in mine if _is_ready(row, now)]
        return first + self._claim(due, now, lease, limit - len(first), by_priority=caller is not None)

    def claim_nearly(self, account: str, now: datetime, until: datetime, lease: timedelta, limit: int) -> list[Claim]:
        """See `claims.claim_nearly`."""
        soon = [
            row for row in self._rows.values()
            if (row.job.state, row.job.account, row.rung_at) == (State.TRAINING, account, None)
            and row.job.due_at is not None and now < row.job.due_at <= until
        ]  # fmt: skip
        return self._claim(soon, now, lease, limit, by_priority=False)

    def claim_looks(self, account: str, now: datetime, until: datetime, lease: timedelta, limit: int) -> Claimed:
        """See `looks.claim`."""
        found = self.claim_due([State.TRAINING], account, now, lease, limit)
        found += self.claim_nearly(account, now, until, lease, limit - len(found)) if found else []
        looks = self.looks([claim.job_id for claim in found], now)
        known = {look.id for look in looks}
        return Claimed(tuple(looks), tuple(sorted(claim.job_id for claim in found if claim.job_id not in known)))

    def claim_these(self, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Claim]:
        """See `claims.claim_these`."""
        return self._claim([row for row in self._named(job_ids) if _is_ready(row, now)], now, lease, len(self._rows))

    def unclaim(self, job_ids: Sequence[JobId], now: datetime) -> None:
        """See `claims.unclaim`."""
        for row in self._named(job_ids):
            if row.rung_at is not None:
                row.job, row.rung_at = _JOBS.changed(row.job, due_at=now), None

    def answered(self, job_ids: Sequence[JobId], now: datetime) -> list[Job]:
        """See `claims.answered`."""
        return [self._read(row) for row in self._named(job_ids) if self._answers(row, now)]

    def looks(self, job_ids: Sequence[JobId], now: datetime) -> list[Look]:
        """See `looks.due`."""
        jobs = [row.job for row in self._named(job_ids) if row.job.state is State.TRAINING and self._answers(row, now)]
        return [
            Look(
                job.id, job.account, job.version, job.due_at, job.tries, job.progress, job.watched_since,
                one.replica_id, subject_of(job.request), one.intended_at,
            )
            for job in jobs if job.missing_since is None and job.due_at is not None and len(job.attempts) == 1
            for one in job.attempts if one.replica_id is not None and one.vanished_at is None
        ]  # fmt: skip

    def keep_letter(self, letter: NewLetter, now: datetime) -> bool:
        """See `inbox.keep`."""
        job_id = letter.job_id or self.find_by_mark(letter.mark)
        if job_id is None or job_id not in self._rows:
            return False
        once = f"{letter.mark}/{letter.kind}" if letter.once else None
        if once is None or once not in {known for _, _, known in self._inbox.values()}:
            number = self._letters = self._letters + 1
            self._inbox[number] = now, Letter(id=number, job_id=job_id, mark=letter.mark, kind=letter.kind, body=letter.body), once
        return True

    def take_letters(self, now: datetime, lease: timedelta, limit: int, *, of_trainings: bool) -> list[Letter]:
        """See `inbox.take`."""
        due = [one for due_at, one, once in self._inbox.values() if due_at and due_at <= now and (once is None) == of_trainings][:limit]
        for one in due:
            self._inbox[one.id] = now + lease, one, self._inbox[one.id][2]
        return due

    def letters_read(self, letters: Sequence[Letter]) -> None:
        """See `inbox.read`."""
        for one in letters:
            _, known, once = self._inbox.pop(one.id, (None, one, None))
            if once is not None:
                self._inbox[one.id] = None, known, once

    def visited(self, job_id: JobId, now: datetime) -> None:
        """See `visits.note`."""
        for row in self._named([job_id]):
            if row.job.state is State.OPENING:
                row.job = _JOBS.changed(row.job, visited_at=now)

    def waiting_before(self, account: str, since: datetime) -> int:
        """See `visits.before`."""
        jobs = (row.job for row in self._rows.values() if row.job.state is State.OPENING and row.job.account == account)
        unasked = (job for job in jobs if job.conversation is None or job.conversation.intended_at is None)
        return sum(job.trying_since is not None and job.trying_since < since for job in unasked)

    def put_off(self, changes: Sequence[Applied], now: datetime) -> set[JobId]:
        """See `looks.put_off`."""
        return {job.id for change in changes if (job := self._commit(change, now))}

    def look_again(self, made: Sequence[tuple[Look, Look]], now: datetime) -> set[JobId]:
        """See `looks.put_off`."""
        written = set[JobId]()
        for look, following in made:
            row = self._rows.get(look.id)
            if row is not None and row.job.version == look.version:
                moved = {name: getattr(following, name) for name in ("version", "due_at", "progress", "tries")}
                row.job, row.rung_at = _JOBS.changed(row.job, written_at=now, **moved), None
                written.add(look.id)
        return written

    def take(self, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Job]:
        """See `claims.take`."""
        taken = []
        for row in self._named(job_ids):
            if self._answers(row, now):
                row.job, row.rung_at = _JOBS.changed(row.job, version=row.job.version + 1, due_at=now + lease), None
                taken.append(self._read(row))
        return taken

    def apply(self, change: Applied, now: datetime) -> Job:
        """Commit one decision. Raises StaleJobError, and changes nothing, when the job is not as it was read."""
        applied = self.apply_batch([change], now)
        if not applied:
            raise StaleJobError(change.before.id)
        return applied[0]

    def apply_batch(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        """Commit many decisions; stale ones are left out."""
        return [after for change in changes if (after := self._commit(change, now))]

    def set_terms(self, account: str, terms: Terms, now: datetime) -> None:
        """Set what the account's owner wants. Jobs that wait for its budget are due at once."""
        self._terms[account] = terms
        self._wake(account, (Failure.MONTH_SPENT, Failure.IN_FLIGHT_FULL, Failure.PACED), now, len(self._rows))

    def stop(self, order: StopAccount, now: datetime) -> None:
        """A stop that is already there keeps its first reason, but hears no less."""
        first = self._stops.setdefault(order.account, order)
        self._stopped_at.setdefault(order.account, now)
        self._stops[order.account] = replace(first, deaf=first.deaf or order.deaf)

    def resume_account(self, account: str, now: datetime) -> None:
        """Let the account's line go on."""
        del now
        self._stops.pop(account, None)
        self._stopped_at.pop(account, None)

    def keep_voices(self, account: str, names: Iterable[str], now: datetime) -> None:
        """Replace what is known of the account's voices."""
        del now
        self._voices[account] = frozenset(name.lower() for name in names)

    def keep_lesson(self, subject: str, document: Mapping[str, Any], now: datetime) -> None:
        """See `lessons.keep`."""
        del now
        self._lessons[subject] = dict(document)

    def is_stopped(self, account: str) -> bool:
        """Whether the account is stopped."""
        return account in self._stops

    def _read(self, row: Row) -> Job:
        """The job with its account's terms as they are now."""
        terms = self.terms(row.job.account)
        if row.job.terms != terms:
            row.job = _JOBS.changed(row.job, terms=terms)
        return row.job

    def _wake(self, account: str, failures: Sequence[Failure], now: datetime, limit: int) -> None:
        """See `claims.wake`."""
        waiting = [
            row for row in self._rows.values()
            if row.job.account == account and row.job.state is State.QUEUED and row.job.failure in failures
            and row.job.due_at is not None and row.job.due_at > now and row.rung_at is None
        ]  # fmt: skip
        for row in sorted(waiting, key=lambda row: (-row.job.priority, row.job.id))[:limit]:
            row.job = _JOBS.changed(row.job, due_at=now)

    def _named(self, job_ids: Sequence[JobId]) -> list[Row]:
        return [self._rows[one] for one in sorted(set(job_ids)) if one in self._rows]

    def _answers(self, row: Row, now: datetime) -> bool:
        due_at = row.job.due_at
        return due_at is not None and (row.rung_at is not None or due_at <= now) and not self._is_stopped(row.job)

    def _is_shut(self, line: DueLine) -> bool:
        stop = self._stops.get(line.account)
        return stop is not None and (stop.deaf or line.state is State.QUEUED)

    def _is_deaf(self, account: str) -> bool:
        return account in self._stops and self._stops[account].deaf

    def _is_stopped(self, job: Job) -> bool:
        stop = self._stops.get(job.account)
        if stop is None:
            return False
        return stop.deaf or job.state is State.QUEUED or (job.state is State.OPENING and not _asks(job))

    def _claim(self, rows: list[Row], now: datetime, lease: timedelta, limit: int, *, by_priority: bool = True) -> list[Claim]:
        wanted = [(-row.job.priority * by_priority, row.job.due_at, row) for row in rows if not self._is_stopped(row.job)]
        first = [row for *_, row in sorted(wanted, key=lambda one: one[:2])][:limit]
        for row in first:
            row.job, row.rung_at = _JOBS.changed(row.job, due_at=now + lease), now
        return [Claim(row.job.id, row.job.account, row.job.state, asks=_asks(row.job)) for row in first]

    def _commit(self, change: Applied, now: datetime) -> Job | None:
        row, after = self._rows.get(change.before.id), change.after
        if row is None or row.job.version != change.before.version:
            return None
        kept = row.job
        row.job = _JOBS.changed(after, written_at=now)
        try:
            self._mind_the_budget(change, after, now)
        except BudgetSpentError:
            row.job = kept
            raise
        if after.due_at != change.before.due_at:
            row.rung_at = None
        if change.decision.why:
            self._stories[after.id].append(_line(change, after, now))
        for effect in change.decision.effects:
            if isinstance(effect, StopAccount):
                self.stop(effect, now)
        return after

    def _mind_the_budget(self, change: Applied, after: Job, now: datetime) -> None:
        terms = change.before.terms
        if any(isinstance(effect, SubmitReplica) for effect in change.decision.effects):
            over = self.budget_reached(after.account, now, change.rules, written=1)
            if over is not None:
                raise BudgetSpentError(over)
            return
        if terms.max_in_flight is not None and after.is_settled and not change.before.is_settled:
            self._wake(after.account, (Failure.IN_FLIGHT_FULL,), now, 1)
        for attempt in changed(change.before, after) if terms.max_trainings_a_month is not None else ():
            if (at := free_from(change.before.attempt_of(attempt.mark), attempt, now)) is not None:
                self._wake(after.account, (Failure.MONTH_SPENT,), at, 1 if at <= now else _FIRST)


def _asks(job: Job) -> bool:
    """Whether its conversation was asked for, and may be there."""
    return job.state is State.OPENING and job.conversation is not None and job.conversation.intended_at is not None


def _counts(attempt: Attempt, now: datetime) -> bool:
    """Whether it is paid for; a failed one counts until its refund may be assumed."""
    if attempt.outcome is Outcome.FAILED:
        return attempt.deletable_at is not None and attempt.deletable_at > now
    return attempt.outcome not in UNPAID


def _next(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)


def _is_ready(row: Row, now: datetime) -> bool:
    return row.job.due_at is not None and row.job.due_at <= now


def _is_out(row: Row, rung_before: datetime | None) -> bool:
    return rung_before is not None and row.rung_at is not None and row.rung_at <= rung_before


def _line(change: Applied, after: Job, now: datetime) -> Line:
    return Line(
        at=now, version=after.version, event=name_of(change.event), data=data_of(change.event),
        from_state=change.before.state, to_state=after.state, why=change.decision.why,
        rules=digest_of(change.rules, change.before.terms),
    )  # fmt: skip
