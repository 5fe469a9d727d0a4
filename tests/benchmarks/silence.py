"""The broker killed for minutes with a thousand jobs in flight, and more asked for over HTTP: whether work goes on, and quiet returns by itself.

`REPLICAS_BROKERLESS_AFTER` is the usual one; trainings last as long as the broker is away, so that they end and begin all the time.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import httpx
from redis import Redis
from redis.exceptions import RedisError

from tests.benchmarks.figures import Figure
from tests.benchmarks.filled import fill
from tests.benchmarks.ground import Ground
from tests.benchmarks.options import Options
from tests.benchmarks.systems import Ours
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres
from worker.app import QUEUES

_JOBS, _AWAY, _WORKERS = 1_000, 300.0, 2
_EACH_SECONDS = 1.0
_ANSWER_SECONDS, _GAP_SECONDS = 5.0, 60.0
_WINDOW = 500  # messages of a queue, at which the sweep rings no more
_PATIENCE_SECONDS = 1500.0
_LEAST_TYPICAL = 30.0
_BACK = "the broker is heard again"


def measure(options: Options) -> list[Figure]:
    """Run it."""
    postgres = Postgres()
    try:
        return run(postgres, options)
    finally:
        postgres.stop()


def run(postgres: Postgres, options: Options) -> list[Figure]:
    """The same on a server that is there."""
    away, ours = options.outage_or(_AWAY), Ours(workers=options.workers or _WORKERS, more=options.settings)
    with Ground(postgres, Vendor(options.typical_or(max(away, _LEAST_TYPICAL)), options.seed)) as ground:
        return _silence(ground, ours, options, away)


@dataclass
class _Door:
    """Somebody who asks for a job every second, whatever happens, and notes how that went."""

    ground: Ground
    base: str
    asked: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    others: int = 0

    def ask_for(self, seconds: float) -> None:
        """So long."""
        began = time.monotonic()
        with httpx.Client(base_url=self.base, timeout=10 * _ANSWER_SECONDS, trust_env=False) as client:
            for number in range(max(round(seconds / _EACH_SECONDS), 1)):
                time.sleep(max(began + number * _EACH_SECONDS - time.monotonic(), 0.0))
                self._ask(client, f"meanwhile-{len(self.asked)}")
        time.sleep(max(began + seconds - time.monotonic(), 0.0))

    def _ask(self, client: httpx.Client, key: str) -> None:
        order = {
            "replica": {"train_image_url": self.ground.vendor.pictures(1, key)[f"{key}-0"], "voice_name": "anna"},
            "conversation": {"start": "on_ready"}, "idempotency_key": key,
        }  # fmt: skip
        asked = time.monotonic()
        try:
            self.others += client.post("/v1/jobs", json=order).status_code != httpx.codes.CREATED
        except httpx.HTTPError:
            self.others += 1
        self.asked.append(key)
        self.seconds.append(time.monotonic() - asked)


def _silence(ground: Ground, ours: Ours, options: Options, away: float) -> list[Figure]:
    jobs, typical = options.jobs_or(_JOBS), ground.vendor.typical
    ours.start(ground)
    fill(ground, ours, jobs, over=typical, due_within=typical / 10, ends=True)
    door = _Door(ground, f"http://127.0.0.1:{ours.environment['REPLICAS_PORT']}")
    before, done = len(ground.vendor.arrivals()), ground.vendor.progress()["conversations"]
    ground.broker.halt()
    options.say(f"silence: the broker is gone, {done} of {jobs} have ended")
    door.ask_for(away)
    arrivals = ground.vendor.arrivals()[max(before - 1, 0) :]
    opened, waited = ground.vendor.progress()["conversations"] - done, _longest_wait(arrivals, away)
    ground.broker.start()
    options.say(f"silence: the broker is back; meanwhile {opened} conversations were opened, and {len(arrivals)} requests made")
    return [
        Figure("silence", "the broker was away", away, "s"),
        Figure("silence", "enqueued over HTTP meanwhile", len(door.asked), "jobs"),
        Figure("silence", "other answers than 201", door.others, "answers", most=0),
        Figure("silence", "longest answer", max(door.seconds), "s", most=_ANSWER_SECONDS),
        Figure("silence", "longest time without a request to Tavus", waited, "s", most=_GAP_SECONDS),
        Figure("silence", "conversations opened meanwhile", opened, "jobs"),
        *_quiet(ground, jobs + len(door.asked), options.workers or _WORKERS),
    ]


def _longest_wait(arrivals: Sequence[tuple[float, str]], away: float) -> float:
    """From the last request before the blow on, and to the end of the silence."""
    times = [at for at, _ in arrivals]
    if not times:
        return away
    gaps = [after - before for before, after in pairwise(times)]
    return max([*gaps, away - (times[-1] - times[0])])


def _quiet(ground: Ground, whole: int, workers: int) -> list[Figure]:
    """What happens once the broker is back, with nobody's help."""
    began, most, back = time.monotonic(), 0, float("inf")
    with Redis.from_url(ground.broker.url) as client:

        def is_quiet() -> bool:
            nonlocal most, back
            waiting = _waiting(client)
            most = max(most, waiting)
            if back == float("inf") and ground.said().count(_BACK) >= workers:
                back = time.monotonic() - began
            return waiting == 0 and back < float("inf") and ground.vendor.progress()["conversations"] >= whole

        ground.wait_until(is_quiet, "quiet", _PATIENCE_SECONDS)
    seconds, books = time.monotonic() - began, ground.vendor.ledger()
    counts = {str(state): int(str(number)) for state, number in ground.rows("SELECT state, count(*) FROM job GROUP BY state")}
    # One more than asked for: the job that was copied, which trains for ever.
    return [
        Figure("silence", "from its return until rings are messages again", back, "s"),
        Figure("silence", "most messages that waited after its return", most, "messages", most=_WINDOW),
        Figure("silence", "from its return until all is done and nothing waits", seconds, "s"),
        Figure("silence", "jobs done in the end", counts.get("done", 0), "jobs", least=whole),
        Figure("silence", "jobs lost", whole + 1 - sum(counts.values()), "jobs", most=0),
        Figure("silence", "paid twice", len(books["paid_twice"]), "jobs", most=0),
        Figure("silence", "conversations opened twice", len(books["conversations_twice"]), "jobs", most=0),
    ]


def _waiting(client: Redis) -> int:
    try:
        return sum(int(client.llen(queue)) for queue in QUEUES)
    except RedisError:
        return 0


if __name__ == "__main__":
    from tests.benchmarks.__main__ import main

    sys.exit(main(["silence", *sys.argv[1:]]))
