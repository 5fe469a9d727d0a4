"""The stock voices of accounts as this process knows them: asked for once in a while, for every request names one. It may not judge a name."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

_KEPT = 2.0  # seconds: Tavus' list is read once an hour, so nobody misses what another process has read so lately


@dataclass(frozen=True, slots=True)
class KnownVoices:
    """Thread-safe. `ask`: reads them from the ledger."""

    ask: Callable[[str], frozenset[str]]
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)

    def of(self, account: str) -> frozenset[str]:
        """The account's stock voices in lower case, as they were two seconds ago at most."""
        asked, voices = self._known.get(account, (float("-inf"), frozenset()))
        if (now := self.clock()) - asked < _KEPT:
            return voices
        voices = self.ask(account)
        if voices:  # whoever sends a request may name any account: those that nobody knows take no memory
            self._known[account] = now, voices
        return voices

    def forget(self, account: str) -> None:
        """They are others now."""
        self._known.pop(account, None)
