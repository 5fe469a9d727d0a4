"""The routes of Tavus accounts: stopped lines, limits, and the credit book. They may not show a key."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from scheduler import accounts
from scheduler.api.guard import Here
from scheduler.views import month_document, pace_document, terms_document
from worker.core.job import Lost, Terms
from worker.store.accounts import Stop

routes = APIRouter(prefix="/v1", tags=["accounts"])
_Limit = Annotated[int | None, Field(ge=0, le=1_000_000)]


class Limits(BaseModel):
    """Limits to set. A field that is left out stays as it is; null takes a limit away."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_trainings_a_month: _Limit = None
    max_in_flight: _Limit = None
    requests_a_minute: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    price: Annotated[Decimal | None, Field(ge=0, max_digits=12, decimal_places=4)] = None
    lost: Lost = Lost.RESUBMIT
    retry_after_refund: bool = False


@routes.get("/accounts", summary="The accounts")
def listing(parts: Here) -> dict[str, Any]:
    """Every account that has a key here or is stopped, why it is stopped, and how fast it is asked."""
    return {
        "accounts": [
            {"name": name, "stopped": _stop(stop) if stop else None, "pace": pace_document(parts.pace.standing(name))}
            for name, stop in accounts.standings(parts).items()
        ]
    }


@routes.post("/accounts/{account}/resume", summary="Let a stopped account go on")
def resume(parts: Here, account: str) -> dict[str, Any]:
    """The key or the plan is mended: what was held because of it goes on."""
    return {"account": account, "jobs": [job.id for job in accounts.resume(parts, account)]}


@routes.get("/accounts/{account}/limits", summary="An account's limits")
def limits(parts: Here, account: str) -> dict[str, Any]:
    """How much may be paid for on the account, and what follows when something is lost or fails."""
    accounts.require_account(parts, account)
    return terms_document(account, parts.ledger.terms(account))


@routes.patch("/accounts/{account}/limits", summary="Set an account's limits")
def set_limits(parts: Here, account: str, wanted: Limits) -> dict[str, Any]:
    """They hold at once, for every worker. Jobs that a limit keeps waiting stay `queued` and say so; none is dropped."""
    accounts.require_account(parts, account)
    terms: Terms = replace(parts.ledger.terms(account), **wanted.model_dump(exclude_unset=True))
    parts.ledger.set_terms(account, terms, parts.engine.clock())
    return terms_document(account, terms)


@routes.get("/credits", summary="The credit book")
def credit_book(
    parts: Here, account: str | None = None, month: Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}$")] = None
) -> dict[str, Any]:
    """Trainings paid, failed and refunded, and the money at risk, by account and month (`YYYY-MM`, UTC), newest month first."""
    return {"months": [month_document(one) for one in parts.ledger.book(parts.engine.clock(), account=account, month=month)]}


def _stop(stop: Stop) -> dict[str, str]:
    return {"failure": stop.failure.value, "at": stop.at.isoformat()}
