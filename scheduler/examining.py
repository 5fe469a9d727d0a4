"""Examines an installation for the doctor: asks the settings, the database, the broker and Tavus. It may not judge, change or pay anything."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

from scheduler import doctor
from scheduler.doctor import Check
from scheduler.opened import NOBODY, opened, settings_here
from scheduler.readiness import Trouble, canary_trouble, workers_trouble
from scheduler.stack.broker import require_answer
from scheduler.stack.errors import StackError
from worker.assembly import Parts, preflight_of
from worker.bell import TASKS
from worker.settings import Settings, SettingsError
from worker.store.clock import utc_now
from worker.store.migrate import LedgerUnusableError, revision_of


def examine() -> Iterator[Check]:
    """Every check that can be made; what needs a database or settings that are not there is left out."""
    try:
        settings = settings_here()
        preflight_of(settings)  # which may need what is not installed
    except SettingsError as error:
        yield doctor.settings(str(error))
        return
    yield doctor.settings(None)
    yield doctor.encryption(has_key=bool(settings.encryption_keys))
    if not settings.brokerless:
        yield doctor.broker(_broker_problem(settings))
    stored = _database(settings)
    yield stored
    if stored.verdict is not doctor.Verdict.NOT_OK:
        with opened() as parts:
            yield from _with(parts)


def _broker_problem(settings: Settings) -> str | None:
    if settings.redis_url == NOBODY:
        return "no broker is known: REDIS_URL is not set, and no `replicas run` is up on this home"
    try:
        asyncio.run(require_answer(settings.redis_url))
    except StackError as error:
        return str(error)
    return None


def _database(settings: Settings) -> Check:
    if not settings.database_url and not (file := settings.home.resolve() / "ledger.db").exists():
        return doctor.database(None, f"there is no ledger in {file.parent}")
    try:
        return doctor.database(revision_of(settings.ledger_url))
    except LedgerUnusableError as error:
        return doctor.database(None, str(error))


def _with(parts: Parts) -> Iterator[Check]:
    before = utc_now()
    there = parts.ledger.server_time()
    yield doctor.clock(None if there is None else before + (utc_now() - before) / 2 - there)
    now, settings = parts.engine.clock(), parts.settings
    yield doctor.due(_waits(parts, now))
    if not settings.brokerless:
        yield doctor.canary(*_said(canary_trouble(parts)))
    yield doctor.workers(*_said(workers_trouble(parts)))
    replies = {account: parts.tavus.list_voices(account) for account in sorted(settings.accounts)}
    if any(doctor.is_reached(reply) for reply in replies.values()):  # else they could not be read, and say nothing of beat
        yield doctor.beat(parts.ledger.voices_read_at(), now, settings.voices_refresh)
    yield from (doctor.key(account, reply) for account, reply in replies.items())
    if not replies:
        yield doctor.no_account()


def _said(trouble: Trouble | None) -> tuple[str | None, str]:
    """What is wrong, with the names that are for whoever may log in here, and what to do."""
    return (None, "") if trouble is None else (f"{trouble.why}{f' ({trouble.reason})' if trouble.reason else ''}", trouble.do)


def _waits(parts: Parts, now: datetime) -> dict[tuple[str, str], timedelta]:
    """How long something of each line has been due at least, where that is too long; not where the account's pace has no room for it."""
    waits: dict[tuple[str, str], timedelta] = {}
    for age in doctor.long_due(parts.settings.sweep_interval):
        for line in parts.ledger.due(now - age, rung_before=now - age).lines:
            task = TASKS[line.state]
            if task is not None and parts.bell.room(line.account, task) > 0:
                waits[line.state.value, line.account] = age
    return waits
