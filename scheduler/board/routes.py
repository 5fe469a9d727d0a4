"""The board's pages: all jobs, and one. They may not act on any: pressing a button is a route of its own."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from scheduler.acts import How
from scheduler.api.guard import Here, parts_of
from scheduler.api.jobs import found
from scheduler.api.problems import ProblemError
from scheduler.board.answering import Paged
from scheduler.board.buttons import BUTTONS
from scheduler.board.cards import MOST_LINES, card_of, steps_of, tries_of
from scheduler.board.entrance import Seen, Visitor, entrance_of
from scheduler.board.pages import HEADERS, PREFIX, page, root_of
from scheduler.board.shelf import ID, Choice, Chosen, next_of
from scheduler.board.standings import accounts_of
from scheduler.explaining import explain
from worker.core.states import State
from worker.redaction import redacted

routes = APIRouter(prefix=PREFIX, route_class=Paged, include_in_schema=False)
MOST_COUNTED = 10_000
"""Jobs of a state that are counted: more are more, and to know how many would cost as much as they are."""
_ORDER = (
    State.HELD,
    State.QUEUED,
    State.SUBMITTING,
    State.TRAINING,
    State.READY,
    State.OPENING,
    State.DONE,
    State.ABANDONED,
    State.CANCELLED,
)
_Done = Annotated[str, Query(max_length=20)]


@routes.get("")
def overview(request: Request, visitor: Seen, chosen: Chosen, did: _Done = "", job: str = "") -> Response:
    """Held jobs first, then the accounts, then the newest jobs."""
    if len(chosen.search) == ID and chosen.search.isalnum():
        return RedirectResponse(f"{root_of(request)}/jobs/{chosen.search}", 303, HEADERS)
    shown = page(
        request,
        "board.html",
        **_overview(request, visitor, chosen),
        notice=_notice(did, job),
        live=f"live?{chosen.query(cursor=chosen.cursor)}",
    )
    return _tied(request, visitor, shown)


@routes.get("/jobs/{job_id}")
def one(
    request: Request, parts: Here, visitor: Seen, job_id: str, did: _Done = "", *, whole: Annotated[bool, Query(alias="all")] = False
) -> Response:
    """One job: where it is and why, what can be done, and its story."""
    job = found(parts, visitor.caller, job_id)
    now, told, lines = parts.engine.clock(), explain(parts, job, How.COMMAND), parts.ledger.story(job.id)
    steps = steps_of(lines)
    shown = page(
        request,
        "job.html",
        now=now,
        job=card_of(job, parts.engine.rules, now),
        why=redacted(told.why),
        next=told.next,
        ways=told.you_can,
        tries=tries_of(job.attempts, now),
        conversation=job.conversation,
        key=job.idempotency_key,
        steps=steps if whole else steps[:MOST_LINES],
        steps_left=0 if whole else max(len(steps) - MOST_LINES, 0),
        notice=_notice(did, job.id),
        live=f"live?job={job.id}",
    )
    return _tied(request, visitor, shown)


@routes.get("/{rest:path}")
def nothing(request: Request, rest: str) -> Response:
    """Every other address below the board's."""
    if not rest:
        return RedirectResponse(root_of(request), 303, HEADERS)
    raise ProblemError(404, "not-found", f"The board has no page {rest[:60]!r}.")


def _overview(request: Request, visitor: Visitor, chosen: Choice) -> dict[str, Any]:
    parts, book = parts_of(request), request.app.state.board_book
    now, rules, ledger = parts.engine.clock(), parts.engine.rules, parts.ledger
    pages = [ledger.page(*question) for question in chosen.questions(visitor.caller)]
    cards = [[card_of(job, rules, now) for job in one.jobs] for one in pages]
    counts = ledger.tally(visitor.caller.sees, MOST_COUNTED)
    accounts = accounts_of(parts, book, now) if visitor.is_owner and not chosen.is_narrow else []
    return {
        "now": now,
        "chosen": chosen,
        "counts": [(state, counts.get(state, 0)) for state in _ORDER],
        "most": MOST_COUNTED,
        "jobs": cards[0],
        "next": next_of(pages[0].next),
        "held": cards[1] if len(cards) > 1 else [],
        "more_held": len(pages) > 1 and pages[1].next is not None,
        "accounts": accounts,
    }


def _notice(did: str, job_id: str) -> str:
    """What is said after a button was pressed: our own words alone."""
    if did == "resume":
        return "The account goes on."
    return f"Job {job_id} {BUTTONS[did].done}." if did in BUTTONS and job_id.isalnum() and len(job_id) <= ID else ""


def _tied(request: Request, visitor: Visitor, answer: Response) -> Response:
    """Where nobody logged in, the browser still keeps the session that the page's forms are tied to."""
    entrance = entrance_of(request)
    if not visitor.has_login and entrance.session_of(request) is None:
        entrance.keep(request, answer, visitor.session)
    return answer
