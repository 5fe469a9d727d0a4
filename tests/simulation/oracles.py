"""What may never be, whatever the weather: judged by the sandbox's own books and by the ledger's rows. It may not mend anything."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tests.sandbox.answers import Answer
from tests.sandbox.call import Request
from tests.sandbox.faults import Kind
from tests.sandbox.replica import Replica, Status
from tests.sandbox.world import World
from tests.simulation.orders import url_of
from worker.core import invariants
from worker.core.failures import POLICIES, Action, Failure
from worker.core.job import Job, JobId, Outcome
from worker.core.marks import mark_in
from worker.core.rules import Rules
from worker.core.states import FINAL, State

_RESTS = FINAL | {State.READY, State.HELD}
_LIVES = {State.QUEUED, State.SUBMITTING, State.TRAINING, State.OPENING}


class Oracles:
    """The judges of one simulation. `wrongs` is empty as long as every promise is kept; each line begins with the oracle's name."""

    def __init__(self, world: World, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._world, self._rules, self._clock = world, rules, clock
        self.wrongs: list[str] = []
        self.jobs: dict[JobId, Job] = {}
        self.allowed: dict[str, int] = {}
        """Payments that people asked for beyond the first ones, by the job's address: a release may submit again."""
        self.revived: set[JobId] = set()
        """Abandoned jobs that somebody wanted to be tried again."""
        self.visited: set[str] = set()
        """Addresses of jobs to whose link somebody came: these may have one conversation after the other."""
        self.by_others: set[str] = set()
        """Replicas that somebody deleted behind our back."""
        self.by_network: set[str] = set()
        """Replicas of a request that was sent once and arrived twice."""

    def wrong(self, oracle: str, what: str) -> None:
        """Write down what may never be."""
        self.wrongs.append(f"{oracle}: {what}")

    # At each call.

    def asked(self, open_transactions: int) -> None:
        """A call begins: no transaction of ours may be open."""
        if open_transactions:
            self.wrong("call inside a transaction", f"{open_transactions} are open")

    def worked(self, kind: Kind, request: Request, answer: Answer) -> None:
        """Tavus has done something."""
        if answer.status >= 300:
            return
        if kind is Kind.CREATE_REPLICA:
            self._paid(str(answer.body["replica_id"]))  # type: ignore[index]  # the sandbox's own document
        elif kind is Kind.CREATE_CONVERSATION:
            self._opened()
        elif kind is Kind.DELETE_REPLICA:
            self._deleted(self._world.replicas.by_id[request.path.rsplit("/", 1)[1]])

    def twice(self, *answers: Answer) -> None:
        """A request that was sent once arrived once more. Whichever is found first is followed; nobody here is to blame for the other."""
        self.by_network |= {str(one.body["replica_id"]) for one in answers if one.status < 300}  # type: ignore[index]  # the sandbox's own

    def _paid(self, replica_id: str) -> None:
        url = self._world.replicas.by_id[replica_id].url
        paid = self._world.replicas.by_url[url]
        beside = [one for one in paid if one != replica_id and one not in self.by_others | self.by_network and self._is_good(one)]
        if beside:
            self.wrong("paid twice", f"{replica_id} beside {beside} for {url}")
        most = self._rules.max_paid_attempts + self.allowed.get(url, 0) + len((self.by_others | self.by_network).intersection(paid))
        if len(paid) > most:
            self.wrong("paid too often", f"{len(paid)} times, not {most}, for {url}")

    def _is_good(self, replica_id: str) -> bool:
        """Whether it trains or is trained."""
        replica, now = self._world.replicas.by_id[replica_id], self._clock()
        return replica.status(now) is not Status.ERROR and not (replica.is_final(now) and replica.lot.failure)

    def _opened(self) -> None:
        for url, paid in self._world.replicas.by_url.items():
            opened = [one for replica_id in paid for one in self._world.ledger.conversations.get(replica_id, ())]
            billing = [one for one in opened if self._world.conversations.is_active(one, self._clock())]
            if len(billing if url in self.visited else opened) > 1:
                self.wrong("two conversations", f"{opened} for {url}")

    def _deleted(self, replica: Replica) -> None:
        now = self._clock()
        if not replica.is_final(now):
            self.wrong("deleted while training", replica.replica_id)
        elif replica.status(now) is Status.ERROR and replica.ends_at is not None and now < replica.ends_at + self._rules.refund_hold:
            self.wrong("deleted before its refund hold", f"{replica.replica_id}, {now - replica.ends_at} after its end")

    # At each commit.

    def seen(self, job: Job) -> None:
        """A row as it stands after a commit."""
        before = self.jobs.get(job.id)
        if before is job:
            return
        self.jobs[job.id] = job
        if job.state in _LIVES and job.due_at is None:
            self.wrong("never due", f"{job.id} is {job.state} without a due_at")
        if before is None:
            return
        if job.version < before.version:
            self.wrong("version fell", f"{job.id} from {before.version} to {job.version}")
        for broken in invariants.broken(job, self._clock(), self._rules):
            if not self._is_excused(job, broken):
                self.wrong("invariant", f"{job.id}: {broken.check}: {broken.problem}")
        is_revived = before.state is State.ABANDONED and job.id in self.revived
        is_revisited = (before.state, job.state) == (State.DONE, State.OPENING) and url_of(job) in self.visited
        if before.state in FINAL and job.state is not before.state and not is_revived and not is_revisited:
            self.wrong("left its end", f"{job.id} from {before.state} to {job.state}")
        if len(job.attempts) < len(before.attempts):
            self.wrong("attempt lost", job.id)

    def _is_excused(self, job: Job, broken: invariants.Broken) -> bool:
        """Whether somebody else is to blame: who deleted a replica by hand, or a network that sent a request twice."""
        blamed = (*self.by_others, *self.by_network)
        return bool(set(blamed).intersection(self._world.replicas.by_url.get(url_of(job), ()))) and broken.check in {"paid once", "refund"}

    # At the end.

    def ended(self, is_calm: Callable[[Job], bool]) -> None:
        """Everything rests: nothing may be lost, and both books must agree. `is_calm`: whether nobody meddled with the job's replicas."""
        for job in self.jobs.values():
            self._is_at_rest(job, is_calm)
            for what in self._books_of(job):
                self.wrong("books disagree", f"{job.id} ({job.state}): {what}")
        ours = {url_of(job) for job in self.jobs.values()}
        for url in set(self._world.replicas.by_url) - ours:
            self.wrong("books disagree", f"nobody asked for {url}")
        for lost in [*self._world.ledger.refunds_lost, *self._world.ledger.deleted_while_training]:
            if lost not in self.by_others:
                self.wrong("refund lost", lost)

    def _is_at_rest(self, job: Job, is_calm: Callable[[Job], bool]) -> None:
        if job.state not in _RESTS:
            self.wrong("job lost", f"{job.id} is {job.state}, due {job.due_at}")
        if job.state is not State.HELD:
            return
        if (
            job.failure is None
            or POLICIES[job.failure].action is not Action.HOLD
            or (job.failure is Failure.REPLICA_VANISHED and is_calm(job))
        ):
            self.wrong("held for nothing", f"{job.id}: {job.failure} {job.detail}")

    def _books_of(self, job: Job) -> Iterator[str]:
        """Where our row and Tavus' books disagree."""
        theirs = {one: self._world.replicas.by_id[one] for one in self._world.replicas.by_url.get(url_of(job), ())}
        known = {replica_id: attempt for attempt in job.attempts for replica_id in _ids_of(attempt)}
        yield from (
            f"{one} was paid for and is on no record" for one in theirs if one not in known and one not in self.by_others | self.by_network
        )
        yield from (f"{one} is on record, and Tavus never made it" for one in known if one not in theirs)
        now = self._clock()
        for attempt in job.attempts:
            replica = theirs.get(str(attempt.replica_id))
            if attempt.outcome in {Outcome.REFUSED, Outcome.ABSENT}:
                made = [
                    one
                    for one, other in theirs.items()
                    if mark_in(other.name) == attempt.mark and one not in self.by_others | self.by_network
                ]
                yield from (f"{attempt.mark} is {attempt.outcome}, and {one} carries it" for one in made)
            elif replica is not None:
                yield from _other_outcome(attempt.outcome, replica, now)
                if (
                    attempt.outcome is Outcome.CHARGED
                    and replica.is_final(now)
                    and replica.deleted_at is None
                    and job.state is not State.HELD
                ):
                    yield f"{attempt.mark} is {attempt.outcome}, and its training has long ended"
        opened = [one for replica_id in theirs for one in self._world.ledger.conversations.get(replica_id, ())]
        on_record = [job.conversation.id] if job.conversation and job.conversation.id else []
        if url_of(job) in self.visited:  # one after the other: the last is on record, or has ended before another was given up
            opened = [one for one in opened[-1:] if on_record or self._world.conversations.is_active(one, now)]
        if opened != on_record:
            yield f"the conversations {opened} were opened, on record are {on_record}"
        if job.state is State.DONE and job.request.start.value == "on_ready" and not opened:
            yield "it is done without its conversation"


def _ids_of(attempt: Any) -> tuple[str, ...]:  # noqa: ANN401 - an attempt, with or without strays
    return (*((str(attempt.replica_id),) if attempt.replica_id else ()), *map(str, getattr(attempt, "strays", ())))


def _other_outcome(outcome: Outcome, replica: Replica, now: datetime) -> Iterator[str]:
    if outcome in {Outcome.TRAINED, Outcome.FAILED}:
        true = Outcome.FAILED if replica.lot.failure else Outcome.TRAINED
        if not replica.is_final(now) or outcome is not true:
            yield f"{replica.replica_id} is {outcome} here and {true} at Tavus"


def tally(wrongs: list[str]) -> Mapping[str, int]:
    """How many wrongs of each kind."""
    kinds = [wrong.split(":", 1)[0] for wrong in wrongs]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
