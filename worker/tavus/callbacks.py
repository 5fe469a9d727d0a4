"""The addresses that Tavus calls when a training ends, and about a conversation, with a token for each. It may not believe a callback.

Tavus signs nothing (Tavus, Webhooks and Callbacks, 2026-02), so the token is whom the callback is about and our own signature of that.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

from pydantic import SecretStr

from worker.core.job import JobId, Mark
from worker.core.marks import conversation_mark

PATH = "/hooks/tavus"
_SIGNATURE = 32  # hexadecimal characters, 128 bits: nobody guesses one, and the path stays short
# A job's later conversations take the place of the earlier ones, whose words may still come: so theirs names the job itself.
_TALK = re.compile(r"(?P<job>[0-9a-z]{26})~(?P<number>[0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class About:
    """Whom a callback is about. `job_id`: the job of a conversation; None for a training, whose job is known by its mark."""

    mark: Mark
    job_id: JobId | None = None


class Callbacks:
    """Makes tokens and reads them. Without a public URL or a secret there are none, and polls alone bring the news."""

    def __init__(self, public_url: str | None, secret: SecretStr | None) -> None:
        """`public_url`: where Tavus reaches our API from outside."""
        self._base = public_url.rstrip("/") if public_url else None
        self._secret = secret.get_secret_value().encode() if secret else None

    def url_for(self, mark: Mark) -> str | None:
        """The address to give to Tavus for this attempt; None when it cannot reach us."""
        return self._url(mark)

    def url_for_conversation(self, job_id: JobId, mark: Mark) -> str | None:
        """The same for a conversation of the job."""
        return self._url(f"{job_id}~{mark.rpartition('-')[2]}")

    def about(self, token: str) -> About | None:
        """Whom a token is for; None for a forged one, found out in constant time."""
        subject, _, signature = token.rpartition(".")
        if self._secret is None or not hmac.compare_digest(_bytes(signature), _bytes(self._sign(subject))):
            return None
        talk = _TALK.fullmatch(subject)
        if talk is None:
            return About(Mark(subject))
        job_id = JobId(talk["job"])
        return About(conversation_mark(job_id, int(talk["number"])), job_id)

    def _url(self, subject: str) -> str | None:
        return f"{self._base}{PATH}/{subject}.{self._sign(subject)}" if self._base and self._secret else None

    def _sign(self, subject: str) -> str:
        return hmac.new(self._secret or b"", _bytes(subject), hashlib.sha256).hexdigest()[:_SIGNATURE]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # whatever a path was decoded to: a forger must not make us raise
