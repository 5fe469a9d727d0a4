"""What the log hears of the pace: only what a reply changed for all the calls after it. It may not change anything itself."""

from datetime import timedelta

import structlog

from worker.pacing.kinds import Verdict
from worker.pacing.pacer import Ticket

log = structlog.get_logger("pacing")


def tell_the_log(ticket: Ticket, verdict: Verdict, changed: str, retry_after: timedelta | None) -> None:
    """Tell of the reply to a call; `changed` is what the book said that it changed, if anything."""
    about = {"account": ticket.account, "kind": ticket.kind.value}
    match changed:
        case "opened" if verdict is Verdict.FULL:
            log.info("every conversation slot is taken: one job at a time asks for one", **about)
        case "opened":
            log.warning("calls of this kind fail one after another: none goes out for a while", **about)
        case "closed":
            log.info("calls of this kind are answered again", **about)
        case "cut":
            log.warning("Tavus asks us to slow down: the rate is halved, and grows back", **about, retry_after=str(retry_after))
        case _:
            pass
