"""What the tests of the pace begin with: an account, its kinds of calls, a window that lasts, and permits that are there."""

from collections.abc import Callable
from datetime import timedelta

from worker.pacing.kinds import Kind, Numbers
from worker.pacing.pace import Pace
from worker.pacing.pacer import Ticket

SUBMIT, LOOK, CONVERSE = Kind.SUBMIT, Kind.LOOK, Kind.CONVERSE
MAIN = "main"
HOUR = Numbers.scaled(timedelta(hours=1))
"""A window that does not end during a test."""
Made = Callable[..., Pace]


def ticket(pace: Pace, kind: Kind) -> Ticket:
    """A permit that is there."""
    found = pace.enter(MAIN, kind)
    assert isinstance(found, Ticket)
    return found
