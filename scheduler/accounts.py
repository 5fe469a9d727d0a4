"""The Tavus accounts as people ask for them: which lines are stopped, and letting one go on. It may not show a key."""

from worker.assembly import Parts
from worker.core.job import Job
from worker.store.accounts import Stop


class UnknownAccountError(Exception):
    """Nobody here has heard of the account: neither has it a key, nor is it stopped."""

    def __init__(self, account: str, known: list[str]) -> None:
        """Say which there are."""
        super().__init__(f"there is no account {account[:60]!r} here; there are: {', '.join(known) or 'none'}")


def standings(parts: Parts) -> dict[str, Stop | None]:
    """Every account that has a key here or is stopped, by name, and its stop."""
    stops = {stop.account: stop for stop in parts.ledger.stops()}
    return {name: stops.get(name) for name in sorted({*parts.settings.accounts, *stops})}


def require_account(parts: Parts, account: str) -> None:
    """Raises UnknownAccountError for an account that nobody here knows: a typing error changes nothing."""
    known = standings(parts)
    if account not in known:
        raise UnknownAccountError(account, list(known))


def resume(parts: Parts, account: str) -> list[Job]:
    """Let the account's line go on, and ring for the jobs that it held; those jobs. Raises UnknownAccountError."""
    require_account(parts, account)
    jobs = parts.engine.resume_account(account)
    parts.bell.ring_due(jobs, parts.engine.clock())
    return [job for job in jobs if job.due_at is not None]


def stock_voices(parts: Parts, account: str) -> dict[str, str | list[str]]:
    """The stock voices that a request may name, as JSON; none while they have not been read yet. Raises UnknownAccountError."""
    require_account(parts, account)
    return {"account": account, "voices": sorted(parts.ledger.voices(account))}
