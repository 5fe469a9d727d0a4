"""Sessions of people at the board: a sealed cookie that names a token's digest. It may not hold a token, nor believe a cookie that is not ours.

Nothing of a session is stored here: at every request it is asked whether the token behind it still holds, so that revoking it ends the session. To
log out takes the cookie away; what ends one that was copied before is its age, or the token's end.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from worker.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

LASTS = timedelta(hours=12)
"""A day's work; whoever is still there then shows the token again."""
_FILE = "board.secret"

log = structlog.get_logger("board")


@dataclass(frozen=True, slots=True)
class Session:
    """Of one browser. `digest`: of the token that it was begun with; None: of whom we do not know. `nonce`: what its forms are tied to."""

    digest: str | None
    nonce: str


class Sessions:
    """Makes sessions, seals them into cookies and reads them. One an API."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def new(self, digest: str | None = None) -> Session:
        """A new one. One that begins with a login has nothing in common with the one before it."""
        return Session(digest, secrets.token_urlsafe(16))

    def seal(self, session: Session) -> str:
        """The cookie."""
        return self._fernet.encrypt(json.dumps([session.digest, session.nonce]).encode()).decode("ascii")

    def open(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None for one that is not ours, or too old."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see `_fernet`

        if not cookie:
            return None
        try:
            digest, nonce = json.loads(self._fernet.decrypt(cookie.encode(), ttl=int(LASTS.total_seconds())))
        except (InvalidToken, UnicodeError):
            return None
        return Session(digest, nonce)

    def form_token(self, session: Session) -> str:
        """What every form of this session carries, and no page of another site can know."""
        return hmac.new(self._secret, f"form of {session.nonce}".encode(), hashlib.sha256).hexdigest()

    def is_form_of(self, session: Session, given: str) -> bool:
        """Whether a form that says so was made for this session. In constant time."""
        return hmac.compare_digest(self.form_token(session).encode(), given.encode("utf-8", "surrogatepass"))

    @cached_property
    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet  # noqa: PLC0415 - 50 ms and some megabytes, for those alone who look at the board

        return Fernet(base64.urlsafe_b64encode(hmac.new(self._secret, b"sessions of the board", hashlib.sha256).digest()))


def secret_of(settings: Settings) -> bytes:
    """What seals sessions: REPLICAS_SECRET, the same in all processes; else one that this host keeps, or this process alone where it cannot."""
    if settings.secret is not None:
        return hmac.new(settings.secret.get_secret_value().encode(), b"the board", hashlib.sha256).digest()
    try:
        return _kept(settings.home / _FILE)
    except OSError as error:
        log.warning(
            "no secret for the board's sessions can be kept: they end with this process; set REPLICAS_SECRET", error=type(error).__name__
        )
        return secrets.token_bytes(32)


def _kept(file: Path) -> bytes:
    """The file's secret, made once: of several processes that start together one makes it, and it is whole before anybody can read it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        mine = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        mine.touch(mode=0o600)
        mine.write_bytes(secrets.token_bytes(32))
        try:
            os.link(mine, file)
        except FileExistsError:
            pass  # another process was first: its secret is everybody's
        finally:
            mine.unlink()
    return file.read_bytes()
