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
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CHANCE = 10  # bytes; with the millisecond, enough that two jobs never meet. They are sixteen characters of five bits each
_CHANCE_CHARACTERS = 16
_TIME_SHIFTS = range(45, -1, -5)
_FROM_HEX = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", ALPHABET.encode())
_SUFFIX = 12  # of 60 random bits: a million jobs collide with a chance of 4e-7, and then the unique index says so
_NAME_ROOM = 24  # of the caller's own name in front of the mark
_MARK = re.compile(r"(?:^|-)(r[wc]-[0-9a-hjkmnp-tv-z]{12}-[0-9]+)\Z")


def new_job_id(now: datetime, entropy: bytes) -> JobId:
    """A job id: 10 characters of milliseconds and 16 of chance. `entropy`: 10 random bytes."""
    chance = b32hexencode(entropy[:_CHANCE].rjust(_CHANCE, b"\0")).translate(_FROM_HEX)
    return JobId(_moment(int(now.timestamp() * 1000)) + chance.decode("ascii"))


def first_id_of(moment: datetime) -> JobId:
    """What the ids of all jobs that are created at this millisecond or later come after, and no others."""
    return JobId(_moment(max(int(moment.timestamp() * 1000), 0)))


@lru_cache(maxsize=1)  # jobs that come together have the same
def _moment(milliseconds: int) -> str:
    return "".join(ALPHABET[milliseconds >> shift & 31] for shift in _TIME_SHIFTS)


def replica_mark(job_id: JobId, number: int) -> Mark:
    """The mark of a job's n-th submission."""
    return Mark(f"rw-{suffix_of(job_id)}-{number}")


def conversation_mark(job_id: JobId, number: int) -> Mark:
    """The mark of a job's n-th conversation."""
    return Mark(f"rc-{suffix_of(job_id)}-{number}")


def number_in(mark: Mark) -> int:
    """The number in a mark: which submission, or conversation, of its job it is."""
    return int(mark.rsplit("-", 1)[1])


def suffix_of(job_id: JobId) -> str:
    """What the marks of a job have of its id: no other job of the ledger has the same."""
    return job_id[-_SUFFIX:]


def suffix_in(mark: Mark) -> str:
    """The same, out of a mark."""
    return mark.split("-")[1]


def job_id_with(suffix: str, made_at: datetime) -> JobId:
    """An id for the job that a mark tells of, and that no ledger has any more: it sorts as what was made at that moment."""
    return JobId(_moment(int(made_at.timestamp() * 1000)) + suffix.rjust(_CHANCE_CHARACTERS, "0"))


def marked_name(name: str | None, mark: Mark) -> str:
    """The name that is sent: what is plain in the caller's own name, then the mark. Characters: `[A-Za-z0-9-]`."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name or "").strip("-")[:_NAME_ROOM].strip("-")
    return f"{plain}-{mark}" if plain else mark


def mark_in(name: str) -> Mark | None:
    """The mark that a remote name ends with, or None. `mark_in(marked_name(anything, mark)) == mark`."""
    found = _MARK.search(name)
    return Mark(found[1]) if found else None
