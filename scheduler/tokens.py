"""Makes tokens for callers, and says which names they may have. It may not keep one: whoever makes a token sees it once, and nobody ever again."""

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import timedelta

from scheduler.producers import CALLER
from worker.assembly import Parts
from worker.settings import SettingsError
from worker.store.database import UNREACHABLE
from worker.store.tokens import Scope, Token

PREFIX = "rwt_"
"""How every token begins, so that one that was pasted where it does not belong can be told from other words: `worker.redaction` takes it out."""

_LONGEST = timedelta(days=3650)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


def digest_of(token: bytes) -> str:
    """What tells the token from any other, and cannot be turned back into it."""
    return hashlib.sha256(token).hexdigest()


def make_token(
    parts: Parts, caller: str, scopes: Collection[Scope], *, lasts: timedelta | None = None, requests_a_minute: int | None = None
) -> tuple[Token, str]:
    """A new token of that caller, and its text, which is kept nowhere. Raises ValueError for a name that no caller may have."""
    if not _NAME.fullmatch(caller):
        raise ValueError(f"{caller[:60]!r} is no name for a caller: use up to 60 small letters, digits, dots, dashes and underscores")
    if caller == CALLER:
        raise ValueError(f"{CALLER!r} is whoever needs no token, and sees everything: give the caller a name of its own")
    if lasts is not None and not timedelta(0) < lasts <= _LONGEST:
        raise ValueError(f"a token holds for some time, and for {_LONGEST.days} days at most: leave the time out for one without an end")
    now, text = parts.engine.clock(), PREFIX + secrets.token_urlsafe(32)
    token = Token(
        id=secrets.token_hex(5), caller=caller, scopes=frozenset(scopes), created_at=now,
        expires_at=None if lasts is None else now + lasts, requests_a_minute=requests_a_minute,
    )  # fmt: skip
    parts.ledger.tokens.keep(token, digest_of(text.encode()))
    return token, text


def require_tokens(parts: Parts) -> None:
    """Raises SettingsError for a server that others than this host can reach, while there is no token that they could be asked for."""
    settings = parts.settings
    if settings.api_token is not None or settings.reached_at is None:
        return
    reason, known = f"without one anybody who reaches {settings.reached_at} could spend your credits", False
    try:
        known = parts.ledger.tokens.one_holds(parts.engine.clock())
    except UNREACHABLE:
        reason += ", and the database that may know one does not answer, or was never prepared (`replicas migrate`)"
    if not known:
        raise SettingsError(f"REPLICAS_API_TOKEN, or a token of `replicas tokens make NAME`, is needed: {reason}")
