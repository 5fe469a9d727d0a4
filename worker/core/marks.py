"""Our names: job ids, and the marks that find a remote thing again. It may not draw chance or read a clock: both are given.

Tavus has no idempotency key and no metadata field, so the name is the only handle on a replica whose POST was lost. Names stay short and plain
because long or odd ones make Tavus' audio step fail (Tavus, Errors and Status Details, 2026-02).
"""

import re
from base64 import b32hexencode
from datetime import datetime
from functools import lru_cache

from worker.core.job import JobId, Mark

# Crockford's base 32, in lower case: no letter can be taken for a digit, and it sorts as the number does.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CHANCE = 10  # bytes; with the millisecond, enough that two jobs never meet. They are sixteen characters of five bits each
_TIME_SHIFTS = range(45, -1, -5)
_FROM_HEX = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", _ALPHABET.encode())
_SUFFIX = 12  # of 60 random bits: a million jobs collide with a chance of 4e-7, and then the unique index says so
_NAME_ROOM = 24  # of the caller's own name in front of the mark
_MARK = re.compile(r"(?:^|-)(r[wc]-[0-9a-hjkmnp-tv-z]{12}-[0-9]+)\Z")


def new_job_id(now: datetime, entropy: bytes) -> JobId:
    """A job id: 10 characters of milliseconds and 16 of chance. `entropy`: 10 random bytes."""
    chance = b32hexencode(entropy[:_CHANCE].rjust(_CHANCE, b"\0")).translate(_FROM_HEX)
    return JobId(_moment(int(now.timestamp() * 1000)) + chance.decode("ascii"))


@lru_cache(maxsize=1)  # jobs that come together have the same
def _moment(milliseconds: int) -> str:
    return "".join(_ALPHABET[milliseconds >> shift & 31] for shift in _TIME_SHIFTS)


def replica_mark(job_id: JobId, number: int) -> Mark:
    """The mark of a job's n-th submission."""
    return Mark(f"rw-{job_id[-_SUFFIX:]}-{number}")


def conversation_mark(job_id: JobId, number: int) -> Mark:
    """The mark of a job's n-th conversation."""
    return Mark(f"rc-{job_id[-_SUFFIX:]}-{number}")


def marked_name(name: str | None, mark: Mark) -> str:
    """The name that is sent: what is plain in the caller's own name, then the mark. Characters: `[A-Za-z0-9-]`."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name or "").strip("-")[:_NAME_ROOM].strip("-")
    return f"{plain}-{mark}" if plain else mark


def mark_in(name: str) -> Mark | None:
    """The mark that a remote name ends with, or None. `mark_in(marked_name(anything, mark)) == mark`."""
    found = _MARK.search(name)
    return Mark(found[1]) if found else None
