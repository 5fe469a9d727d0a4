"""One soak from its start to its figures: the ground, the load, a look every so often, quiet, and what is left. It may not say what is good."""

import json
import re
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from tests.benchmarks.figures import Figure
from tests.benchmarks.ground import Ground
from tests.benchmarks.options import say
from tests.benchmarks.systems import Ours
from tests.benchmarks.vendor import Vendor
from tests.postgres import Postgres
from tests.soak.callers import Lookers, Services, Told, told_server
from tests.soak.host import Host
from tests.soak.samples import Sample, taken_by
from tests.soak.tavus import ACCOUNTS, FAIL_RATE, FAULTS
from tests.soak.verdict import End, Soaked, figures
from worker.durations import parse_duration

_SAMPLE_SECONDS = 30.0
_AGE_SECONDS = 5.0  # as long as the answer at /metrics is believed
_TOLD_EACH = 10  # samples between two words to the terminal
_PATIENCE = 3.0  # usual trainings until the last is at rest: what was lost is looked for, and paid again
_PATIENCE_SECONDS = 900.0
_AT_REST = "('ready', 'done', 'held', 'abandoned', 'cancelled')"
_OLDEST = re.compile(r"^replicas_oldest_due_seconds (\S+)$", re.MULTILINE)
# Not scaled: a lost POST is on its way as long as ever. The hold is longer than the hour that Tavus takes to refund.
_SETTINGS = {
    "REPLICAS_SETTLE_TIME": "60s",
    "REPLICAS_REFUND_HOLD": "10m",
    "REPLICAS_REFUND_CONFIRM": "30s",
    "REPLICAS_CLEAN_UP_FAILED": "true",
    **{f"TAVUS_API_KEY__{name.upper()}": key for name, key in ACCOUNTS.items() if name != "default"},
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done: for how long, how many jobs a second, and how many seconds stand for three and a half hours."""

    seconds: float
    rate: float
    typical: float
    seed: int
    out: Path

    @property
    def warm_up(self) -> float:
        """Seconds of which no growth is told: pools fill, code is loaded, the first trainings run."""
        return min(self.seconds / 4, 1800.0)


def soak(plan: Plan) -> list[Figure]:
    """Run it."""
    postgres, ours = Postgres(), Ours(callbacks=True, more=_SETTINGS)
    words = [word for key in ACCOUNTS.values() for word in ("--key", key)] + ["--fail-rate", str(FAIL_RATE), "--callback-loss", "0.1"]
    try:
        with Ground(postgres, Vendor(plan.typical, plan.seed), *words) as ground, told_server() as told:
            ours.start(ground)
            say(f"soak: {plan.seconds:g} s at {plan.rate:g} jobs a second; the logs are in {ground.folder}")
            with Host(ground.folder / "page") as host:
                return _Run(plan, ground, ours, told, host).figures()
    finally:
        postgres.stop()


class _Run:
    """One that is under way."""

    def __init__(self, plan: Plan, ground: Ground, ours: Ours, told: Told, host: Host) -> None:
        self._plan, self._ground, self._ours, self._told, self._host = plan, ground, ours, told, host
        self._api = f"http://127.0.0.1:{ours.environment['REPLICAS_PORT']}"
        self._services = Services(self._api, ground.broker.url, f"{ground.vendor.origin}/headshot.jpg", told.url, plan.rate)
        self._lookers = Lookers(self._api)
        self._samples: list[Sample] = []
        self._ages: list[float] = []
        self._unanswered: Counter[str] = Counter()
        self._began = time.monotonic()

    def figures(self) -> list[Figure]:
        """Load, wait until it is quiet, and ask everybody."""
        self._ground.vendor.set_faults(*FAULTS)
        before = self._ground.spent()["system"]
        self._services.start()
        self._lookers.start()
        self._watch()
        self._services.stop()
        say(f"soak: {self._services.sent} jobs were asked for, in vain: {dict(self._services.failed)}; now until the last is at rest")
        quiet = self._ground.wait_until(self._is_quiet, "quiet", _PATIENCE * self._plan.typical + _PATIENCE_SECONDS)
        self._lookers.stop()
        spent = self._ground.spent()["system"] - before
        sweep = parse_duration(self._ours.environment["REPLICAS_SWEEP_INTERVAL"]).total_seconds()
        end = End(
            wanted=int(self._plan.seconds * self._plan.rate), sent=self._services.sent, failed=self._services.failed,
            unanswered=self._unanswered, looked=self._lookers.answers, told=self._told.answers, quiet=quiet,
            states=self._states(), books=self._books(), findings=self._audited(), processor=spent,
        )  # fmt: skip
        (self._plan.out / "ages.json").write_text(json.dumps(self._ages))
        return figures(Soaked(self._samples, self._ages, sweep, self._plan.warm_up, self._plan.seconds, end))

    def _watch(self) -> None:
        """Until the load is over. Raises RuntimeError when a process has ended."""
        self._began = time.monotonic()
        while (at := time.monotonic() - self._began) < self._plan.seconds:
            self._ages += self._oldest_due()
            if at >= _SAMPLE_SECONDS * len(self._samples):
                self._sample(at)
            time.sleep(_AGE_SECONDS)

    def _sample(self, at: float) -> None:
        ground = self._ground
        ended = [name for name, process in ground.started.items() if process.poll() is not None]
        if ended:
            raise RuntimeError(f"{', '.join(ended)} ended while it soaked; the logs are in {ground.folder}")
        roots = {name: process.pid for name, process in ground.started.items()} | {"Valkey": ground.broker.process_id}
        if ground.vendor.process is not None:
            roots["sandbox"] = ground.vendor.process.pid
        host = self._host.worst()
        sample = Sample(
            at,
            {name: taken_by(root) for name, root in roots.items()},
            self._states(),
            int(ground.broker.client.dbsize()),
            max(self._ages[-1:], default=0.0),
            host.late,
            host.kept,
        )
        self._samples.append(sample)
        self._plan.out.mkdir(parents=True, exist_ok=True)
        with (self._plan.out / "samples.jsonl").open("a" if len(self._samples) > 1 else "w") as lines:
            lines.write(json.dumps(asdict(sample)) + "\n")
        if len(self._samples) % _TOLD_EACH == 1:
            memory = ", ".join(f"{name} {one.own:.0f} MB {one.handles} handles" for name, one in sample.processes.items())
            say(f"soak: {at:6.0f} s: oldest due {sample.oldest_due:.1f} s; {memory}; {sample.states}; load {psutil.getloadavg()[0]:.1f}")

    def _oldest_due(self) -> list[float]:
        """What Prometheus sees; nothing where it is not answered, which is counted."""
        try:
            answer = httpx.get(f"{self._api}/metrics", timeout=_PATIENCE_SECONDS, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            self._unanswered[type(error).__name__] += 1
            return []
        if (found := _OLDEST.search(answer.text)) is None:
            self._unanswered["no age in it"] += 1
            return []
        return [float(found[1])]

    def _states(self) -> dict[str, int]:
        return {str(state): int(str(count)) for state, count in self._ground.rows("SELECT state, count(*) FROM job GROUP BY state")}

    def _is_quiet(self) -> bool:
        [(moving,)] = self._ground.rows(f"SELECT count(*) FROM job WHERE state NOT IN {_AT_REST}")  # noqa: S608 - words of our own
        [(all_there,)] = self._ground.rows("SELECT count(*) FROM job")
        return moving == 0 and int(str(all_there)) >= self._services.sent - self._services.failed.total()

    def _books(self) -> dict[str, object]:
        """Tavus' own, once it fails no more."""
        self._ground.vendor.set_faults()
        return self._ground.vendor.ledger()

    def _audited(self) -> list[dict[str, str]]:
        said = self._ground.output(["replicas", "audit", "--remote", "--json"], self._ours.environment, _PATIENCE_SECONDS)
        (self._plan.out / "audit.json").write_text(said)
        found: list[dict[str, str]] = json.loads(said)
        return found
