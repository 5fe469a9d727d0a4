"""Learning: makes lessons of trainings and callbacks, for the poll plans of every process. It may not plan, and it changes no job."""

from collections.abc import Callable
from datetime import datetime, timedelta

from celery import Celery

from worker.app import LEARN
from worker.assembly import Parts
from worker.core.calling import RECENT, missed_share
from worker.core.learning import MOST, lesson_of
from worker.learned import CALLBACKS, TRAINING, document_of

NAME = "learn"
"""What the schedule calls it."""
_AGO = (1.5, 3.0, 6.0, 10.0)  # typical times, as the prior has them: by the first the usual ones are over, by the last the slowest
_RUNNING = 0.05  # the share that may still run, late or lost: the plan keeps a tail for those
# An end that was found later than that after a look was due is left out: it tells how long nobody looked. In parts of the training's time, or of half
# of the typical one: a small pace and lost messages put a look off by minutes, which a lesson's own spread hides; an outage does by hours.
_LATE = 0.1
_LOOKED_AT = 10 * MOST  # so many are looked back on: where nine in ten are rejected, the others still make a whole lesson


def learn(parts: Parts) -> None:
    """Keep a lesson of every kind of training, and of the callbacks of every account."""
    ledger, rules, now = parts.ledger, parts.engine.rules, parts.engine.clock()
    for subject in ledger.subjects():
        seen = _all_of_some(parts, subject, now)
        if seen:
            ledger.keep_lesson(f"{TRAINING}{subject}", document_of(lesson_of(seen)), now)
    if parts.settings.public_url is not None:
        for account in sorted(parts.settings.accounts):
            missed = missed_share(ledger.endings(account, RECENT), now, rules.callback_grace)
            ledger.keep_lesson(f"{CALLBACKS}{account}", {"missed": missed}, now)


def _all_of_some(parts: Parts, subject: str, now: datetime) -> list[tuple[timedelta, bool]]:
    """How trainings ended that began so long ago that all of them have ended, or nearly.

    Of those that began an hour ago only the quickest have ended: who learned from these would take every training for a quick one, and all that run
    for late. Errors say nothing of that: they come early, however long the others train.
    """
    rules = parts.engine.rules
    for ago in _AGO:
        # What began a deadline ago and has not ended is no longer looked at: it is lost, and runs no more than it has ended.
        some = parts.ledger.trainings(subject, now - ago * rules.plan.typical, _LOOKED_AT, now - rules.training_deadline)
        running, trained = sum(one.took is None for one in some), sum(one.well for one in some)
        if running <= max(_RUNNING * (running + trained), 1.0):
            least = rules.plan.typical / 2
            return [(one.took, one.well) for one in some if one.took is not None and one.late <= _LATE * max(one.took, least)]
    return []


def add_learning(app: Celery, parts: Callable[[], Parts]) -> None:
    """Register the task that beat sends; `parts` gives those of the process that runs it."""

    @app.task(name=LEARN, shared=False)
    def scheduler_learn() -> None:
        """Learn from finished trainings and callbacks, so that the next are looked at when they are likely to end."""
        here = parts()
        learn(here)
        here.ledger.rounds.note(NAME, here.engine.clock())
