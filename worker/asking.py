"""Asks many questions in one call, and writes what comes of them together. It may not say who is due, nor decide what follows.

A training that goes on is most of all that is ever heard: read, decided and written as a look, without its job. All other news is of a job whole.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import UnionType
from typing import TypeVar

import structlog

from worker.core import events
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.effects import Question
from worker.core.events import Event
from worker.core.job import Job, JobId
from worker.core.looking import Look, next_of, put_off
from worker.core.rules import Rules
from worker.moving import FENCED, Mover
from worker.pacing.kinds import Kind
from worker.store.database import UNREACHABLE
from worker.store.jobs import Applied
from worker.store.looks import is_no_news
from worker.store.shelves import UNREADABLE

Moved = Job | Look
"""What was moved: a job, or a look at one that is in training as before."""
Read = TypeVar("Read", Job, Look)
_Answer = Event | timedelta
"""A time: nobody was asked, for the account's pace lets no question out before that."""

log = structlog.get_logger("engine")


@dataclass(frozen=True, slots=True)
class Asker(Mover):
    """Asks for many at once."""

    def _read(
        self,
        job_ids: Sequence[JobId],
        read: Callable[[Sequence[JobId], datetime], list[Read]],
        odd: Callable[[JobId, Exception], None] | None = None,
    ) -> list[Read]:
        """What the ledger gives, leaving out a row that cannot be read: the ids are halved until it stands alone, and `odd` is told."""
        if not job_ids:
            return []
        try:
            return read(job_ids, self.clock())
        except UNREADABLE as error:
            if len(job_ids) == 1:
                if odd is not None:
                    odd(job_ids[0], error)
                return []
            middle = len(job_ids) // 2
            return self._read(job_ids[:middle], read, odd) + self._read(job_ids[middle:], read, odd)

    def _asking(self, jobs: Iterable[Job], kind: type[Question] | UnionType) -> list[tuple[Moved, Question]]:
        """The jobs for which a question of this kind is due, with it."""
        now, rules = self.clock(), self.rules
        found = ((job, _question(job, now, rules)) for job in jobs)
        return [(job, question) for job, question in found if question is not None and isinstance(question, kind)]

    def _ask(self, asking: Sequence[tuple[Moved, Question]], began: datetime) -> list[Moved]:
        """Ask questions of one kind and one account, and write what is new in one transaction, and what is not in one statement."""
        answers = self._answers([question for _, question in asking])
        now = self.clock()
        if now - began > self.rules.lease:
            log.warning("too slow: others have looked meanwhile", jobs=len(asking))
            return []
        looks, unasked, heard = list[tuple[Look, _Answer]](), list[tuple[Job, timedelta]](), list[tuple[Job, Event]]()
        for (one, _), answer in zip(asking, answers, strict=True):
            if isinstance(one, Look):
                looks.append((one, answer))
            elif isinstance(answer, timedelta):
                unasked.append((one, answer))
            else:
                heard.append((one, answer))
        return self._look_again(looks, now) + self._come_back(unasked, now) + self._settle(heard, now)

    def _answers(self, questions: Sequence[Question]) -> list[_Answer]:
        """What is said to each, in order."""
        if (held := self.pace.permit(questions[0].account, Kind.LOOK)) is not None:
            return [held.after] * len(questions)
        try:
            news = self.performer.ask(questions)
        finally:
            self.pace.release()
        return [(one.retry_after or timedelta(0)) if isinstance(one, events.PollUnread) and one.held else one for one in news]

    def _look_again(self, looks: Sequence[tuple[Look, _Answer]], now: datetime) -> list[Moved]:
        """Write the looks that brought no news, and go on with the jobs of the others."""
        rules, again, news = self.rules, list[tuple[Look, Look]](), dict[JobId, tuple[Look, Event]]()
        for look, answer in looks:
            with alone(look.id):
                if isinstance(answer, timedelta):
                    again.append((look, put_off(look, now, answer)))
                elif isinstance(answer, events.TrainingContinued) and (following := next_of(look, answer, now, rules)) is not None:
                    again.append((look, following))
                else:
                    news[look.id] = look, answer
        written = self.ledger.look_again(again, now) if again else set()
        moved: list[Moved] = [following for _, following in again if following.id in written]
        heard: list[tuple[Job, Event]] = []
        for job in self._read(list(news), lambda ids, _now: self.ledger.get_many(ids), _name_the_odd):
            look, event = news[job.id]
            # Whoever wrote to the job since knows better when it is looked at next; all other news is news whoever did.
            if job.version == look.version or not isinstance(event, FENCED):
                heard.append((job, event))
        return moved + self._settle(heard, now)

    def _settle(self, heard: Iterable[tuple[Job, Event]], now: datetime) -> list[Moved]:
        """Decide and write what was heard of jobs."""
        rules, quiet, loud = self.rules, list[Applied](), list[Applied]()
        for job, event in heard:
            with alone(job.id):
                change = Applied(job, event, decide(job, event, now, rules), rules)
                (quiet if is_no_news(job, change.decision) else loud).append(change)
        return [*self._put_off(quiet, now), *self._apply(loud, now)]

    def _come_back(self, unasked: Sequence[tuple[Job, timedelta]], now: datetime) -> list[Moved]:
        """Ask later, each after so long: the account's pace lets no question out now. That is no news, and no try."""
        return [*self._put_off([Applied(job, events.FellDue(), Decision(replace(job, due_at=now + after))) for job, after in unasked], now)]

    def _put_off(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        """Write the looks that brought no news. Whoever wrote to one of the jobs meanwhile knows better when it is looked at next."""
        written = self.ledger.put_off(changes, now) if changes else set()
        return [change.after for change in changes if change.before.id in written]

    def _apply(self, changes: Sequence[Applied], now: datetime) -> list[Job]:
        """Write news, and do what follows from it."""
        if not changes:
            return []
        effects = {change.before.id: change.decision.effects for change in changes}
        written = {job.id: job for job in self.ledger.apply_batch(changes, now)}
        for change in changes:
            job_id = change.before.id
            if job_id in written:
                self._tell(change.before, written[job_id], change.decision.why)
            with alone(job_id):
                # Somebody may have written to the job meanwhile: its news is news all the same.
                known = job_id in written
                written[job_id] = self._follow(written[job_id], effects[job_id]) if known else self._run(change.before, change.event)
        return list(written.values())

    def _take(self, job_ids: Sequence[JobId]) -> list[Job]:
        """Take what is due, and name the rows that cannot be read."""
        return self._read(job_ids, lambda ids, now: self.ledger.take(ids, now, self.rules.lease), _name_the_odd)


def by_kind_and_account(asking: Iterable[tuple[Moved, Question]]) -> list[list[tuple[Moved, Question]]]:
    """What may be asked in one call."""
    groups: dict[tuple[str, str], list[tuple[Moved, Question]]] = {}
    for one, question in asking:
        groups.setdefault((type(question).__name__, question.account), []).append((one, question))
    return [groups[key] for key in sorted(groups)]


@contextmanager
def alone(job_id: JobId) -> Generator[None]:
    """One odd job, such as a row that was changed by hand, must not stop the others: it is named, and comes back when its lease is over."""
    try:
        yield
    except UNREACHABLE:
        raise
    except Exception:
        log.exception("this job could not be moved", job_id=job_id)


def _question(job: Job, now: datetime, rules: Rules) -> Question | None:
    """What is to be asked for the job, when asking is what is due."""
    with suppress(Exception):  # an odd row; `_run` meets the same and says so, with the job's name
        decision = decide(job, events.FellDue(), now, rules)
        asked = decision.effects[0] if decision.job == job and len(decision.effects) == 1 else None
        return asked if isinstance(asked, Question) else None
    return None


def _name_the_odd(job_id: JobId, error: Exception) -> None:
    log.error("the row of this job cannot be read", job_id=job_id, exc_info=error)
