"""The routes of Tavus accounts: which lines are stopped, and letting one go on. They may not show a key."""

from typing import Any

from fastapi import APIRouter

from scheduler import accounts
from scheduler.api.guard import Here
from worker.store.accounts import Stop

routes = APIRouter(prefix="/v1/accounts", tags=["accounts"])


@routes.get("", summary="The accounts")
def listing(parts: Here) -> dict[str, Any]:
    """Every account that has a key here or is stopped, and why it is stopped."""
    return {"accounts": [{"name": name, "stopped": _stop(stop) if stop else None} for name, stop in accounts.standings(parts).items()]}


@routes.post("/{account}/resume", summary="Let a stopped account go on")
def resume(parts: Here, account: str) -> dict[str, Any]:
    """The key or the plan is mended: what was held because of it goes on."""
    return {"account": account, "jobs": [job.id for job in accounts.resume(parts, account)]}


def _stop(stop: Stop) -> dict[str, str]:
    return {"failure": stop.failure.value, "at": stop.at.isoformat()}
