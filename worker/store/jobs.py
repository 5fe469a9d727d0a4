"""The ledger: add, claim, take, apply. It may not decide what happens to a job, and every decision is written by compare-and-swap on its version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, update

from worker.core.decision import Decision
from worker.core.effects import StopAccount, SubmitReplica
from worker.core.events import Event
from worker.core.failures import Failure
from worker.core.job import Attempt, Job, JobId, Terms
from worker.core.rules import Rules
from worker.core.states import State
from worker.core.values import Maker
from worker.store import accounts, adding, budgets, claims, lessons, looks, rulebook, stories
from worker.store.adding import Added, KeyReusedError, New
from worker.store.database import lasting
from worker.store.reading import STORY, Reader
from worker.store.rows import attempt_columns, columns_of, document_of, storable
from worker.store.whole import ATTEMPT, JOB, jobs_from, jobs_of, rows_of

__all__ = ["Added", "Applied", "KeyReusedError", "Ledger", "New", "StaleJobError"]

_JOBS = Maker(Job)
_BUDGET = (Failure.MONTH_SPENT, Failure.IN_FLIGHT_FULL, Failure.PACED)

# Said at every step of every job, so built once: to build one takes longer than the database takes to answer it. What is set is what is given.
_SAME = update(JOB).where(JOB.c.id == bindparam("same_id"), JOB.c.version == bindparam("same_version"))
_KNOWN = update(ATTEMPT).where(ATTEMPT.c.job_id == bindparam("known_job"), ATTEMPT.c.number == bindparam("known_number"))
_NEW, _TOLD = insert(ATTEMPT), insert(STORY)


class StaleJobError(Exception):
    """The job was written by somebody else since it was read: read it again."""


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
        return _JOBS.changed(self.decision.job, version=self.before.version + 1)


class Ledger(Reader):
    """All that other rooms may do with the database. Thread-safe; one a process. Every `now` and every returned moment is in UTC."""

    def __init__(self, database: Engine) -> None:
        """Use an engine of `open_database`."""
        super().__init__(database)
        self._lasting = lasting(database)
        self._kept: set[str] = set()  # digests of rules that are written down

    def add(self, job: Job, fingerprint: str, *, ring: timedelta | None) -> Added:
        """Store a new job, unless its caller has one under the same key.

        `fingerprint` tells requests apart. `ring`: the lease to claim it with at once, because the caller rings for it after this returns.
        Raises KeyReusedError when the key stands for another request.
        """
        [added] = self.add_many([New(job, fingerprint)], ring=ring)
        if isinstance(added, KeyReusedError):
            raise added
        return added

    def add_many(self, new: Sequence[New], *, ring: timedelta | None) -> list[Added | KeyReusedError]:
        """The same for many in one transaction, as if one after the other; what became of each, in order."""
        with self._database.begin() as connection:
            return adding.add_many(connection, new, ring)

    def find_by_key(self, caller: str, key: str | None, fingerprint: str) -> Job | None:
        """The job that this request has already. Raises KeyReusedError when the key stands for another request."""
        if key is None:
            return None
        with self._reading() as connection:
            found = adding.find_by_keys(connection, [(storable(caller), storable(key))])
        for job, of_job in found.values():
            if of_job != fingerprint:
                raise KeyReusedError(job.id)
            return job
        return None

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
    ) -> list[claims.Claim]:
        """See `claims.claim_due`."""
        with self._database.begin() as connection:
            return claims.claim_due(connection, states, account, now, lease, limit, caller=caller, rung_before=rung_before, asked=asked)

    def claim_nearly(self, account: str, now: datetime, until: datetime, lease: timedelta, limit: int) -> list[claims.Claim]:
        """See `claims.claim_nearly`."""
        with self._database.begin() as connection:
            return claims.claim_nearly(connection, account, now, until, lease, limit)

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
            known = accounts.known(connection)
            if len(job_ids) == 1 and (taking := claims.taking(connection, known)) is not None:
                return jobs_from(connection, rows_of(connection, taking, {"ids": job_ids, "now": now, "new_due_at": now + lease}), known)
            return jobs_of(connection, claims.take(connection, job_ids, now, lease, known), known)

    def put_off(self, changes: Sequence[Applied], now: datetime) -> set[JobId]:
        """See `looks.put_off`; for decisions that are no news."""
        with self._lasting.begin() as connection:
            return looks.put_off(connection, [(change.before, change.decision.job) for change in changes], now)

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

    def keep_lesson(self, subject: str, document: Mapping[str, Any], now: datetime) -> None:
        """See `lessons.keep`."""
        with self._database.begin() as connection:
            lessons.keep(connection, subject, document, now)


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
    was, values = columns_of(before), columns_of(after)
    values = {name: value for name, value in values.items() if value != was[name]} | {"version": after.version, "updated_at": now}
    if after.due_at != before.due_at:
        values["rung_at"] = None  # a message that is out is about the due time that was; while that stands, so does the message
    if after.request != before.request:
        values["request"] = document_of(after.request)
    if connection.execute(_SAME, storable(values) | {"same_id": before.id, "same_version": before.version}).rowcount != 1:
        return False
    for attempt in after.attempts:
        if attempt not in before.attempts:
            _keep_attempt(connection, after, attempt, known=before.attempt_of(attempt.mark) is not None)
    if change.decision.why:
        connection.execute(_TOLD, storable(_line(change, now)))
    return True


def _keep_attempt(connection: Connection, job: Job, attempt: Attempt, *, known: bool) -> None:
    columns = storable(attempt_columns(job, attempt))
    if known:
        connection.execute(_KNOWN, columns | {"known_job": job.id, "known_number": attempt.number})
    else:
        connection.execute(_NEW, columns)


def _line(change: Applied, now: datetime) -> dict[str, Any]:
    return {
        "job_id": change.before.id, "at": now, "version": change.after.version, "event": stories.name_of(change.event),
        "data": stories.data_of(change.event), "from_state": change.before.state.value, "to_state": change.after.state.value,
        "why": change.decision.why, "rules": rulebook.digest_of(change.rules, change.before.terms),
    }  # fmt: skip
