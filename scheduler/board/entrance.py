"""Lets people in to the board: by the session that a token began, or because they are on this host. It may not keep what it let in for long.

Every request asks anew whether the token still holds, by the same book as the API: a token that is revoked ends its sessions within two seconds.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from scheduler.api.admission import Admission, require_this_host
from scheduler.api.guard import OWNER, Caller
from scheduler.api.problems import ProblemError
from scheduler.board.buttons import BUTTONS
from scheduler.board.sessions import LASTS, Session, Sessions
from worker.settings import Settings
from worker.store.tokens import Scope

_COOKIE = "replicas-board"


class LoginNeededError(Exception):
    """Nobody is known here. `has_ended`: somebody was."""

    def __init__(self, *, has_ended: bool) -> None:
        super().__init__("a token is needed")
        self.has_ended = has_ended


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever looks at the board."""

    caller: Caller
    session: Session
    form_token: str

    @property
    def has_login(self) -> bool:
        """Whether there is anything to log out of."""
        return self.session.digest is not None

    @property
    def lacks(self) -> list[Scope]:
        """The scopes that some button needs, and they do not have."""
        return sorted({button.scope for button in BUTTONS.values()} - self.caller.scopes)

    @property
    def is_owner(self) -> bool:
        """Whether accounts, and everybody's jobs, are for them."""
        return self.caller.sees is None


class Entrance:
    """One an API, used from its event loop."""

    def __init__(self, settings: Settings, admission: Admission, sessions: Sessions) -> None:
        self.admission, self.sessions, self.ours = admission, sessions, settings.public_url

    def session_of(self, request: Request) -> Session | None:
        """The session that the browser has."""
        return self.sessions.open(request.cookies.get(self._name(request)))

    async def visitor(self, request: Request) -> Visitor:
        """Who looks. Raises LoginNeededError; ProblemError: 403, 429."""
        session = self.session_of(request)
        if session is not None and session.digest is not None:
            caller = await self.admission.of_session(session.digest)
            if caller is None:
                raise LoginNeededError(has_ended=True)
            require_readable(caller)
            return Visitor(caller, session, self.sessions.form_token(session))
        if not self.admission.trusts_this_host:
            raise LoginNeededError(has_ended=False)
        require_this_host(request.scope)
        session = session or self.sessions.new()  # its forms are to be known all the same: every page on this host could send one
        return Visitor(OWNER, session, self.sessions.form_token(session))

    def keep(self, request: Request, response: Response, session: Session) -> None:
        """Have the browser keep the session."""
        name, is_safe = self._name(request), self._is_https(request)
        response.set_cookie(
            name, self.sessions.seal(session), int(LASTS.total_seconds()), path="/", secure=is_safe, httponly=True, samesite="strict"
        )

    def forget(self, request: Request, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self._name(request), path="/", secure=self._is_https(request), httponly=True, samesite="strict")

    def _name(self, request: Request) -> str:
        # `__Host-`: browsers then let nobody on a neighbouring name, nor without https, put another in its place.
        return f"__Host-{_COOKIE}" if self._is_https(request) else _COOKIE

    def _is_https(self, request: Request) -> bool:
        """Whether the browser came by https: by itself, or as a proxy says, or because our own address is one."""
        own = urlsplit(self.ours or "")
        return request.url.scheme == "https" or (own.scheme == "https" and request.headers.get("host") == own.netloc)


def require_readable(caller: Caller) -> None:
    """Raises ProblemError (403) for a token that is not for looking."""
    if Scope.READ not in caller.scopes:
        scopes = ", ".join(sorted(caller.scopes))
        raise ProblemError(403, "insufficient-scope", f"This token is for {scopes}; the board needs one for read. Ask the owner for it.")


def entrance_of(request: Request) -> Entrance:
    """The entrance of this process."""
    entrance: Entrance = request.app.state.board
    return entrance


async def _visitor(request: Request) -> Visitor:
    visitor = await entrance_of(request).visitor(request)
    request.state.visitor = visitor
    return visitor


Seen = Annotated[Visitor, Depends(_visitor)]
"""Who looks; whoever may not is answered before the route hears of it."""
