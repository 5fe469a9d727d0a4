"""The routes of Tavus accounts: which lines are stopped, and letting one go on. They may not show a key."""

from typing import Any

from fastapi import APIRouter

from scheduler.api.guard import Here
from worker.store.accounts import Stop

routes = APIRouter(prefix="/v1/accounts", tags=["accounts"])


@routes.get("", summary="The accounts")
def listing(parts: Here) -> dict[str, Any]:
    """Every account that has a key here or is stopped, and why it is stopped."""
    stops = {stop.account: stop for stop in parts.ledger.stops()}
    names = sorted({*parts.settings.accounts, *stops})
    return {"accounts": [{"name": name, "stopped": _stop(stops[name]) if name in stops else None} for name in names]}


@routes.post("/{account}/resume", summary="Let a stopped account go on")
def resume(parts: Here, account: str) -> dict[str, Any]:
    """The key or the plan is mended: what was held because of it goes on."""
    jobs = parts.engine.resume_account(account)
    parts.bell.ring_due(jobs, parts.engine.clock())
    return {"account": account, "jobs": [job.id for job in jobs if job.due_at is not None]}


def _stop(stop: Stop) -> dict[str, str]:
    return {"failure": stop.failure.value, "at": stop.at.isoformat()}
