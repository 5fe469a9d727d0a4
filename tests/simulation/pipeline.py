"""One seed lived from its first message to its rest: the real engine, tasks, bell and sweep over a ledger, a broker and a Tavus in this process."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pydantic import SecretStr

from scheduler.sweep import add_sweep
from tests.sandbox.rules import Rules as TavusRules
from tests.sandbox.world import World
from tests.simulation import orders
from tests.simulation.boundaries import BoundedLedger, SimulatedPreflight
from tests.simulation.broker import SimulatedApp
from tests.simulation.hub import Actor, Hub, RestlessError
from tests.simulation.ledgers import MEMORY, ledger_of
from tests.simulation.oracles import Oracles
from tests.simulation.pace import client_of, pace_of, paced_in
from tests.simulation.people import People
from tests.simulation.quiet import virtual_time
from tests.simulation.vendor import TIMEOUT
from tests.simulation.weather import HOUR, MINUTE, SECOND, Weather, climate
from worker.app import SWEEP
from worker.assembly import Parts
from worker.bell import Bell
from worker.core.decision import IllegalTransition
from worker.core.job import Job, Lost, Terms
from worker.core.polling import Plan
from worker.core.rules import Rules
from worker.engine import Engine
from worker.settings import Settings
from worker.store.claims import Claim
from worker.store.database import UNREACHABLE
from worker.tasks import add_tasks
from worker.tavus.callbacks import Callbacks
from worker.tavus.perform import Performer

BEGIN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
RULES = Rules(plan=Plan(worth=1.0), training_deadline=timedelta(hours=12))
SETTINGS = Settings.model_construct(accounts=orders.KEYS, lease=RULES.lease, http_timeout=TIMEOUT, sweep_interval=5 * SECOND)
CALLBACKS = Callbacks("https://replicas.example", SecretStr("a secret of nothing"))
_MOST = 20_000  # boundaries: some fifty times what a seed crosses
_HOPELESS = 100  # complaints after which nothing more is learned: what always raises is always due
_OVERLOOKED = 4  # sweeps in a row that leave the same jobs out
_API = 9  # the process of the API, apart from the workers'
_SOMETIMES = 0.2  # of the seeds
_ROUNDS = 3  # times that an operator releases what is held, once the weather is calm


@dataclass(slots=True)
class Result:
    """What became of one seed."""

    seed: int
    wrongs: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)


class Simulation:
    """Everything of one seed. `told` also writes the story down."""

    def __init__(
        self,
        seed: int,
        ledger: Any,  # noqa: ANN401 - either ledger
        weather: Weather,
        jobs: Sequence[Job],
        tavus: TavusRules,
        *,
        rules: Rules = RULES,
        workers: int = 2,
        paced: random.Random | None = None,
        go_on: bool = True,
        told: bool = False,
    ) -> None:
        self.result = Result(seed)
        self.weather, self.orders = weather, jobs
        self.hub = Hub(weather, BEGIN, _MOST)
        self.hub.tell = self._write if told else None
        self.world = World(tavus)
        self.oracles = Oracles(self.world, rules, self.hub.clock)
        self._ledger = ledger
        pace = pace_of(paced, self.hub, weather, self.oracles.wrong)
        bounded = BoundedLedger(ledger, self.hub, weather, self._written)
        client = client_of(pace, self.world, weather, self.hub, orders.KEYS, self._asked, self.oracles.worked, self.oracles.twice)
        self.app = SimulatedApp(self.hub, weather, workers, self._failed, self._lost)
        performer = Performer(client, CALLBACKS, SETTINGS.task_limit - TIMEOUT)
        engine = Engine(cast("Any", bounded), performer, SimulatedPreflight(self.hub, weather), rules, TIMEOUT, self.hub.clock, pace)
        bell = Bell(cast("Any", self.app), cast("Any", bounded), RULES.lease, SETTINGS.poll_batch, threads=1, pace=pace)
        settings = SETTINGS.model_copy(update={"go_on": go_on})
        nobody: Any = None  # nobody here asks to be told
        self.parts = Parts(settings, cast("Any", self.app), cast("Any", bounded), client, CALLBACKS, engine, bell, pace, courier=nobody)
        add_tasks(cast("Any", self.app), lambda: self.parts)
        add_sweep(cast("Any", self.app), lambda: self.parts)
        self.people = People(self.parts, self.hub, weather, self.world, self.oracles, self._failed, self._posted)
        self._armed: datetime | None = None
        self._tavus_next: datetime | None = None
        self._swept: datetime = BEGIN
        self._idle, self._looks = 0, False

    def run(self, storm: timedelta) -> Result:
        """Bad weather for so long, and then calm until everything rests."""
        with virtual_time(self.hub, self._complaint):
            try:
                self._live(storm)
            except RestlessError as error:
                self.oracles.wrong("no rest", str(error))
        self._count()
        return self.result

    def _live(self, storm: timedelta) -> None:
        for job in self.orders:
            self._enqueue(job)
        end = self.hub.now + storm
        self.weather.plan(storm)
        self.people.meddle([job.id for job in self.orders], end)
        self.hub.at(end, self._calm)
        self._settle()
        for _ in range(_ROUNDS):
            self.people.tend()
            self._settle()
        self.oracles.ended(lambda job: not self.oracles.by_others & set(self.world.replicas.by_url.get(orders.url_of(job), ())))

    def _enqueue(self, job: Job) -> None:
        added = self._ledger.add(job, job.id, ring=RULES.lease)
        self._written()
        claim = Claim(added.job.id, job.account, job.state)
        self.hub.spawn(Actor("api: enqueue", _API, lambda: (self.parts.bell.ring([claim], self.hub.now), None)[1], failed=self._failed))

    def _calm(self) -> None:
        self.weather.calm = True
        if self.hub.tell:
            self.hub.tell("-", "calm")
        self.people.mend()
        self.people.tend()

    def _settle(self) -> None:
        """Let everything happen that is due, here and at Tavus."""
        self._watch_tavus()
        self.hub.run()

    def _watch_tavus(self) -> None:
        """Tavus' own agenda (trainings that end, refunds, callbacks) is one of the things that happen."""
        moment = self.world.agenda.next_at
        if moment is not None and moment != self._tavus_next:
            self._tavus_next = moment
            self.hub.at(moment, lambda: self._tavus(moment))

    def _tavus(self, moment: datetime) -> None:
        del moment
        self._tavus_next = None
        self.world.settle(self.hub.now)
        for callback in self.world.take_callbacks():
            self.people.call_back(callback)
        self._watch_tavus()

    def _asked(self) -> None:
        self.oracles.asked(getattr(self._ledger, "open_transactions", 0))

    # The sweep: every few seconds, but only when somebody is due.

    def _written(self) -> None:
        """After each commit: let the judges look, and see when the next sweep has something to do."""
        earliest: datetime | None = None
        for job in self._jobs():
            before = self.oracles.jobs.get(job.id)
            if self.hub.tell and before is not None and before.version != job.version:
                self.hub.tell(self.hub.who, f"{job.id[-4:]} {before.state} -> {job.state} v{job.version} due {_clock(job.due_at)}")
            self.oracles.seen(job)
            due = _due(job)
            if due is not None and (earliest is None or due < earliest):
                earliest = due
        if self.weather.happens(self.weather.climate.busy):
            self.people.act_now()
        if self.weather.meets("callback forged", self.weather.climate.forged / 20):
            self.people.forge()
        self._watch_tavus()
        if earliest is not None:
            self._arm(earliest) if earliest > self._swept else self._look_again()

    def _arm(self, moment: datetime) -> None:
        moment = max(moment, self._swept + SETTINGS.sweep_interval)
        if self._armed is None or moment < self._armed:
            self._armed = moment
            self.hub.at(moment, lambda: self._ring(moment))

    def _ring(self, moment: datetime) -> None:
        """The moment has come, unless another was set since then. A sweep that finds nobody due does nothing, so it is left out."""
        if moment != self._armed:
            return
        self._armed = None
        due = [due for job in self._jobs() if (due := _due(job)) is not None]
        if due and min(due) <= self.hub.now:
            self._sweep()
        elif due:
            self._arm(min(due))

    def _sweep(self) -> None:
        self._swept = self.hub.now
        for _ in range(2 if self.weather.meets("sweep doubled", self.weather.climate.doubled) else 1):
            self.app.run(SWEEP)
        self._look_again()

    def _posted(self) -> None:
        """Tavus' word lies in the inbox: the next sweep reads it, and one after a lease what a sweep left that died over it."""
        self.hub.at(max(self.hub.now, self._swept + SETTINGS.sweep_interval), self._read)

    def _read(self) -> None:
        if self._ledger.due(self.hub.now, rung_before=BEGIN).letters:
            self._sweep()
            self.hub.at(self.hub.now + RULES.lease + SETTINGS.sweep_interval, self._read)

    def _look_again(self) -> None:
        """A sweep may die, and leave out whom it may not ring for (a stopped account): those are looked at again, ever more seldom."""
        if self._looks:
            return
        self._looks = True

        def look() -> None:
            self._looks = False
            due = [due for job in self._jobs() if (due := _due(job)) is not None]
            self._idle = self._idle + 1 if due and min(due) <= self.hub.now else 0
            if due:
                self._arm(min(due))
            if self.weather.calm and self._idle > _OVERLOOKED:
                self.people.resume()  # somebody sees that the line stands still

        self.hub.at(self.hub.now + SETTINGS.sweep_interval * 2 ** min(self._idle, 8), look)

    def _lost(self) -> None:
        """A message is lost: the sweep is to see it by itself when its patience is over."""
        self.hub.at(self.hub.now + 4 * SETTINGS.sweep_interval, self._sweep)

    def _jobs(self) -> list[Job]:
        """The jobs as they are written."""
        return sorted(self._ledger.get_many([job.id for job in self.orders]), key=lambda job: job.id)

    # What goes wrong inside.

    def _failed(self, error: Exception) -> None:
        """A task or a request raised. The database may go away and people may ask for what cannot be; nothing else may."""
        if self.hub.tell:
            self.hub.tell(self.hub.who, f"FAILS {type(error).__name__}: {error}")
        if isinstance(error, RestlessError):
            raise error
        if not isinstance(error, (*UNREACHABLE, IllegalTransition)):
            self.oracles.wrong("raised", f"{type(error).__name__}: {error}")
            if len(self.oracles.wrongs) > _HOPELESS:
                message = "whatever is done raises"
                raise RestlessError(message)

    def _complaint(self, what: str) -> None:
        """The engine wrote an error to its log and went on with other jobs."""
        self.oracles.wrong("complained", what)

    def _write(self, who: str, what: str) -> None:
        states = " ".join(f"{job.id[-4:]}:{job.state}" for job in self.oracles.jobs.values())
        self.result.story.append(f"{_clock(self.hub.now)} {who:<24} {what}   [{states}]")

    def _count(self) -> None:
        result, books = self.result, self.world.ledger
        result.wrongs = self.oracles.wrongs
        result.figures.update(self.weather.met)
        result.figures.update(
            seeds=1, jobs=len(self.orders), boundaries=self.hub.crossed, deaths=self.hub.died, tasks=self.app.delivered,
            requests=sum(books.requests.values()), payments=len(self.world.replicas.by_id), conversations=sum(map(len, books.conversations.values())),
            acts=self.people.acts, callbacks=books.callbacks["due"], violations=len(result.wrongs),
        )  # fmt: skip
        result.figures.update(f"ended {job.state}" for job in self.oracles.jobs.values())


