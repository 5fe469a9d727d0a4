"""The way of one request through faults and work, as four steps that a shell, or a simulation, takes in turn. Pure: it never waits."""

from dataclasses import dataclass
from datetime import datetime

from tests.sandbox import api
from tests.sandbox.answers import Answer
from tests.sandbox.call import Request
from tests.sandbox.faults import Fault, Faults, Harm, Kind, Moment
from tests.sandbox.world import World

_PAGE = b"<html>\r\n<head><title>%s</title></head>\r\n<body><center><h1>%s</h1></center><hr><center>cloudflare</center></body>\r\n</html>"
_HTML = {"Content-Type": "text/html"}
_BAD_GATEWAY = b"502 Bad Gateway"
_LINE_HARMS = (Harm.CUT, Harm.HALF, Harm.HANG)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request and the fault that it meets."""

    request: Request
    kind: Kind
    fault: Fault | None

    @property
    def is_worked(self) -> bool:
        """Whether the work is done: not when a fault struck before it. A slow answer always is."""
        return self.fault is None or self.fault.moment is Moment.AFTER or self.fault.harm is Harm.SLOW


class Front:
    """A world and its fault script: receive, work, spoil, delivered."""

    def __init__(self, world: World, faults: Faults) -> None:
        """Stand in front of `world`."""
        self.world = world
        self.faults = faults

    def receive(self, request: Request) -> Visit:
        """Step one: count it, and draw its fault."""
        kind = api.kind_of(request)
        visit = Visit(request, kind, self.faults.strike(kind))
        self.world.ledger.asked(kind, visit.fault)
        return visit

    def work(self, visit: Visit, now: datetime) -> Answer:
        """Step two, when `visit.is_worked`: the true answer, with everything it does to the world."""
        return api.answer(self.world, visit.request, now)

    def spoil(self, visit: Visit, true: Answer | None) -> Answer | None:
        """Step three: what is sent instead. None: nothing whole, the line is to be cut (for `half`, after half of the true answer)."""
        fault = visit.fault
        if fault is None or fault.harm is Harm.SLOW:
            return true
        if fault.harm in _LINE_HARMS:
            return None
        return _spoilt(fault)

    def delivered(self, visit: Visit, sent: Answer | None, now: datetime) -> None:
        """Step four: count what went out, and the final statuses that it showed. Not called when the caller had already left."""
        if sent is None:
            self.world.ledger.answered(visit.fault.harm if visit.fault is not None else "gone")
            return
        self.world.ledger.answered(str(sent.status))
        for replica_id in sent.shows:
            # A reset may have replaced the world while the answer was held back.
            replica = self.world.replicas.by_id.get(replica_id)
            if replica is not None and replica.ends_at is not None:
                self.world.ledger.seen(replica_id, replica.ends_at, now)


def _spoilt(fault: Fault) -> Answer:
    later = {"Retry-After": str(fault.retry_after)}
    match fault.harm:
        case Harm.ERROR_502:
            return Answer(502, headers=_HTML, raw=_PAGE % (_BAD_GATEWAY, _BAD_GATEWAY))
        case Harm.ERROR_503:
            return Answer(503, {"message": "Service Unavailable"}, later)
        case Harm.TOO_MANY:
            return Answer(429, {"message": "Too Many Requests"}, later)
        case Harm.GARBAGE:
            return Answer(200, raw=b'{"replica_id": "r')
        case Harm.NO_ID:
            return Answer(200, {"message": "OK"})
        case _:
            return Answer(500, {"message": "Internal Server Error"})
