"""Asks the caller's own provider for the address of a picture or video, fresh for one submission. It may not keep, show or judge what it is given.

The question is a signed POST (Standard Webhooks), so that nobody else can have addresses signed; preflight judges the answer as it does any other.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from worker.core.events import InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.job import Job
from worker.guarded import Answer, CallError, Guard, NotAllowedError, UnansweredError
from worker.presigned import without_query
from worker.signatures import signed

KIND = "source_url.wanted"
FIELD = "source_url_provider"
_MOST = 16_384  # bytes of an answer: an address of 8192 characters, escaped, and a few words around it
_TRANSIENT = frozenset({408, 425, 429})  # "not now", in the range of "never"

SigningSecrets = Callable[[str, datetime], Sequence[str]]
"""A caller's name and now in, the valid secrets out (`whsec_...`), the newest first; all of them sign, so that a receiver may hold any."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One for a process, used from any number of threads. `within`: for one question, names and TLS included."""

    guard: Guard
    within: timedelta
    secrets: SigningSecrets = field(repr=False)

    def ask(self, job: Job, now: datetime) -> str | InputRejected | InputUnread:
        """The address that the job's provider gives for its next submission; or why there is none. Nothing is stored, nor raised for the provider."""
        address = job.request.source_url_provider or ""
        found = f"{FIELD} {without_query(address)}"
        secrets = self.secrets(job.caller, now)
        if not secrets:
            return InputUnread(f"{found} is not asked: there is no secret to sign the question with", Failure.PROVIDER_FAILING)
        body = json.dumps(_question(job, now), separators=(",", ":"))
        headers = {"Content-Type": "application/json", **signed(_id(job), now, body, secrets)}
        try:
            answer = self.guard.call("POST", address, within=self.within, headers=headers, body=body.encode("ascii"), most=_MOST)
        except UnansweredError as error:
            return InputUnread(f"{found} {error}", Failure.PROVIDER_FAILING)
        except NotAllowedError as error:
            failure = Failure.ADDRESS_NOT_ALLOWED if error.leads_inside else Failure.URL_NOT_ALLOWED
            return InputRejected(failure, f"{found} {error}")
        except CallError as error:
            return InputRejected(Failure.PROVIDER_REFUSED, f"{found} {error}")
        return _given(found, answer)


UNPROVIDED = Provider(Guard(), timedelta(0), lambda _caller, _now: ())
"""For who has no secret: nobody is asked."""


def _id(job: Job) -> str:
    """The same for the same submission, however often it is asked for."""
    return f"source_{job.id}_{len(job.attempts) + 1}"


def _question(job: Job, now: datetime) -> dict[str, Any]:
    given = job.request.replica.get(job.request.source)
    data = {
        "job_id": job.id,
        "submission": len(job.attempts) + 1,
        "idempotency_key": job.idempotency_key,
        "field": job.request.source,
        "address": without_query(given) if given else None,
        "metadata": job.request.metadata,
    }
    return {"type": KIND, "timestamp": now.astimezone(UTC).isoformat(), "data": data}


def _given(found: str, answer: Answer) -> str | InputRejected | InputUnread:
    if answer.status >= 500 or answer.status in _TRANSIENT:  # noqa: PLR2004 - the protocol's own number
        return InputUnread(f"{found} answers {answer.status}. See that its server works.", Failure.PROVIDER_FAILING)
    if not answer.succeeded:
        return InputRejected(Failure.PROVIDER_REFUSED, f"{found} answers {answer.status}. Redirects are not followed.")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    address = document.get("url") if isinstance(document, dict) else None
    if not isinstance(address, str) or not address:
        return InputRejected(Failure.PROVIDER_REFUSED, f'{found} answers something else than {{"url": "https://..."}}.')
    return address
