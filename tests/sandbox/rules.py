"""How this Tavus behaves: every duration, rate and choice, with its reason. It decides nothing; the world reads it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class CodeStyle(StrEnum):
    """Where the machine code of a failure stands. No page says, and clients in the wild look in all three places."""

    IN_MESSAGE = "in_message"  # image failures: "CODE: sentence"; video failures: the sentence, as documented
    OWN_KEY = "own_key"  # error_message is the sentence; error_code the code
    ABSENT = "absent"  # the sentence and nothing else, for image and video


@dataclass(frozen=True, slots=True)
class Rules:
    """The sandbox's settings; all durations are virtual time."""

    typical: timedelta = timedelta(hours=3, minutes=30)
    """Training, image or video: "typically takes 3-4 hours" (Tavus, Replica FAQ, mid-2026)."""

    spread: float = 0.095
    """Sigma of the lognormal: puts 83 % of the trainings within 3 h 05 to 4 h, the rest in the tails that a poller must meet."""

    failure_fraction: float = 0.03
    """Failures come early, after about this part of the training: a rejected image is seen at "0/100" (observed, 2026)."""

    preview_fraction: float = 1 / 210
    """phoenix-4.5 is `completed` (as a preview) after about a minute of 3 h 30 (observed, 2026); a fraction, so that it scales."""

    fail_rate: float = 0.0
    """How many of the trainings whose URL scripts nothing fail, 0 to 1."""

    seed: int = 0
    """All chance comes from here and from the training URL, so the order in which requests arrive changes nothing."""

    refund_delay: timedelta = timedelta(hours=1)
    """A failed replica deleted sooner loses its refund. Tavus says only "immediately" (Replica FAQ): an hour is ours, and long on purpose."""

    list_delay: timedelta = timedelta(0)
    """How late the list shows a new replica; undocumented, so a client may not count on zero."""

    callback_loss: float = 0.0
    callback_double: float = 0.0
    callback_delay: timedelta = timedelta(seconds=2)
    """Webhooks: no retry, order or at-least-once is promised (Tavus, Webhooks and Callbacks, early 2026)."""

    absent_timeout: timedelta = timedelta(seconds=300)
    """A conversation that nobody joins ends then (Tavus, Create Conversation: participant_absent_timeout, default 300)."""

    max_call: timedelta = timedelta(seconds=3600)
    """And at the latest then (Tavus, Create Conversation: max_call_duration, default 3600)."""

    max_conversations: int | None = None
    """Concurrent conversations of an account that is not told otherwise; None is no limit. Plans give 1 to 15."""

    code_style: CodeStyle = CodeStyle.IN_MESSAGE
    open_to_all: bool = True
    """Any key that nobody named is an account of its own, without limits. Off as soon as keys are given."""
