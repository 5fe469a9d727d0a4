"""What an HTTP answer to a request means: refused, lost or unread, and whose fault. It may not take "maybe done" for "not done".

A POST is *refused* only by a parsed 4xx that is known to come from Tavus before any work; everything else that is no success is *lost*.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from worker.core.failures import Failure
from worker.tavus.client import Answer, Cut, NotSent, Reply
from worker.tavus.verdicts import failure_in

# 408 and 499: the request was not read, or somebody hung up, in the middle. 409 and 425: somebody, perhaps a proxy that sent it twice, is at it.
_UNDECIDED = frozenset({408, 409, 425, 499})
_BY_STATUS = {
    401: Failure.KEY_REJECTED,
    402: Failure.OUT_OF_CREDIT,
    403: Failure.KEY_REJECTED,
    404: Failure.ADDRESS_UNKNOWN,
    405: Failure.ADDRESS_UNKNOWN,
    429: Failure.RATE_LIMITED,
}
_FULL = "maximum concurrent"  # 400 {"message": "User has reached maximum concurrent conversations"}: a full house is no 429 at Tavus
_UNKNOWN = ("invalid replica_id", "invalid face_id", "invalid replica_uuid")  # 400: how Tavus says that there is no such replica


@dataclass(frozen=True, slots=True)
class Refusal:
    """Certainly not done, and why."""

    failure: Failure
    detail: str
    retry_after: timedelta | None = None


def refusal_of(reply: Reply, otherwise: Failure) -> Refusal | None:
    """The refusal in a reply to a POST; None when the POST may have been done. `otherwise`: what an unnamed bad request is."""
    match reply:
        case NotSent(detail, _, timedelta() as retry_after):
            return Refusal(Failure.PACED, detail, retry_after)
        case NotSent(detail, keyless):
            return Refusal(Failure.KEY_REJECTED if keyless else Failure.UNREACHABLE, detail)
        case Answer(status, document, _, retry_after) if 400 <= status < 500 and status not in _UNDECIDED:  # noqa: PLR2004 - HTTP's numbers
            # A proxy's page is no word of Tavus: unread 4xx count as lost. But "later" is "later" from whoever says so with a time.
            if not isinstance(document, Mapping) and not (status == 429 and retry_after is not None):  # noqa: PLR2004
                return None
            words = reply.said
            return Refusal(_failure(status, document, words, otherwise), f"Tavus answers {status}: {words}", retry_after)
        case _:
            return None


def _failure(status: int, document: object, words: str, otherwise: Failure) -> Failure:
    if status == 403 and otherwise is Failure.CONVERSATION_REFUSED:  # noqa: PLR2004 - about this persona or document, perhaps: it holds one job
        return otherwise
    if _FULL in words.lower():
        return Failure.CONVERSATIONS_FULL
    # Only a training fails for its picture: a conversation's answer may repeat any word of its context.
    of_training = failure_in(document) if otherwise is Failure.SUBMISSION_REFUSED else None
    return _BY_STATUS.get(status) or of_training or otherwise


def fault_of(reply: Reply) -> Failure | None:
    """Whether a question went unanswered because of the account: its key (401) or its plan (402). A 403 may be a firewall's: it blames nobody."""
    if isinstance(reply, NotSent) and reply.keyless:
        return Failure.KEY_REJECTED
    if isinstance(reply, Answer) and isinstance(reply.document, Mapping):
        return {401: Failure.KEY_REJECTED, 402: Failure.OUT_OF_CREDIT}.get(reply.status)
    return None


def was_held(reply: Reply) -> bool:
    """Whether the account's pace held the call back: nobody was asked."""
    return isinstance(reply, NotSent) and reply.retry_after is not None


def says_unknown(reply: Reply) -> bool:
    """Whether Tavus says that there is no such replica: 404, or 400 with its words for it."""
    if not isinstance(reply, Answer) or not isinstance(reply.document, Mapping):
        return False
    words = reply.said.lower()
    return reply.status == 404 or (reply.status == 400 and any(unknown in words for unknown in _UNKNOWN))  # noqa: PLR2004 - HTTP's numbers


def words_of(reply: Reply) -> str:
    """The reply in one sentence."""
    match reply:
        case NotSent(detail, _, timedelta()):
            return f"not asked: {detail}"
        case NotSent(detail, _):
            return f"Tavus could not be reached: {detail}"
        case Cut(detail):
            return f"no complete answer: {detail}"
        case Answer(status):
            return f"Tavus answers {status}: {reply.said}"


def retry_after_of(reply: Reply) -> timedelta | None:
    """When Tavus wants to be asked again, if it says so; or when our own pace lets us ask."""
    return None if isinstance(reply, Cut) else reply.retry_after
