"""The ledger: add, claim, take, apply. It may not decide what happens to a job, and every decision is written by compare-and-swap on its version."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from worker.core.effects import StopAccount, SubmitReplica
from worker.core.failures import Failure
from worker.core.job import Job, JobId, Terms
from worker.core.looking import Look
from worker.core.states import State
from worker.store import accounts, adding, applied, budgets, claims, inbox, lessons, looks, resealing, rulebook, single, tallies, visits
from worker.store.adding import Added, KeyReusedError, New
from worker.store.applied import Applied
from worker.store.database import lasting
from worker.store.reading import Reader
from worker.store.rows import job_from, storable
from worker.store.sealing import UNSEALED, Sealer, sealer_of
from worker.store.whole import jobs_of, rows_of

__all__ = ["Added", "Applied", "KeyReusedError", "Ledger", "New", "StaleJobError"]

_FIRST = 10
"""Jobs that look when a place of the month comes free: some may be cancelled by then, or have had another. Who finds none waits for the next."""
_BUDGET = (Failure.MONTH_SPENT, Failure.IN_FLIGHT_FULL, Failure.PACED)


class StaleJobError(Exception):
    """The job was written by somebody else since it was read: read it again."""


class Ledger(Reader):
    """All that other rooms may do with the database. Thread-safe; one a process. Every `now` and every returned moment is in UTC."""

    def __init__(self, database: Engine, sealer: Sealer = UNSEALED) -> None:
        """Use an engine of `open_database`."""
        super().__init__(database, sealer)
        self._lasting = lasting(self._database)
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
        with (self._lasting if adding.is_one_statement(new) else self._database).begin() as connection:
            return adding.add_many(connection, new, ring)

    def find_by_key(self, caller: str, key: str | None, fingerprint: str | None = None) -> Job | None:
        """The job under that key. Raises KeyReusedError when it stands for another request than this one; `fingerprint` None: whatever it was."""
        if key is None:
            return None
        with self._reading() as connection:
            found = adding.find_by_keys(connection, [(storable(caller), storable(key))])
        for job, of_job in found.values():
            if fingerprint not in {None, of_job}:
                raise KeyReusedError(job.id)
            return job
        return None

    def _alone(self) -> AbstractContextManager[Connection]:
        """For changes that are one statement each. PostgreSQL commits each by itself: to say where it begins and ends takes a tenth of it."""
        return self._lasting.begin() if self._lasting is self._database else self._lasting.connect()

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
        with self._alone() as connection:
            return claims.claim_due(connection, states, account, now, lease, limit, caller=caller, rung_before=rung_before, asked=asked)

    def claim_nearly(self, account: str, now: datetime, until: datetime, lease: timedelta, limit: int) -> list[claims.Claim]:
        """See `claims.claim_nearly`."""
        with self._alone() as connection:
            return claims.claim_nearly(connection, account, now, until, lease, limit)

    def claim_looks(self, account: str, now: datetime, until: datetime, lease: timedelta, limit: int) -> looks.Claimed:
        """See `looks.claim`."""
        with self._alone() as connection:
            return looks.claim(connection, account, now, until, lease, limit)

    def claim_these(self, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[claims.Claim]:
        """See `claims.claim_these`."""
        with self._alone() as connection:
            return claims.claim_these(connection, job_ids, now, lease)

    def unclaim(self, job_ids: Sequence[JobId], now: datetime) -> None:
        """See `claims.unclaim`."""
        with self._database.begin() as connection:
            claims.unclaim(connection, job_ids, now)

    def take(self, job_ids: Sequence[JobId], now: datetime, lease: timedelta) -> list[Job]:
        """See `claims.take`; the jobs that were taken, fenced."""
        if len(job_ids) == 1 and self._database.dialect.update_returning:
            return self._take_one(job_ids[0], now, lease)
        with self._database.begin() as connection:
            return jobs_of(connection, claims.take(connection, job_ids, now, lease))

    def _take_one(self, job_id: JobId, now: datetime, lease: timedelta) -> list[Job]:
        # Two statements: one alone that waited for another writer would have the job as he left it, and its attempts as they were before him.
        given = {"ids": [job_id], "now": now, "new_due_at": now + lease}
        with self._alone() as connection:
            sealer = sealer_of(connection)
            taken = rows_of(connection, claims.taking(connection.dialect.name), given)
            return [job_from(row, *single.surroundings(connection, row["id"], row["account"]), sealer) for row in taken]

    def keep_letter(self, letter: inbox.New, now: datetime) -> bool:
        """See `inbox.keep`."""
        with self._alone() as connection:
            return inbox.keep(connection, letter, now)

    def take_letters(self, now: datetime, lease: timedelta, limit: int, *, of_trainings: bool) -> list[inbox.Letter]:
        """See `inbox.take`."""
        with self._database.begin() as connection:
            return inbox.take(connection, now, lease, limit, of_trainings=of_trainings)

    def letters_read(self, letters: Sequence[inbox.Letter]) -> None:
        """See `inbox.read`."""
        with self._database.begin() as connection:
            inbox.read(connection, letters)

    def visited(self, job_id: JobId, now: datetime) -> None:
        """See `visits.note`."""
        with self._alone() as connection:
            visits.note(connection, job_id, now)

    def put_off(self, changes: Sequence[Applied], now: datetime) -> set[JobId]:
        """See `looks.put_off`; for decisions that are no news."""
        with self._alone() as connection:
            return looks.put_off(connection, [(change.before, change.decision.job) for change in changes], now)

    def look_again(self, made: Sequence[tuple[Look, Look]], now: datetime) -> set[JobId]:
        """See `looks.put_off`; for looks, each with the next."""
        with self._alone() as connection:
            return looks.put_off(connection, made, now)

    def apply(self, change: Applied, now: datetime) -> Job:
        """Commit one decision. Raises StaleJobError, and changes nothing, when the job is not as it was read.

        Raises BudgetSpentError for an intent to pay that the account's own limits do not allow.
        """
        written = self.apply_batch([change], now)
        if not written:
            raise StaleJobError(change.before.id)
        return written[0]

    def _stands_alone(self, change: Applied) -> bool:
        """Whether one statement can write all that the decision changes: it concerns no account, and says nothing that is not written down yet."""
        before, decision = change.before, change.decision
        if before.terms.has_limits or not self._is_one_statement(change):
            return False
        stops = any(isinstance(effect, StopAccount) for effect in decision.effects)
        return not stops and (not decision.why or rulebook.digest_of(change.rules, before.terms) in self._kept)

    def _is_one_statement(self, change: Applied) -> bool:
        return self._database.dialect.name != "sqlite" and len(applied.changed(change.before, change.after)) <= 1

    def _commit(self, connection: Connection, change: Applied, now: datetime) -> bool:
        return (applied.commit_alone if self._is_one_statement(change) else applied.commit)(connection, change, now)

    def apply_batch(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        """Commit many decisions in one transaction; the jobs as they are now. Stale ones are left out: whoever wrote them knows better."""
        if len(changes) == 1 and self._stands_alone(changes[0]):
            with self._alone() as connection:
                return [changes[0].after] if self._commit(connection, changes[0], now) else []
        # Jobs by id and then accounts by name, as everybody does: two that write the same rows in another order would wait for each other.
        with self._database.begin() as connection:
            fresh = [change for change in sorted(changes, key=lambda change: change.before.id) if self._commit(connection, change, now)]
            stops = [effect for change in fresh for effect in change.decision.effects if isinstance(effect, StopAccount)]
            for order in sorted(stops, key=lambda order: order.account):
                accounts.stop(connection, order, now)
            for change in fresh:
                _mind_the_budget(connection, change, now)
            new = self._keep_rules(connection, fresh)
        self._kept |= new
        if stops:
            self._stops.forget()
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
        self._stops.forget()

    def resume_account(self, account: str, now: datetime) -> None:
        """Let the account's line go on. The moment is not kept here: the stories of the jobs that go on with `AccountResumed` tell it."""
        del now
        with self._database.begin() as connection:
            accounts.resume(connection, account)
        self._stops.forget()

    def keep_voices(self, account: str, names: Iterable[str], now: datetime) -> None:
        """See `accounts.keep_voices`."""
        with self._database.begin() as connection:
            accounts.keep_voices(connection, account, names, now)
        self._voices.forget(account)

    def reseal(self) -> Iterator[int]:
        """See `resealing.reseal`. Needs a key."""
        return resealing.reseal(self._database)

    def keep_lesson(self, subject: str, document: Mapping[str, Any], now: datetime) -> None:
        """See `lessons.keep`."""
        with self._database.begin() as connection:
            lessons.keep(connection, subject, document, now)

    def add_tallies(self, grown: Mapping[str, float], now: datetime) -> None:
        """See `tallies.add`."""
        with self._database.begin() as connection:
            tallies.add(connection, grown, now)


def _mind_the_budget(connection: Connection, change: Applied, now: datetime) -> None:
    """Count an intent to pay with all others, in one order; and let the next job through where a training has ended."""
    before, after, terms = change.before, change.after, change.before.terms
    if any(isinstance(effect, SubmitReplica) for effect in change.decision.effects):
        if terms.max_in_flight is None and terms.max_trainings_a_month is None:
            return
        budgets.lock(connection, after.account)
        if (over := budgets.reached(connection, after.account, terms, now, change.rules, written=1)) is not None:
            raise budgets.BudgetSpentError(over)
        return
    if terms.max_in_flight is not None and after.is_settled and not before.is_settled:
        claims.wake(connection, after.account, [Failure.IN_FLIGHT_FULL], now, limit=1)
    for attempt in applied.changed(before, after) if terms.max_trainings_a_month is not None else ():
        if (at := budgets.free_from(before.attempt_of(attempt.mark), attempt, now)) is not None:
            claims.wake(connection, after.account, [Failure.MONTH_SPENT], at, limit=1 if at <= now else _FIRST)
