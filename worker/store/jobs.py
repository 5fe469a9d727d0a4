"""The ledger: add, claim, take, apply. It may not decide what happens to a job, and every write to one is compare-and-swap on its version."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.core.decision import Decision
from worker.core.effects import StopAccount, SubmitReplica
from worker.core.events import Event
from worker.core.failures import Failure
from worker.core.job import Attempt, Job, JobId, Terms
from worker.core.rules import Rules
from worker.core.states import State
from worker.store import accounts, budgets, claims, rulebook, stories
from worker.store.reading import ATTEMPT, JOB, STORY, Reader, jobs_of
from worker.store.rows import attempt_columns, columns_of, document_of, storable

_BUDGET = (Failure.MONTH_SPENT, Failure.IN_FLIGHT_FULL)


class StaleJobError(Exception):
    """The job was written by somebody else since it was read: read it again."""


class KeyReusedError(Exception):
    """The idempotency key already stands for another request of the same caller: nothing was stored."""

    def __init__(self, job_id: JobId) -> None:
        """Say which job the key belongs to."""
        self.job_id = job_id
        super().__init__(
            f"the idempotency key already belongs to job {job_id}, whose request differs: use another key, or send the same request"
        )


@dataclass(frozen=True, slots=True)
class Added:
    """The job that a request has; `created` is False when the same request was there already."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """A decision to commit: the job as it was read, the event, what was decided, and the rules that it was decided under."""

    before: Job
    event: Event
    decision: Decision
    rules: Rules = field(default_factory=Rules)

    @property
    def after(self) -> Job:
        """The job once the decision is committed."""
        return replace(self.decision.job, version=self.before.version + 1)


class Ledger(Reader):
    """All that other rooms may do with the database. Thread-safe; one a process. Every `now` and every returned moment is in UTC."""

    def __init__(self, database: Engine) -> None:
        """Use an engine of `open_database`."""
        super().__init__(database)
        self._kept: set[str] = set()  # digests of rules that are written down

    def add(self, job: Job, fingerprint: str, *, ring: timedelta | None) -> Added:
        """Store a new job, unless its caller has one under the same key.

        `fingerprint` tells requests apart. `ring`: the lease to claim it with at once, because the caller rings for it after this returns.
        Raises KeyReusedError when the key stands for another request.
        """
        stored = replace(job, due_at=job.created_at + (ring or timedelta(0)))
        columns = columns_of(stored) | {
            "id": job.id, "account": job.account, "caller": job.caller, "idempotency_key": job.idempotency_key, "fingerprint": fingerprint,
            "request": document_of(job.request), "version": job.version, "created_at": job.created_at, "updated_at": job.created_at,
            "rung_at": job.created_at if ring else None,
        }  # fmt: skip
        try:
            with self._database.begin() as connection:
                connection.execute(insert(JOB), storable(columns))
                for attempt in job.attempts:
                    _keep_attempt(connection, job, attempt, known=False)
                connection.execute(insert(STORY), storable(_enqueued(job)))
        except IntegrityError:
            known = self.find_by_key(job.caller, job.idempotency_key, fingerprint)
            if known is None:
                raise
            return Added(known, created=False)
        return Added(stored, created=True)

    def find_by_key(self, caller: str, key: str | None, fingerprint: str) -> Job | None:
        """The job that this request has already. Raises KeyReusedError when the key stands for another request."""
        if key is None:
            return None
        same_key = (JOB.c.caller == storable(caller), JOB.c.idempotency_key == storable(key))
        with self._reading() as connection:
            known = connection.execute(select(JOB.c.id, JOB.c.fingerprint).where(*same_key)).one_or_none()
            if known is not None and known.fingerprint != fingerprint:
                raise KeyReusedError(JobId(known.id))
            return jobs_of(connection, [JobId(known.id)])[0] if known else None

    def claim_due(
        self, states: Iterable[State], now: datetime, lease: timedelta, limit: int, *, rung_before: datetime | None = None
    ) -> list[claims.Claim]:
        """See `claims.claim_due`."""
        with self._database.begin() as connection:
            return claims.claim_due(connection, states, now, lease, limit, rung_before=rung_before)

    def claim_these(self, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[claims.Claim]:
        """See `claims.claim_these`."""
        with self._database.begin() as connection:
            return claims.claim_these(connection, job_ids, now, lease)

    def unclaim(self, job_ids: Sequence[JobId], now: datetime) -> None:
        """See `claims.unclaim`."""
        with self._database.begin() as connection:
            claims.unclaim(connection, job_ids, now)

    def take(self, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Job]:
        """See `claims.take`; the jobs that were taken, fenced."""
        with self._database.begin() as connection:
            return jobs_of(connection, claims.take(connection, job_ids, now, lease))

    def apply(self, change: Applied, now: datetime) -> Job:
        """Commit one decision. Raises StaleJobError, and changes nothing, when the job is not as it was read.

        Raises BudgetSpentError for an intent to pay that the account's own limits do not allow.
        """
        applied = self.apply_batch([change], now)
        if not applied:
            raise StaleJobError(change.before.id)
        return applied[0]

    def apply_batch(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        """Commit many decisions in one transaction; the jobs as they are now. Stale ones are left out: whoever wrote them knows better."""
        # Jobs by id and then accounts by name, as everybody does: two that write the same rows in another order would wait for each other.
        with self._database.begin() as connection:
            fresh = [change for change in sorted(changes, key=lambda change: change.before.id) if _commit(connection, change, now)]
            stops = [effect for change in fresh for effect in change.decision.effects if isinstance(effect, StopAccount)]
            for order in sorted(stops, key=lambda order: order.account):
                accounts.stop(connection, order, now)
            for change in fresh:
                _mind_the_budget(connection, change, now)
            new = self._keep_rules(connection, fresh)
        self._kept |= new
        return [change.after for change in fresh]

    def _keep_rules(self, connection: Connection, changes: Iterable[Applied]) -> set[str]:
        """Write down the rules that these were decided under, where this process has not done so."""
        told = {rulebook.digest_of(one.rules, one.before.terms): (one.rules, one.before.terms) for one in changes if one.decision.why}
        for digest in sorted(told.keys() - self._kept):
            rulebook.keep(connection, *told[digest])
        return set(told)

    def set_terms(self, account: str, terms: Terms, now: datetime) -> None:
        """Set what the account's owner wants. Jobs that wait for its budget are due at once, to see whether it lets them through now."""
        with self._database.begin() as connection:
            accounts.set_terms(connection, account, terms)
            claims.wake(connection, account, _BUDGET, now)

    def stop(self, order: StopAccount, now: datetime) -> None:
        """See `accounts.stop`, for a stop that no job's decision brings."""
        with self._database.begin() as connection:
            accounts.stop(connection, order, now)

    def resume_account(self, account: str, now: datetime) -> None:
        """Let the account's line go on. The moment is not kept here: the stories of the jobs that go on with `AccountResumed` tell it."""
        del now
        with self._database.begin() as connection:
            accounts.resume(connection, account)

    def keep_voices(self, account: str, names: Iterable[str], now: datetime) -> None:
        """See `accounts.keep_voices`."""
        with self._database.begin() as connection:
            accounts.keep_voices(connection, account, names, now)


