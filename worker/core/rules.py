"""The durations and limits that decisions depend on, each with its reason. It may not read settings: the entry point hands it down."""

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b

from worker.core.learned import Learned
from worker.core.polling import Plan
from worker.core.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How patient the system is. Defaults suit the real Tavus; tests and the demonstration scale them."""

    lease: timedelta = timedelta(seconds=90)
    """How long a worker may be silent before another takes the job. Longer than the slowest call, or live workers are robbed."""
    settle_time: timedelta = timedelta(minutes=30)
    """How long a lost submission is looked for before it counts as absent. Shorter risks a second payment: Tavus names no bound for a late create."""
    settle_scans: int = 7
    """How many complete scans must agree on absence. `settle_wait` fits as many into the settle time, so a clock that jumps ahead proves nothing."""
    refund_hold: timedelta = timedelta(hours=24)
    """How long a failed replica is kept. Deleting it at once may lose the refund (Tavus, Replica FAQ, 2026-06); Tavus names no safe delay."""
    refund_confirm: timedelta = timedelta(minutes=10)
    """How far apart two looks must be that both still say `error`, before a failed replica is deleted: one may come from a stale copy."""
    clean_up_failed: bool = False
    """Whether failed replicas are deleted by themselves once their refund is safe: they may count against a plan's replica slots."""
    clean_names: bool = False
    """Whether a replica gets the caller's own name once its id is on record. Without its mark nobody else can tell whose it is."""
    lookup_patience: timedelta = timedelta(hours=24)
    """How long a list may be unreadable, while something lost is looked for in it, before a person is asked."""
    retry_base: timedelta = timedelta(seconds=5)
    """The first wait after a free failure; doubled each time, so that a short outage costs seconds."""
    retry_cap: timedelta = timedelta(minutes=10)
    """The longest wait between free retries: after an outage of any length, work goes on within this."""
    input_patience: timedelta = timedelta(hours=1)
    """How long the input's own server may fail before the caller is asked for another address."""
    paid_retry_delay: timedelta = timedelta(minutes=5)
    """Before paying again: a failing step on Tavus' side gets time to be mended."""
    max_paid_attempts: int = 2
    """Submissions a job may pay for: the first, and one more where the policy allows it."""
    max_lost_attempts: int = 5
    """Submissions that may be lost and proven absent before a person is asked: on a line that loses one in ten, five in a row are no bad luck."""
    training_deadline: timedelta = timedelta(hours=36)
    """When a training counts as overdue and a person is asked. Nine times the documented 4 hours; nothing is deleted or failed."""
    training_soft_deadline: timedelta = timedelta(hours=12)
    """When a training is late: an alarm, and looks that are far apart. Three times the documented 4 hours; the job goes on as before."""
    missing_confirm: timedelta = timedelta(minutes=10)
    """How long a replica must stay unknown to Tavus before it counts as vanished: a single answer may come from a stale copy."""
    openings_a_day: int = 10
    """Conversations that a job's link may open in any day: more than a person needs whose line breaks, and the most that a leak can cost."""
    visit_patience: timedelta = timedelta(minutes=2)
    """How long whoever came by a link counts as waiting without being seen again; their page asks every few seconds."""
    plan: Plan = field(default_factory=Plan)
    """What is believed of trainings before any was seen, and what knowing their end is worth."""
    learned: Learned = field(default_factory=Learned, compare=False)
    """What finished trainings taught. It moves looks, and no job: rules that differ in nothing else are the same."""

    @property
    def late_interval(self) -> timedelta:
        """The time between looks at a training that is late: a twelfth of what it took to be late."""
        return self.training_soft_deadline / 12

    @property
    def callback_grace(self) -> timedelta:
        """How far apart a training's end and its callback may be learned of: about as long as a look is late."""
        return self.plan.typical / 100

    def plan_for(self, request: Request, account: str) -> Plan:
        """The poll plan for a training of this request on this account."""
        return self.learned.plan_for(request, account, self.plan)

    def plan_of(self, subject: str, account: str) -> Plan:
        """The same for a training of this subject."""
        return self.learned.plan_of(subject, account, self.plan)

    def backoff(self, tries: int, seed: str) -> timedelta:
        """The wait before free retry number `tries` (from 0): exponential with a cap, the upper half of it spread by `seed`."""
        whole: timedelta = min(self.retry_base * float(2 ** min(tries, 20)), self.retry_cap)
        return whole * (0.5 + 0.5 * phase(f"{seed}:{tries}"))

    def settle_wait(self, scans: int) -> timedelta:
        """The wait before the next scan for a mark: a sixtieth of the settle time, doubled each time, a quarter of it at most."""
        return min(self.settle_time / 60 * float(2 ** min(scans, 10)), self.settle_time / 4)


def phase(seed: str) -> float:
    """A number in [0, 1) that is always the same for a seed: chance without a generator."""
    return int.from_bytes(blake2b(seed.encode(), digest_size=6).digest()) / 2**48
