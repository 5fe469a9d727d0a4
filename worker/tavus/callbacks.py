"""The address that Tavus calls when a training ends, with a token for each attempt. It may not believe a callback: it says whom to look at.

Tavus signs nothing (Tavus, Webhooks and Callbacks, 2026-02), so the token is the mark and our own signature of it.
"""

import hashlib
import hmac

from pydantic import SecretStr

from worker.core.job import Mark

PATH = "/hooks/tavus"
_SIGNATURE = 32  # hexadecimal characters, 128 bits: nobody guesses one, and the path stays short


class Callbacks:
    """Makes tokens and reads them. Without a public URL or a secret there are none, and polls alone bring the news."""

    def __init__(self, public_url: str | None, secret: SecretStr | None) -> None:
        """`public_url`: where Tavus reaches our API from outside."""
        self._base = public_url.rstrip("/") if public_url else None
        self._secret = secret.get_secret_value().encode() if secret else None

    def url_for(self, mark: Mark) -> str | None:
        """The address to give to Tavus for this attempt; None when it cannot reach us."""
        return f"{self._base}{PATH}/{mark}.{self._sign(mark)}" if self._base and self._secret else None

    def mark_of(self, token: str) -> Mark | None:
        """The attempt that a token is for; None for a forged one, found out in constant time."""
        mark, _, signature = token.rpartition(".")
        if self._secret is None or not hmac.compare_digest(_bytes(signature), _bytes(self._sign(mark))):
            return None
        return Mark(mark)

    def _sign(self, mark: str) -> str:
        return hmac.new(self._secret or b"", _bytes(mark), hashlib.sha256).hexdigest()[:_SIGNATURE]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # whatever a path was decoded to: a forger must not make us raise