def _mind_the_budget(connection: Connection, change: Applied, now: datetime) -> None:
    """Count an intent to pay with all others, in one order; and let the next job through where a training has ended."""
    before, after, terms = change.before, change.after, change.before.terms
    if any(isinstance(effect, SubmitReplica) for effect in change.decision.effects):
        if terms.max_in_flight is None and terms.max_trainings_a_month is None:
            return
        budgets.lock(connection, after.account)
        if (over := budgets.reached(connection, after.account, terms, now, change.rules, written=1)) is not None:
            raise budgets.BudgetSpentError(over)
    elif terms.max_in_flight is not None and after.is_settled and not before.is_settled:
        claims.wake(connection, after.account, [Failure.IN_FLIGHT_FULL], now, limit=1)


def _commit(connection: Connection, change: Applied, now: datetime) -> bool:
    before, after = change.before, change.after
    same = (JOB.c.id == before.id, JOB.c.version == before.version)
    values = columns_of(after) | {"version": after.version, "updated_at": now}
    if after.due_at != before.due_at:
        values["rung_at"] = None  # a message that is out is about the due time that was; while that stands, so does the message
    if after.request != before.request:
        values["request"] = document_of(after.request)
    if connection.execute(update(JOB).where(*same).values(storable(values))).rowcount != 1:
        return False
    for attempt in after.attempts:
        if attempt not in before.attempts:
            _keep_attempt(connection, after, attempt, known=before.attempt_of(attempt.mark) is not None)
    if change.decision.why:
        connection.execute(insert(STORY), storable(_line(change, now)))
    return True


def _keep_attempt(connection: Connection, job: Job, attempt: Attempt, *, known: bool) -> None:
    columns = storable(attempt_columns(job, attempt))
    if known:
        connection.execute(update(ATTEMPT).where(ATTEMPT.c.job_id == job.id, ATTEMPT.c.number == attempt.number).values(columns))
    else:
        connection.execute(insert(ATTEMPT), columns)


def _line(change: Applied, now: datetime) -> dict[str, Any]:
    return {
        "job_id": change.before.id, "at": now, "version": change.after.version, "event": stories.name_of(change.event),
        "data": stories.data_of(change.event), "from_state": change.before.state.value, "to_state": change.after.state.value,
        "why": change.decision.why, "rules": rulebook.digest_of(change.rules, change.before.terms),
    }  # fmt: skip


def _enqueued(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id, "at": job.created_at, "version": job.version, "event": stories.FIRST, "data": {}, "from_state": None,
        "to_state": job.state.value, "why": f"enqueued by {job.caller} for the account {job.account}",
    }  # fmt: skip