def _due(job: Job) -> datetime | None:
    """When the job is due, or a deletion of it, or the end of its conversation."""
    wished = (one.deletion.due_at for one in job.attempts if one.deletion is not None)
    ended = job.conversation.end_due_at if job.conversation is not None else None
    return min((moment for moment in (job.due_at, ended, *wished) if moment is not None), default=None)


def _clock(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    days, rest = divmod(moment - BEGIN, timedelta(days=1))
    return f"{days}d+{(BEGIN.replace(hour=0) + rest):%H:%M:%S.%f}"[:-3]


def _terms(chance: random.Random) -> Terms:
    """What the owner of an account wants."""
    return Terms(
        lost=Lost.HOLD if chance.random() < _SOMETIMES else Lost.RESUBMIT,
        max_in_flight=chance.choice((1, 2)) if chance.random() < _SOMETIMES else None,
        retry_after_refund=chance.random() < _SOMETIMES,
    )


def of_seed(seed: int, kind: str = MEMORY, *, told: bool = False) -> Result:
    """Live the seed over a ledger of this kind."""
    chance = random.Random(seed)
    weather = Weather(climate(chance), chance)
    delay = chance.choice((timedelta(0), timedelta(0), 10 * MINUTE * chance.random()))
    tavus = TavusRules(seed=seed, list_delay=delay, callback_loss=0.1, callback_double=0.1)
    jobs = list(orders.jobs(chance, BEGIN))
    storm = HOUR * chance.choice((2, 5, 12, 40)) * (0.5 + chance.random())
    with ledger_of(kind) as ledger:
        rules = replace(RULES, clean_up_failed=chance.random() < _SOMETIMES, clean_names=chance.random() < _SOMETIMES)
        simulation = Simulation(
            seed, ledger, weather, jobs, tavus,
            rules=rules, workers=chance.choice((1, 2, 3)), told=told, paced=paced_in(seed), go_on=seed % 2 == 0,
        )  # fmt: skip
        for account in orders.KEYS:
            ledger.set_terms(account, _terms(chance), BEGIN)
        if chance.random() < _SOMETIMES:
            simulation.world.accounts.change(orders.KEYS[orders.MAIN].get_secret_value(), {"training_credits": chance.randrange(3)})
        return simulation.run(storm)
