"""The link that opens a conversation when somebody comes: its token, and what is sealed for it. It may not open anything, nor be read in a log.

The token is the job's id and our own signature of it, as with callbacks: nothing of it lies in the ledger, so no dump and no backup of that opens a
conversation, and there is nothing to store for the many jobs that are never visited. Another REPLICAS_SECRET makes every link that is out worthless.
"""

import base64
import hashlib
import hmac
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

from worker.core.job import Job, JobId
from worker.core.request import Start

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

PATH = "/c"
_SIGNATURE = 32  # hexadecimal characters, 128 bits: nobody guesses one


class Links:
    """Makes links and reads them. Without a secret there are none; without an address there is nobody to give them to."""

    def __init__(self, base: str | None, secret: SecretStr | None) -> None:
        """`base`: where people reach our API."""
        self._base = base.rstrip("/") if base else None
        self._secret = secret.get_secret_value().encode() if secret else None

    def url_of(self, job: Job) -> str | None:
        """The link of a job whose conversation is opened on demand; None for any other, and when nobody could reach it."""
        if self._base is None or self._secret is None or job.request.start is not Start.ON_DEMAND or job.erased_at is not None:
            return None
        return f"{self._base}{PATH}/{self.token_of(job.id)}"

    def token_of(self, job_id: JobId) -> str:
        """The link's token. Raises ValueError without a secret."""
        return f"{job_id}.{self._sign(job_id)}"

    def job_of(self, token: str) -> JobId | None:
        """The job that a token is for; None for a forged one, found out in constant time."""
        job_id, _, signature = token.rpartition(".")
        if self._secret is None or not hmac.compare_digest(_bytes(signature), _bytes(self._sign(job_id))):
            return None
        return JobId(job_id)

    def seal(self, meeting_token: str | None) -> str | None:
        """What opens a private room, as it may be stored. None without a secret: then no link needs it, and it is forgotten."""
        if meeting_token is None or self._secret is None:
            return None
        return self._fernet.encrypt(_bytes(meeting_token)).decode("ascii")

    def open(self, sealed: str) -> str | None:
        """What was sealed; None when it was sealed under another secret."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see `_fernet`

        try:
            return None if self._secret is None else self._fernet.decrypt(sealed).decode()
        except (InvalidToken, ValueError):  # ValueError: not even ASCII
            return None

    @cached_property
    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet  # noqa: PLC0415 - 50 ms and some megabytes, which only private rooms should cost

        return Fernet(base64.urlsafe_b64encode(self._digest("meeting tokens")))

    def _sign(self, job_id: str) -> str:
        return self._digest(f"link of {job_id}").hex()[:_SIGNATURE]  # no mark begins so: a callback's token is not a link's

    def _digest(self, text: str) -> bytes:
        if self._secret is None:
            message = "there is no secret to sign with"
            raise ValueError(message)
        return hmac.new(self._secret, _bytes(text), hashlib.sha256).digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # whatever a path was decoded to: a forger must not make us raise
