"""What can happen to one request on its way, by its kind, as data. It may not choose: the weather, or an exhaustive test, does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tests.sandbox.faults import Fault, Harm, Kind, Moment


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong: a fault of the sandbox, an answer of somebody in front of it (`status`), or nothing sent at all."""

    name: str
    fault: Fault | None = None
    status: int = 0
    body: Mapping[str, str] | None = None
    is_unsent: bool = False
    arrives_twice: bool = False  # a proxy that sent it once more by itself


def _harm(harm: Harm, moment: Moment) -> Trouble:
    return Trouble(f"{harm.value}-{moment.value}", Fault(harm, moment=moment))


def _said(status: int, name: str, text: str) -> Trouble:
    return Trouble(name, status=status, body={"message": text})


_BEFORE, _AFTER = Moment.BEFORE, Moment.AFTER
_UNSENT = Trouble("unsent", is_unsent=True)
LOST = tuple(_harm(harm, moment) for harm in Harm if harm is not Harm.TOO_MANY for moment in Moment)
"""What leaves nobody the wiser: done, or not, and no answer that says so."""
_TWICE = (Trouble("twice", arrives_twice=True), replace(_harm(Harm.CUT, Moment.AFTER), name="twice-cut", arrives_twice=True))
_LATER = _harm(Harm.TOO_MANY, _BEFORE)
_KEY = _said(401, "401", "Invalid access token")
_CREDIT = _said(402, "402", "Payment required")
_PAGE = Trouble("html-403", status=403)  # a firewall's page, which is no word of Tavus
_REFUSALS = [_UNSENT, _LATER, _KEY, _CREDIT, _PAGE]
STALE = _said(404, "stale-404", "Not Found")
"""A copy that does not know the replica yet, or any more."""

_READS = (Kind.GET_REPLICA, Kind.LIST_REPLICAS, Kind.LIST_CONVERSATIONS, Kind.GET_CONVERSATION)
TROUBLES: Mapping[Kind, tuple[Trouble, ...]] = {
    Kind.CREATE_REPLICA: (*LOST, *_TWICE, *_REFUSALS, _said(400, "400", "Something about the request")),
    Kind.CREATE_CONVERSATION: (*LOST, *_REFUSALS, _said(400, "full", "User has reached maximum concurrent conversations")),
    Kind.DELETE_REPLICA: (*LOST, _UNSENT, _LATER, _PAGE),
    **dict.fromkeys(_READS, (*LOST, *_REFUSALS)),
    Kind.GET_REPLICA: (*LOST, *_REFUSALS, STALE),
}


def of(kind: Kind) -> tuple[Trouble, ...]:
    """Everything that can happen to a request of this kind."""
    return TROUBLES.get(kind, (*LOST, _UNSENT, _LATER))


def everywhere() -> Iterator[tuple[Kind, Trouble]]:
    """Every trouble of every kind of request."""
    return ((kind, trouble) for kind in Kind for trouble in of(kind))
