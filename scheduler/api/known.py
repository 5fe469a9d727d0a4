"""The tokens that this process knows, so that a request seldom costs a question to the ledger. It may not believe what it knows for long.

What is known of a token holds for two seconds: after that the ledger is asked again before anybody is let in with it. So a revocation holds in every
process two seconds after it was made, and a token costs half a question a second at most, however busy its caller is.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.store.database import UNREACHABLE
from worker.store.tokens import Token, Tokens

FRESH = 2.0  # seconds
_SELDOM = timedelta(minutes=5)  # how far behind a token's last use may be: a row is written that seldom, and people ask for days
_THREADS = 2  # of its own: where all others wait for a slow database, callers are let in and told so


@dataclass(frozen=True, slots=True)
class _Known:
    token: Token
    until: float


class KnownTokens:
    """One an API, used from its event loop. `steady`: a clock in seconds that never goes back."""

    def __init__(self, tokens: Tokens, clock: Callable[[], datetime], steady: Callable[[], float] = time.monotonic) -> None:
        self._tokens, self._clock, self._steady = tokens, clock, steady
        self._known: dict[str, _Known] = {}
        self._asked: dict[str, asyncio.Future[Token | None]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "tokens")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    async def find(self, digest: str) -> Token | None:
        """The token of that digest, if it lets anybody in. Raises one of UNREACHABLE when the ledger has to say so and does not answer."""
        known = self._known.get(digest)
        if known is not None and self._steady() < known.until:
            return known.token
        if (answer := self._asked.get(digest)) is None:  # all who come meanwhile wait for the same answer
            answer = self._asked[digest] = asyncio.ensure_future(self._ask(digest))
            answer.add_done_callback(lambda _: self._asked.pop(digest))
        return await asyncio.shield(answer)

    async def _ask(self, digest: str) -> Token | None:
        at = self._steady()  # before the question: what is revoked while the answer is on its way is not known for longer
        token, lasts = await asyncio.get_running_loop().run_in_executor(self._threads, self._look, digest)
        if token is None:
            self._known.pop(digest, None)
        else:
            self._known[digest] = _Known(token, at + lasts)
        return token

    def _look(self, digest: str) -> tuple[Token | None, float]:
        """The token, if it holds, and for how many seconds that may be believed."""
        token, now = self._tokens.find(digest), self._clock()
        if token is None or not token.holds(now):
            return None, 0.0
        if token.last_used_at is None or now - token.last_used_at >= _SELDOM:
            with suppress(*UNREACHABLE):  # a note, for which nobody is turned away
                self._tokens.used(token.id, now)
        return token, min(FRESH, (token.expires_at - now).total_seconds()) if token.expires_at else FRESH
