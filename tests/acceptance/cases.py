"""What is asked of the system, and what must become of it by the policy table. It talks to nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from tests.sandbox import messages
from worker.core.failures import POLICIES, Action, Failure
from worker.core.request import AutoFix, Start
from worker.core.states import State

SECRET = "SIGNATURE-OF-NOTHING"  # noqa: S105 - a signature of nothing
TWO_STAGE = "phoenix-4.5"
_TRAINED = {Start.ON_READY: State.DONE, Start.ON_DEMAND: State.READY, Start.NONE: State.DONE}
_ENDS = {Action.HOLD: State.HELD, Action.NEW_INPUT_NEEDED: State.ABANDONED, Action.ABANDON: State.ABANDONED}
# Two names that the sandbox has and the vendor's table has not: a second sentence of one type, and a tuning that fails without a reason.
_SAME = {
    "video_processing_damaged": Failure.VIDEO_PROCESSING,
    messages.UNKNOWN: Failure.UNRECOGNISED,
    messages.TUNING: Failure.UNRECOGNISED,
}


@dataclass(frozen=True, slots=True)
class End:
    """Where a job must end, after how many payments, of which so many fail and are refunded."""

    state: State
    failure: Failure | None
    payments: int
    refunds: int
    has_conversation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One job to be asked for, and how its training goes."""

    key: str
    outcome: str | None = None
    """A failure that the sandbox knows; None: it trains."""
    script: tuple[str, ...] = ()
    """`once`: the second training goes well. `fixable`: one with the image fixer does."""
    style: str = "in_message"
    model: str = "phoenix-4"
    is_image: bool = True
    auto_fix: AutoFix = AutoFix.NEVER
    start: Start = Start.ON_READY
    account: str = "default"
    signed_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def url(self, origin: str) -> str:
        """The training URL: one of its own for each job, presigned, with the script for the sandbox in it."""
        given = {"job": self.key, "sandbox_code": self.style} | {f"sandbox_{word}": "1" for word in self.script}
        given |= {"sandbox_outcome": self.outcome} if self.outcome else {}
        given |= {"X-Amz-Date": f"{self.signed_at:%Y%m%dT%H%M%SZ}", "X-Amz-Expires": "172800", "X-Amz-Signature": SECRET}
        return f"{origin}/headshot.jpg?{urlencode(given)}"

    def document(self, origin: str) -> dict[str, Any]:
        """The request."""
        source = {"train_image_url": self.url(origin), "voice_name": "anna"} if self.is_image else {"train_video_url": self.url(origin)}
        return {
            "replica": {**source, "model_name": self.model},
            "conversation": {"start": self.start.value},
            "auto_fix": self.auto_fix.value,
            "account": self.account,
            "idempotency_key": self.key,
        }

    @property
    def failure(self) -> Failure | None:
        """What the outcome is called in the policy table."""
        return None if self.outcome is None else _SAME.get(self.outcome) or Failure(self.outcome)

    @property
    def end(self) -> End:
        """What the table says."""
        failure = self.failure
        if failure is None:
            return self._trained(payments=1)
        # A tuning that fails leaves a preview, and no error that Tavus would refund.
        refunds = 0 if self.outcome == messages.TUNING else 1
        action = POLICIES[failure].action
        if action in _ENDS:
            return End(_ENDS[action], failure, 1, refunds, has_conversation=False)
        is_paid_again = action is Action.RETRY_PAID or (action is Action.RETRY_WITH_IMAGE_FIXER and self.auto_fix is AutoFix.ON_REJECTION)
        if is_paid_again and self.script:
            return self._trained(payments=2)
        payments = 2 if is_paid_again else 1
        return End(State.ABANDONED, failure, payments, payments, has_conversation=False)

    def _trained(self, payments: int) -> End:
        return End(_TRAINED[self.start], None, payments, payments - 1, has_conversation=self.start is Start.ON_READY)


def copies(count: int, like: Case) -> list[Case]:
    """So many jobs, each with a picture of its own."""
    return [replace(like, key=f"{like.key}-{number}") for number in range(count)]


def mixed(count: int, name: str) -> list[Case]:
    """Mostly jobs that train well, with some of each kind that does not."""
    odd = [
        Case(key=name, outcome=Failure.AUDIO_PROCESSING.value, is_image=False, script=("once",)),
        Case(key=name, outcome=Failure.IMAGE_QUALITY.value, auto_fix=AutoFix.ON_REJECTION, script=("fixable",)),
        Case(key=name, outcome=Failure.CELEBRITY_FOUND.value),
        Case(key=name, outcome=messages.UNKNOWN),
        Case(key=name, model=TWO_STAGE),
    ]
    all_odd = (replace(odd[number % len(odd)], key=f"{name}-odd-{number}") for number in range(count // 5))
    return [*copies(count - count // 5, Case(key=name)), *all_odd]


def every_code() -> Iterator[Case]:
    """Every outcome that the vendor has words for, in every place where it may say them, on every model and by every permission."""
    for code in messages.TEXTS:
        is_image = code not in messages.VIDEO
        for style in ("in_message", "own_key", "absent"):
            yield Case(key=f"{code}-{style}", outcome=code, style=style, is_image=is_image)
        if POLICIES[_SAME.get(code) or Failure(code)].action is Action.RETRY_WITH_IMAGE_FIXER:
            yield Case(key=f"{code}-fixed", outcome=code, script=("fixable",), auto_fix=AutoFix.ON_REJECTION)
            yield Case(key=f"{code}-not-fixed", outcome=code, auto_fix=AutoFix.ON_REJECTION)
    for code in messages.IMAGE:
        yield Case(key=f"{code}-two-stage", outcome=code, model=TWO_STAGE)
    yield Case(key="again", outcome=Failure.AUDIO_PROCESSING.value, is_image=False, script=("once",))
    yield Case(key="tuning", outcome=messages.TUNING, model=TWO_STAGE)
