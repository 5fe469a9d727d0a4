"""The client at the account's pace: no call goes out without a permit, and every reply is told. It may not decide the pace, nor wait for a permit."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from worker.core.failures import Failure
from worker.counted import REFUSED, UNSENT
from worker.counts import UNCOUNTED, Counts
from worker.pacing.kinds import Held, Kind, Reason, Verdict
from worker.pacing.pacer import Pacer
from worker.tavus.client import Answer, NotSent, Reply, Tavus
from worker.tavus.refusals import refusal_of, retry_after_of

_WORDS = {
    Reason.PAUSED: "Tavus asked for a pause",
    Reason.BREAKER: "calls of this kind fail just now",
    Reason.FULL: "every conversation slot is taken",
    Reason.BUDGET: "the account's calls of this minute are spent",
    Reason.SHARE: "the rest of the account's calls of this minute is kept for others",
    Reason.RETRIES: "enough of the account's calls are retries",
}


class PacedTavus(Tavus):
    """A client that asks the pace before each call: what is held back is `NotSent`, and says when to come again."""

    def __init__(
        self, url: str, keys: Mapping[str, SecretStr], timeout: timedelta, threads: int, pace: Pacer, counts: Counts = UNCOUNTED
    ) -> None:
        """As `Tavus`; `pace` is that of all its accounts."""
        super().__init__(url, keys, timeout, threads)
        self._pace, self._counts = pace, counts

    @override
    def _call(
        self, account: str, method: str, path: str, body: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> Reply:
        ticket = self._pace.enter(account, kind_of(method, path))
        if isinstance(ticket, Held):
            return NotSent(f"held back: {_WORDS[ticket.reason]}", retry_after=ticket.after)
        began = time.perf_counter()
        reply = super()._call(account, method, path, body, params)
        verdict = verdict_of(reply, ticket.kind)
        self._pace.saw(ticket, verdict, retry_after_of(reply))
        if not isinstance(reply, NotSent) or not reply.keyless:  # without a key here an account is a word of anybody's, and no label
            self._counts.requested(account, ticket.kind, _outcome(reply, verdict), time.perf_counter() - began)
        return reply


def kind_of(method: str, path: str) -> Kind:
    """What a call is for."""
    match method, path:
        case "POST", "/replicas":
            return Kind.SUBMIT
        case "POST", "/conversations":
            return Kind.CONVERSE
        case "GET", _:
            return Kind.LOOK
        case _:
            return Kind.OTHER


def verdict_of(reply: Reply, kind: Kind) -> Verdict:
    """What the reply says of the pace. Whatever Tavus says of one job is an answer; so is a key that is missing here."""
    if isinstance(reply, NotSent):
        return Verdict.OK if reply.keyless else Verdict.FAILED
    if not isinstance(reply, Answer) or reply.status >= 500:  # noqa: PLR2004 - the protocol's own numbers
        return Verdict.FAILED
    if reply.status == 429:  # noqa: PLR2004 - the same
        return Verdict.LIMITED
    if kind is not Kind.CONVERSE or reply.ok:
        return Verdict.OK
    refusal = refusal_of(reply, Failure.CONVERSATION_REFUSED)
    return Verdict.FULL if refusal is not None and refusal.failure is Failure.CONVERSATIONS_FULL else Verdict.OK


def _outcome(reply: Reply, verdict: Verdict) -> str:
    """What became of the request, as it is counted."""
    if isinstance(reply, NotSent):
        return UNSENT
    return REFUSED if verdict is Verdict.OK and isinstance(reply, Answer) and not reply.ok else verdict.value
