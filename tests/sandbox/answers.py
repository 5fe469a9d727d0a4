"""What goes back to a caller, as values, and the exception that cuts a request short. Nothing here touches a socket."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer before it is written. `body` is JSON material; None is an empty body."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """Bytes to send as they are, instead of `body`: a picture, or a page of HTML."""
    shows: tuple[str, ...] = ()
    """Replicas whose final status this answer shows. They count as seen only when the answer is really delivered."""


class RefusedError(Exception):
    """The request is answered now, and nothing has been done."""

    def __init__(self, status: int, key: str, text: str) -> None:
        """Refuse with `{key: text}`: the vendor uses `error` on most documented 400s and `message` on everything else."""
        super().__init__(f"{status} {text}")
        self.answer = Answer(status, {key: text})


def bad(text: str) -> RefusedError:
    """A documented 400: `{"error": text}`."""
    return RefusedError(400, "error", text)


def said(status: int, text: str) -> RefusedError:
    """Any other refusal: `{"message": text}`."""
    return RefusedError(status, "message", text)
