"""The book over Redis, for all processes at once. It may not decide (the script does), nor wait long for a server that is away.

Why a script of our own: `limits` 5.8 and `pyrate-limiter` 4.5 date calls by the caller's clock, so that hosts whose clocks differ let more out than
the budget; and neither knows a rate that shrinks and grows back, shares, or a pause. `pybreaker` 1.4 keeps its state in Redis, but half-open it lets
one call of each process through. With them a call would also cost three round trips; here it costs one.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import ConnectionError as LostConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from worker.brokers import redis_at
from worker.pacing.book import Look
from worker.pacing.kinds import Kind, Numbers, Reason, Verdict

_SCRIPT = files("worker.pacing").joinpath("shared.lua").read_text()
_SECONDS = 0.3  # to connect, and for an answer: far more than it takes, and little for a call that takes as long again
_NO_LIMIT, _SERVERS_CLOCK = -1, -1
Unshared = tuple[str, int, Kind, bool]
"""A call that went out while Redis was away: its id, how many milliseconds ago, its kind, and whether it was a retry."""


class AwayError(Exception):
    """Redis did not answer, or not with sense."""


class SharedBook:
    """Every account's. One a process, used from any number of threads."""

    def __init__(self, url: str, numbers: Numbers, process: str) -> None:
        """`url` as Celery takes it. Raises ValueError for one that redis-py cannot use. `process` tells this one from the others."""
        # A line that was cut while nobody looked is tried once more; what a second try counts twice is one call of a budget.
        again = Retry(NoBackoff(), 1, supported_errors=(LostConnectionError,))
        self._redis = redis_at(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=again)
        written = ", ".join(f"{name} = {number}" for name, number in asdict(numbers).items())
        self._script: Script = self._redis.register_script(f"local n = {{{written}}}\n{_SCRIPT}")
        self._process = process

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def ask(self, account: str, kind: Kind, limit: int | None, *, retry: bool = False, now: int | None = None) -> Look:
        """See `Book.ask`. Raises AwayError, as all do."""
        return _look(self._run("ask", account, kind, "", limit, retry, now))

    def take(
        self,
        account: str,
        kind: Kind,
        call: str,
        limit: int | None,
        *,
        retry: bool = False,
        unshared: Sequence[Unshared] = (),
        now: int | None = None,
    ) -> Look:
        """See `Book.take`. `unshared` is told along."""
        told = [word for name, age, of, again in unshared for word in (name, age, (0 if of.pays else 1) + (2 if again else 0))]
        return _look(self._run("take", account, kind, call, limit, retry, now, *told))

    def release(self, account: str, kind: Kind, call: str, now: int | None = None) -> None:
        """See `Book.release`."""
        self._run("release", account, kind, call, None, 0, now)

    def saw(
        self,
        account: str,
        kind: Kind,
        call: str,
        verdict: Verdict,
        limit: int | None,
        *,
        probe: bool = False,
        pause: int = 0,
        late: bool = False,
        now: int | None = None,
    ) -> str:
        """See `Book.saw`."""
        changed = self._run("saw", account, kind, call, limit, 0, now, verdict.value, int(probe), pause, int(late))
        return str(changed, "utf-8")

    def show(self, account: str, limit: int | None) -> tuple[int | None, int, int, dict[Kind, tuple[Reason, int]]]:
        """What a window may have now, what the last had, how long the account pauses, and the breakers that are not closed."""
        allowed, sent, pause, *breaks = self._run("show", account, Kind.LOOK, "", limit, 0, None)
        found = [
            (Kind(str(one, "utf-8")), Reason(str(why, "utf-8")), int(wait)) for one, why, wait in zip(*[iter(breaks)] * 3, strict=True)
        ]
        return None if allowed < 0 else int(allowed), int(sent), int(pause), {kind: (why, wait) for kind, why, wait in found}

    def _run(self, what: str, account: str, kind: Kind, call: str, limit: int | None, retry: int, now: int | None, *rest: str | int) -> Any:  # noqa: ANN401 - the script's reply
        keys = [f"replicas.pace:{{{account}}}:{part}" for part in ("calls", "looks", "retries", "state", "sharers")]
        words = (what, kind.value, int(kind.pays), call, _NO_LIMIT if limit is None else limit, int(retry))
        moment = _SERVERS_CLOCK if now is None else now
        try:
            return self._script(keys=keys, args=[*words, moment, self._process, *rest])
        except (RedisError, OSError) as error:
            raise AwayError(f"{type(error).__name__}: {error}") from error


def _look(reply: Sequence[Any]) -> Look:
    reason, wait, room, probe, failures, sharers, known = reply
    why = Reason(str(reason, "utf-8")) if reason else None
    return Look(why, int(wait), int(room), bool(probe), int(failures), int(sharers), bool(known))


def milliseconds() -> int:
    """The clock of one process, which never goes back."""
    return time.monotonic_ns() // 1_000_000
