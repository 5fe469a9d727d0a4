"""The stock voices of an account. It may not take a list that was half read for the whole."""

from datetime import timedelta
from itertools import count

import structlog

from worker.tavus.client import Tavus
from worker.tavus.scan import Unread, scan

log = structlog.get_logger("voices")


def read_voices(tavus: Tavus, account: str, patience: timedelta) -> list[str] | None:
    """The names that `voice_name` may take (Tavus, List Voices, 2026-06); None when they could not be read."""
    rows = count()  # two voices may share a name
    found = scan(lambda page: tavus.list_voices(account, page=page), _name, lambda _name: str(next(rows)), patience)
    if isinstance(found, Unread):
        log.warning("the voices were not read; the last known ones stay", account=account, reason=found.detail)
        return None
    return list(found.rows)


def _name(row: object) -> str | None:
    name = row.get("voice_name") if isinstance(row, dict) else None
    return name if isinstance(name, str) and name else None
