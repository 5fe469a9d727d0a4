"""Jobs that live in a real ledger, in bad weather and good, against a Tavus that remembers: every row and every story line is the product's own."""

import random
from dataclasses import replace
from datetime import timedelta

from typing_extensions import override

from tests.worker.core.samples import NOW, request
from tests.worker.core.world import PEOPLE, World, calm
from worker.core import events as ev
from worker.core.decide import decide
from worker.core.decision import IllegalTransition
from worker.core.job import Job
from worker.core.marks import new_job_id
from worker.core.request import AutoFix, Start
from worker.core.rules import Rules
from worker.store.jobs import Applied, Ledger

_WAITS = (timedelta(0), timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=40), timedelta(hours=12))
_RULES = (Rules(), Rules(clean_up_failed=True), Rules(clean_names=True, max_paid_attempts=3))


class KeptWorld(World):
    """A world whose job is written to a ledger at each step."""

    def __init__(self, ledger: Ledger, start: Job, rules: Rules) -> None:
        """Store the job."""
        self._ledger = ledger
        super().__init__(ledger.add(start, "fingerprint", ring=None).job, rules)

    @override
    def tell(self, event: ev.Event, luck: int = 0) -> None:
        """The same, and commit it as the engine does."""
        before = self.job
        super().tell(event, luck)
        try:
            decision = decide(before, event, self.now, self.rules)
        except IllegalTransition:
            return
        if decision.job != before or decision.why:
            self.job = self._ledger.apply(Applied(before, event, decision, self.rules), self.now)


def healthy(ledger: Ledger, count: int, seed: int = 0) -> None:
    """Let so many jobs live, most of them to their end."""
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")
        asked = request(start=chance.choice(list(Start)), auto_fix=chance.choice(list(AutoFix)))
        named = replace(asked, replica={**asked.replica, "replica_name": "Ann"})
        job_id = new_job_id(NOW + timedelta(milliseconds=number), chance.randbytes(10))
        job = Job(id=job_id, account="default", caller="local", request=named, created_at=NOW)
        world = KeptWorld(ledger, job, chance.choice(_RULES))
        _live(world, chance)
        if chance.random() < 0.7:
            calm(world)
        else:
            _unattended(world, chance.randrange(40))


def _unattended(world: KeptWorld, looks: int) -> None:
    """Fair weather for so many looks, and nobody who releases what is held."""
    for _ in range(looks):
        if world.mail:
            world.deliver(0)
        else:
            world.fall_due()


def _live(world: KeptWorld, chance: random.Random) -> None:
    for _ in range(chance.randrange(30)):
        world.now += chance.choice(_WAITS)
        luck, pick = chance.randrange(256), chance.randrange(256)
        match chance.randrange(8):
            case 0 | 1 | 2:
                world.fall_due(luck)
            case 3 | 4:
                world.deliver(pick, luck)
            case 5:
                world.deliver_again(pick, luck)
            case 6:
                world.delete_due(luck)
                world.call_back(pick)
            case _:
                word = PEOPLE[pick % len(PEOPLE)]
                assert isinstance(word, ev.Event)
                world.tell(word, luck)
