"""The routes of Tavus accounts: stopped lines, limits, and the credit book. They may not show a key."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scheduler import accounts
from scheduler.api import account_documents, examples
from scheduler.api.body import Body
from scheduler.api.described import BODY, answer, described
from scheduler.api.guard import Here, Whose
from scheduler.api.parameters import Money, Whole, Word
from scheduler.refusals import problem_of, refused
from scheduler.views import month_document, pace_document, terms_document
from worker.assembly import Parts
from worker.core.job import Lost, Terms
from worker.store.accounts import Stop

routes = APIRouter(prefix="/v1", tags=["accounts"])
_Limit = Annotated[int, Field(ge=0, le=1_000_000), Whole] | None
_One = Annotated[str, Path(description="The account's name.", examples=["default"])]
_SETTING = {"price": "45", "max_trainings_a_month": 200, "max_in_flight": 20}
_SHOWN = {
    "application/json": {
        "schema": {"$ref": "#/components/schemas/LimitsToSet"},
        "examples": {"usual": {"summary": "What it may cost", "value": _SETTING}},
    }
}
_NAMED = [(to, {"account": "$response.body#/accounts/0/name"}) for to in ("getLimits", "getVoices", "resumeAccount", "replaceLimits")]


class LimitsToSet(BaseModel):
    """Limits to set; null, and in a PUT what is left out, is no limit, or the default. In a PATCH what is left out stays as it is."""

    # Strict: "5" is no number. A limit is about money.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_trainings_a_month: _Limit = None
    max_in_flight: _Limit = None
    requests_a_minute: Annotated[int, Field(ge=1, le=1_000_000), Whole] | None = None
    price: Money | None = None
    lost: Annotated[Lost, Field(strict=False)] = Lost.RESUBMIT
    retry_after_refund: bool = False


_NAMED_ONE = ("unknown-account",)


def _limits(operation_id: str, summary: str, *problems: str) -> dict[str, Any]:
    return described(
        operation_id, summary, answer(200, "Its limits.", account_documents.Limits, examples.LIMITS), problems=(*_NAMED_ONE, *problems)
    )


def _to_set(operation_id: str, summary: str) -> dict[str, Any]:
    """The same where they are given."""
    return _limits(operation_id, summary, *BODY) | {"openapi_extra": {"requestBody": {"required": True, "content": _SHOWN}}}


@routes.get(
    "/accounts", **described("listAccounts", "The accounts", answer(200, "All.", account_documents.Accounts, examples.ACCOUNTS, _NAMED))
)
def listing(parts: Here) -> dict[str, Any]:
    """Every account that has a key here or is stopped, why it is stopped, and how fast it is asked."""
    return {
        "accounts": [
            {"name": name, "stopped": _stop(stop) if stop else None, "pace": pace_document(parts.pace.standing(name))}
            for name, stop in accounts.standings(parts).items()
        ]
    }


@routes.post(
    "/accounts/{account}/resume",
    **described(
        "resumeAccount",
        "Let a stopped account go on",
        answer(200, "It goes on.", account_documents.Resumed, examples.RESUMED),
        problems=_NAMED_ONE,
    ),
)
def resume(parts: Here, caller: Whose, account: _One) -> dict[str, Any]:
    """The key or the plan is mended: what was held because of it goes on. `jobs`: those of the caller."""
    return {"account": account, "jobs": [job.id for job in accounts.resume(parts, account) if caller.may_see(job)]}


@routes.get("/accounts/{account}/limits", **_limits("getLimits", "An account's limits"))
def limits(parts: Here, account: _One) -> dict[str, Any]:
    """How much may be paid for on the account, and what follows when something is lost or fails."""
    accounts.require_account(parts, account)
    return terms_document(account, parts.ledger.terms(account))


def _wanted(document: Body) -> LimitsToSet:
    # Not FastAPI's own way: it reads a body of any size, and before it asks who sent it.
    try:
        return LimitsToSet.model_validate(document)
    except ValidationError as wrong:
        raise refused([problem_of(error) for error in wrong.errors(include_url=False, include_input=False)]) from None


_Setting = Annotated[LimitsToSet, Depends(_wanted)]


@routes.put("/accounts/{account}/limits", **_to_set("replaceLimits", "Set all of an account's limits"))
def replace_limits(parts: Here, account: _One, wanted: _Setting) -> dict[str, Any]:
    """What is left out is as if nobody had ever set it. They hold at once, for every worker; jobs that wait for one say so, and none is dropped."""
    return _set(parts, account, Terms(**wanted.model_dump()))


@routes.patch("/accounts/{account}/limits", **_to_set("setLimits", "Set some of an account's limits"))
def set_limits(parts: Here, account: _One, wanted: _Setting) -> dict[str, Any]:
    """What is left out stays as it is. They hold at once, for every worker; jobs that wait for one stay `queued` and say so, and none is dropped."""
    return _set(parts, account, replace(parts.ledger.terms(account), **wanted.model_dump(exclude_unset=True)))


@routes.get(
    "/accounts/{account}/voices",
    **described(
        "getVoices", "An account's voices", answer(200, "By name.", account_documents.Voices, examples.VOICES), problems=_NAMED_ONE
    ),
)
def voices(parts: Here, account: _One) -> dict[str, Any]:
    """The stock voices that a request may name, in lower case. Empty while they have not been read from Tavus yet; then any is let in."""
    return accounts.stock_voices(parts, account)


@routes.get(
    "/credits",
    **described(
        "getCredits",
        "The credit book",
        answer(200, "By month.", account_documents.CreditBook, examples.CREDITS),
        problems=("invalid-request",),
    ),
)
def credit_book(
    parts: Here,
    caller: Whose,
    account: Annotated[Word | None, Query(description="Only this account.", examples=["default"])] = None,
    month: Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}$", description="Only this month.", examples=["2026-11"])] = None,
) -> dict[str, Any]:
    """The caller's trainings paid, failed and refunded, and the money at risk, by account and month (`YYYY-MM`, UTC), newest month first."""
    book = parts.ledger.book(parts.engine.clock(), account=account, month=month, caller=caller.sees)
    return {"months": [month_document(one) for one in book]}


def _set(parts: Parts, account: str, terms: Terms) -> dict[str, Any]:
    accounts.require_account(parts, account)
    parts.ledger.set_terms(account, terms, parts.engine.clock())
    return terms_document(account, terms)


def _stop(stop: Stop) -> dict[str, str]:
    return {"failure": stop.failure.value, "at": stop.at.isoformat()}
