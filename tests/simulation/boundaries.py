"""Parts of a worker at whose boundaries others go on, or death comes: before and after each commit and each look at an input."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import OperationalError

from tests.simulation.hub import Hub
from tests.simulation.weather import Weather
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.request import Request
from worker.preflight import Limits, Preflight

_READS = frozenset({
    "get", "get_many", "find_by_mark", "find_by_key", "due", "callers", "answered", "looks", "terms", "budget_reached", "due_deletions", "attempts",
    "recent", "held", "counts", "story", "voices", "stops", "is_stopped", "close",
})  # fmt: skip


class BoundedLedger:
    """Any ledger, with boundaries around all that it writes. `written` hears of each write once it is committed."""

    def __init__(self, ledger: Any, hub: Hub, weather: Weather, written: Callable[[], None]) -> None:  # noqa: ANN401 - either ledger
        self._ledger, self._hub, self._weather, self._written = ledger, hub, weather, written

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a ledger has
        """The ledger's own; what writes is bounded, also what this file has never heard of."""
        found = getattr(self._ledger, name)
        if name.startswith("_") or name in _READS:
            return found

        def bounded(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
            what = f"{name} {_events(given)}" if self._hub.tell else name
            self._hub.cross(f"before {what}")
            self._may_go_away()
            done = found(*given, **named)
            if done == []:
                return done  # nobody was due, or nobody was there to be taken: nothing was written
            self._written()
            self._may_go_away()
            self._hub.cross(f"after {what}")
            # Of two that are due at one moment no ledger says who is first: here it is the older, so that a story is the same over both.
            return sorted(done, key=_id_of) if isinstance(done, list) else done

        setattr(self, name, bounded)
        return bounded

    def _may_go_away(self) -> None:
        """A database that goes away says so, and not whether it had committed."""
        if self._weather.meets("database away", self._weather.climate.database):
            raise OperationalError("COMMIT", {}, Exception("the database went away"))


def _id_of(one: Any) -> str:  # noqa: ANN401 - a job or a claim
    return str(getattr(one, "job_id", None) or getattr(one, "id", ""))


def _events(given: tuple[Any, ...]) -> str:
    changes = given[0] if given and isinstance(given[0], list) else given[:1]
    return ",".join(type(change.event).__name__ for change in changes if hasattr(change, "event"))


class SimulatedPreflight(Preflight):
    """Inputs with a memory: what was found unfit stays so."""

    def __init__(self, hub: Hub, weather: Weather) -> None:
        super().__init__(Limits())
        self._hub, self._weather = hub, weather
        self._unfit: set[str] = set()

    def check(self, request: Request, now: object) -> InputPassed | InputRejected | InputUnread:
        """Mostly that it passes."""
        del now
        self._hub.cross("before the look at the input")
        there, back = self._weather.way()
        if there or back:
            self._hub.pause(there + back)
        verdict = self._verdict(str(request.replica))
        self._hub.cross("after the look at the input")
        return verdict

    def _verdict(self, url: str) -> InputPassed | InputRejected | InputUnread:
        if url in self._unfit or self._weather.meets("input unfit", self._weather.climate.inputs / 10):
            self._unfit.add(url)
            return InputRejected(Failure.IMAGE_TOO_SMALL, "it is 100x100 pixels")
        if self._weather.meets("input unread", self._weather.climate.inputs):
            return InputUnread("its server answers 503")
        return InputPassed()
