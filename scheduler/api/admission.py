"""Lets callers in: by a token, or because they are on this host. It stands before the numbers and every route under /v1: none can forget to ask.

It may not say why a token is not accepted, nor let a web page on somebody's screen be a caller.
"""

import hmac
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.api.guard import ADMITTED, OWNER, SCRAPER, Caller, unauthorized
from scheduler.api.known import KnownTokens
from scheduler.api.problems import ProblemError, answer_to
from scheduler.api.rates import Rates
from scheduler.tokens import digest_of
from worker.assembly import Parts
from worker.store.database import UNREACHABLE

GUARDED = ("/v1", "/metrics")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BEARER = b"bearer "
_MOST_FRIENDS = 10_000  # places from which a token was good, in memory

log = structlog.get_logger("admission")


class Admission:
    """Who may call the API of these parts. One an API, used from its event loop."""

    def __init__(self, parts: Parts) -> None:
        """Opens no connection yet."""
        settings = parts.settings
        self._settings = settings
        self._own, self._scraper = _digest_in(settings.api_token), _digest_in(settings.metrics_token)
        self._trusting = settings.trust_loopback and self._own is None and settings.reached_at is None
        self._known = KnownTokens(parts.ledger.tokens, parts.engine.clock)
        self._rates = Rates(settings.counters_url)
        self._friends: dict[tuple[str, str], None] = {}

    def close(self) -> None:
        """End what goes on."""
        self._known.close()
        self._rates.close()

    async def admit(self, scope: Scope) -> Caller:
        """Who calls. Raises ProblemError: 401, 403 or 429."""
        if (given := _token_in(scope)) is not None:
            return await self._bearer(digest_of(given), _place_of(scope))
        if not self._trusting:
            raise unauthorized()
        require_this_host(scope)
        return OWNER

    @property
    def trusts_this_host(self) -> bool:
        """Whether who is on this host needs no token."""
        return self._trusting

    async def admit_token(self, token: bytes, scope: Scope) -> tuple[Caller, str]:
        """Whose token it is, and the digest by which `of_session` knows it again. Raises ProblemError: 401 or 429."""
        digest = digest_of(token)
        return await self._bearer(digest, _place_of(scope)), digest

    async def of_session(self, digest: str) -> Caller | None:
        """Who once came with the token of that digest; None when it holds no longer. No guess is counted: whoever asks has kept it sealed.

        Raises ProblemError: 429.
        """
        return OWNER if self._is_own(digest) else await self._of_ledger(digest)

    async def session_holds(self, digest: str) -> bool:
        """Whether `of_session` would know it. No request is counted for it."""
        with suppress(*UNREACHABLE):
            return self._is_own(digest) or await self._known.find(digest) is not None
        return False

    async def still_holds(self, scope: Scope) -> bool:
        """Whether who was admitted with a token would be now. No request is counted for it."""
        given = _token_in(scope)
        if given is None or scope[ADMITTED] in {OWNER, SCRAPER}:
            return True  # what lets these in changes with a restart alone
        with suppress(*UNREACHABLE):
            return await self._known.find(digest_of(given)) is not None
        return False

    async def _bearer(self, digest: str, place: str) -> Caller:
        """Whose token it is. Where too many were wrong only those are looked at that were good from there: the others may be guesses."""
        friend, guesses = (place, digest), f"wrong:{place}"
        if friend not in self._friends and (wait := self._rates.wait(guesses)):
            raise _too_many(wait, "Too many wrong tokens came from your address")
        caller = SCRAPER if self._is(digest, self._scraper) else await self.of_session(digest)
        if caller is None:
            self._friends.pop(friend, None)
            self._rates.take(guesses, self._settings.wrong_tokens_a_minute)
            if self._rates.wait(guesses):
                log.warning("too many wrong tokens from an address: for a minute no others are looked at", address=place)
            raise unauthorized("This token is not, or no longer, accepted. Ask the owner for another.", "invalid_token")
        if friend not in self._friends:
            if len(self._friends) >= _MOST_FRIENDS:
                del self._friends[next(iter(self._friends))]
            self._friends[friend] = None
        return caller

    def _is_own(self, digest: str) -> bool:
        return self._is(digest, self._own)

    @staticmethod
    def _is(digest: str, one: str | None) -> bool:
        return one is not None and hmac.compare_digest(digest, one)

    async def _of_ledger(self, digest: str) -> Caller | None:
        token = await self._known.find(digest)
        if token is None:
            return None
        if wait := self._rates.take(f"token:{token.id}", token.requests_a_minute or self._settings.token_requests_a_minute):
            raise _too_many(wait, "This token has had as many requests as it may have in a minute")
        return Caller(token.caller, token.scopes)


class Guard:
    """The middleware: who is not admitted is answered here, and no route hears of it."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app, self._admission = app, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit whoever calls something under /v1, or wants the numbers."""
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            try:
                scope[ADMITTED] = await self._admission.admit(scope)
            except (ProblemError, *UNREACHABLE) as error:
                await answer_to(error)(scope, receive, send)
                return
            send = self._as_long_as_it_holds(scope, send)
        await self._app(scope, receive, send)

    def _as_long_as_it_holds(self, scope: Scope, send: Send) -> Send:
        """The same for an answer that goes on and on: it ends, with no piece more, when the token no longer holds."""
        is_over = False

        async def sending(message: Message) -> None:
            nonlocal is_over
            if message.get("more_body") and not is_over and not await self._admission.still_holds(scope):
                is_over = True
                # The server then tells the route that nobody listens.
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            if not is_over:
                await send(message)

        return sending


def _digest_in(token: SecretStr | None) -> str | None:
    return None if token is None else digest_of(token.get_secret_value().encode())


def _token_in(scope: Scope) -> bytes | None:
    """The token that was sent along, if one was."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            token: bytes = value[len(_BEARER) :].strip()
            return token
    return None


def _too_many(wait: float, why: str) -> ProblemError:
    seconds = max(ceil(wait), 1)
    return ProblemError(429, "too-many-requests", f"{why}; try again in {seconds} s.", headers={"Retry-After": str(seconds)})


def require_this_host(scope: Scope) -> None:
    """Every process on this host is trusted, but a page in its browser is not, nor who comes from elsewhere through one of its processes.

    Raises ProblemError (403).

    A page can reach loopback too, under a name of its own (DNS rebinding, seen in Host) or from a site of its own (seen in Origin).
    """
    names = {_host_of(b"//" + value if name == b"host" else value) for name, value in scope["headers"] if name in {b"host", b"origin"}}
    client = scope.get("client")
    if not names <= _LOOPBACK or (client is not None and not _is_loopback(client[0])):
        detail = "Without a token only this host may call, by a loopback address: send one, or call from there."
        raise ProblemError(403, "forbidden", detail, headers={"WWW-Authenticate": "Bearer"})


@lru_cache(256)
def _host_of(origin: bytes) -> str | None:
    try:
        return urlsplit(origin.decode("latin-1")).hostname
    except ValueError:  # such as `http://[::1`: no browser says so, and nobody else need be let in with it
        return None


@lru_cache(256)
def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def _place_of(scope: Scope) -> str:
    client = scope.get("client")
    return _network_of(client[0]) if client is not None else ""


@lru_cache(1024)
def _network_of(address: str) -> str:
    """The address; of IPv6 the network, for whoever has one address there has as many as he likes."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
    return address
