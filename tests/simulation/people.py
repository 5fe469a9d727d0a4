"""Those who meddle: callers, operators, a stranger who knows our hooks, somebody at Tavus' own dashboard. They know what the API says."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from scheduler import accounts, inbox, visits
from scheduler.api import jobs as doors
from scheduler.api.guard import OWNER
from scheduler.visits import Who
from tests.sandbox.callback import Callback
from tests.sandbox.world import World
from tests.simulation.hub import Actor, Hub
from tests.simulation.oracles import Oracles
from tests.simulation.orders import KEYS, url_of
from tests.simulation.weather import HOUR, MINUTE, Weather
from worker.assembly import Parts
from worker.core.job import JobId, ReplicaId
from worker.core.states import State

_API = 9  # the process of the API, apart from the workers'
# What a caller may ask for, each as often as it is named.
_VISIT = "visit"
_WISHES = (
    "start_conversation", "start_conversation", _VISIT, _VISIT, _VISIT, "end_conversation", "release", "retry", "delete", "delete", "abandon",
    "cancel",
)  # fmt: skip
_COMES_BACK = 0.7  # of those who come: what was opened for them may have ended by then
_WHO = (Who.PERSON, Who.PERSON, Who.WAITING, Who.PROGRAM)


class People:
    """They act through the API's own functions, each in a greenlet that may die like any other."""

    def __init__(
        self,
        parts: Parts,
        hub: Hub,
        weather: Weather,
        world: World,
        oracles: Oracles,
        failed: Callable[[Exception], None],
        posted: Callable[[], None],
    ) -> None:
        self._parts, self._hub, self._weather, self._world, self._oracles, self._failed = parts, hub, weather, world, oracles, failed
        self._posted = posted
        self.acts = 0

    def meddle(self, job_ids: list[JobId], until: datetime) -> None:
        """Plan what people will do to these jobs in bad weather."""
        chance, span = self._weather.chance, until - self._hub.now
        for job_id in job_ids:
            for _ in range(int(self._weather.climate.people * chance.random() + chance.random() * bool(self._weather.climate.people))):
                when = self._hub.now + span * chance.random() ** 2
                self._hub.at(when, partial(self._wish, chance.choice(_WISHES), job_id))
            if self._weather.climate.people and chance.random() < 0.02:
                self._hub.at(self._hub.now + span * chance.random(), partial(self._delete_by_hand, job_id))
        self._visit(until)

    def act_now(self) -> None:
        """Somebody does something to some job just while something happens."""
        chance = self._weather.chance
        job_id, wish, later = chance.choice(list(self._oracles.jobs)), chance.choice(_WISHES), MINUTE * chance.random() ** 3
        self._hub.at(self._hub.now + later, lambda: self._wish(wish, job_id))

    def _visit(self, until: datetime) -> None:
        """An operator comes by now and then."""
        when = self._hub.now + HOUR * self._weather.chance.expovariate(1 / 4)
        if when < until:
            self._hub.at(when, partial(self._come_by, until))

    def _come_by(self, until: datetime) -> None:
        self.tend()
        self._visit(until)

    def tend(self) -> None:
        """Resume what is stopped, and release what is held."""
        self.resume()
        for job in list(self._oracles.jobs.values()):
            if job.state is State.HELD:
                self._wish("release", job.id)

    def resume(self) -> None:
        """Pay what is owed, and let the stopped accounts go on."""
        self.mend()
        for stop in self._parts.ledger.stops():
            self._do("resume", partial(accounts.resume, self._parts, stop.account))

    def mend(self) -> None:
        """Pay what is owed to Tavus."""
        for key in KEYS.values():
            self._world.accounts.change(key.get_secret_value(), {"training_credits": None, "revoked": False})

    def _wish(self, wish: str, job_id: JobId) -> None:
        if wish == _VISIT:
            self._come_by_link(job_id)
            return
        door = getattr(doors, wish)
        if wish == "retry":
            self._oracles.revived.add(job_id)
        if wish in {"release", "retry"}:
            url = url_of(self._oracles.jobs[job_id])
            self._oracles.allowed[url] = self._oracles.allowed.get(url, 0) + 1
        more: tuple[dict[str, str], ...] = ({},) if wish == "retry" else ()
        self._do(f"{wish} {job_id[-4:]}", lambda: door(self._parts, OWNER, job_id, *more))

    def _come_by_link(self, job_id: JobId) -> None:
        """Somebody, or something, comes to the job's link; often several at the same moment."""
        self._oracles.visited.add(url_of(self._oracles.jobs[job_id]))
        chance = self._weather.chance
        for who in chance.choices(_WHO, k=chance.choice((1, 1, 2, 3))):
            self._do(f"visit {job_id[-4:]}, who {who.value}", partial(visits.come, self._parts, job_id, who))
        if chance.random() < _COMES_BACK:
            self._hub.at(self._hub.now + HOUR * chance.random() ** 3, partial(self._come_by_link, job_id))

    def _do(self, what: str, act: Callable[[], object]) -> None:
        self.acts += 1
        if self._hub.tell:
            self._hub.tell("somebody", what)

        def acted() -> None:
            act()

        self._hub.spawn(Actor(f"api: {what}", _API, acted, failed=self._failed))

    def _delete_by_hand(self, job_id: JobId) -> None:
        """Somebody deletes the job's replica where Tavus lets everybody do so."""
        for replica_id in self._world.replicas.by_url.get(url_of(self._oracles.jobs[job_id]), ()):
            replica = self._world.replicas.by_id[replica_id]
            if replica.deleted_at is None:
                self._oracles.by_others.add(replica_id)
                self._world.replicas.delete(replica, self._hub.now)
                if self._hub.tell:
                    self._hub.tell("a stranger", f"deletes {replica_id}")

    def call_back(self, callback: Callback) -> None:
        """Tavus' call to our hook: lost, doubled, late; and beside it perhaps one that somebody made up."""
        bad = self._weather.climate.callbacks
        token, body = callback.url.rsplit("/", 1)[1], callback.body
        if not self._weather.meets("callback lost", bad):
            self._hook(token, body)
        if self._weather.meets("callback doubled", bad):
            self._hook(token, body)
        if self._weather.meets("callback forged", self._weather.climate.forged):
            chance = self._weather.chance
            others = [ReplicaId(one) for one in self._world.replicas.by_id]
            forged = chance.choice((token[:-1] + "x", "rw-000000000000-1." + "0" * 32, "x", token, token))
            self._hook(forged, _naming(chance.choice((None, ReplicaId("rffffffffff"), *others))), early=True)

    def forge(self) -> None:
        """Somebody who knows a token of ours calls at any time, and names whom he likes."""
        chance, jobs = self._weather.chance, [job for job in self._oracles.jobs.values() if job.attempts]
        if jobs:
            url = self._parts.callbacks.url_for(chance.choice(jobs).attempts[-1].mark) or ""
            named = chance.choice((None, ReplicaId("rffffffffff"), *map(ReplicaId, self._world.replicas.by_id)))
            self._hook(url.rsplit("/", 1)[1], _naming(named))

    def _hook(self, token: str, body: Mapping[str, object], *, early: bool = False) -> None:
        late = (
            self._weather.while_(12 * HOUR if early else 10 * MINUTE)
            if self._weather.meets("callback late", self._weather.climate.callbacks)
            else None
        )

        def call() -> None:
            about = self._parts.callbacks.about(token)
            if about is not None and inbox.receive(self._parts, about, json.dumps(dict(body)).encode()):
                self._posted()

        actor = Actor("api: callback", _API, call, failed=self._failed)
        self._hub.spawn(actor, late) if late else self._hub.spawn(actor)


def _naming(replica_id: ReplicaId | None) -> Mapping[str, object]:
    return {} if replica_id is None else {"replica_id": replica_id}
