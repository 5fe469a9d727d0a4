"""One run from its start to its verdict: the services send, the faults strike, all stops, and the rest is waited for. It draws nothing."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.acceptance.cases import Case
from tests.acceptance.figures import AT_REST
from tests.chaos.cases import jobs
from tests.chaos.conductor import Say, conduct
from tests.chaos.faults import Kind
from tests.chaos.ground import LEASE, Ground
from tests.chaos.plan import draw
from tests.chaos.quiet import A_SECOND, LEASES, LastFault
from tests.chaos.services import Services
from tests.chaos.tavus import faults as tavus_faults
from tests.chaos.tidy import Tidy
from tests.chaos.verdict import Verdict, judge

_SENDING = 0.75  # of the time of the faults: the last jobs are to be struck too
_SILENCE_SECONDS = 4.0  # more than any call to Tavus waits here
_PATIENCE_SECONDS = 120.0
_LONG_SECONDS = 900.0  # for thousands of jobs, on a host with two cores
_A_SECOND = 10.0  # jobs that are sent in one when it is calm
_LOOK_SECONDS = 0.25
# A list of thousands takes tens of calls, of which one in four fails: the calls of a look-up need the room that they have in life, where a task may
# take two and a half times as long as a call, and the settle time is sixty calls long.
_ROOMY = {
    "REPLICAS_TASK_LIMIT": "12s",
    "REPLICAS_LEASE": "15s",
    "REPLICAS_VISIBILITY_TIMEOUT": "18s",
    "REPLICAS_SETTLE_TIME": "60s",
}


def run(
    folder: Path, ledger: str, *, count: int, kinds: Sequence[Kind], faults: int, span: float, seed: int, say: Say, share: float = 1.0
) -> Verdict:
    """Run `count` jobs through so many faults in `span` seconds. `share`: the part of the host's processors that is this run's."""
    cases, plan = jobs(count), draw(seed, kinds, faults, span)
    with Ground(folder, ledger, seed) as ground:
        services = _begun(ground, cases, span * _SENDING)
        tidy = Tidy(ground)
        tidy.start()
        done = conduct(ground, plan, say)
        ground.tavus.set_faults()
        last = LastFault.now(ground)
        say(f"the last fault is over; {_left(ground, cases)} jobs are not at rest")
        seconds = _until_quiet(ground, services, cases, _PATIENCE_SECONDS)
        needed = last.needed(ground, cases)
        line = last.line(cases)
        a_second = A_SECOND * share
        allowed = (needed + LEASES * LEASE).total_seconds() + line / a_second
        _until_refunded(ground, cases)
        verdict = judge(ground, cases)
        table = [
            ("ledger, seed", f"{ledger}, {seed}"),
            ("faults injected", f"{done.total()}: {_listed(done)}"),
            ("processes that ended by themselves", _listed(ground.fallen)),
            _sent(services),
            ("deletions asked for", _listed(tidy.stop())),
            *verdict.table,
            ("seconds from the last fault to quiet", f"{seconds:.1f}"),
            ("seconds allowed", f"{allowed:.1f}, of which {LEASES * LEASE.total_seconds():g} are {LEASES} leases"),
            ("  for what the slowest job still needed", f"{needed.total_seconds():.1f}"),
            ("  for jobs in line, not submitted yet", f"{line / a_second:.1f}: {line} at {a_second:g} a second"),
        ]
        say(_story_of_the_last(ground))
        wrong = [*verdict.wrong, *(f"refused: {one}" for one in services.refused)]
        if seconds > allowed:
            wrong.append(f"quiet came after {seconds:.1f} s, not within {allowed:.1f} s")
        return Verdict(table, wrong)


def calm(folder: Path, ledger: str, *, count: int, seed: int, say: Say) -> Verdict:
    """Run `count` jobs with nothing wrong but Tavus, whose faults never stop."""
    cases = jobs(count)
    with Ground(folder, ledger, seed, settings=_ROOMY) as ground:
        services = _begun(ground, cases, count / _A_SECOND)
        seconds = _until_quiet(ground, services, cases, _LONG_SECONDS)
        _until_refunded(ground, cases)
        verdict = judge(ground, cases)
        say(_story_of_the_last(ground))
        table = [("ledger, seed", f"{ledger}, {seed}"), _sent(services), *verdict.table, ("seconds in all", f"{seconds:.1f}")]
        return Verdict(table, [*verdict.wrong, *(f"refused: {one}" for one in services.refused)])


def _begun(ground: Ground, cases: Sequence[Case], seconds: float) -> Services:
    ground.tavus.set_faults(*tavus_faults(seconds=_SILENCE_SECONDS))
    services = Services(ground, cases, seconds)
    services.start()
    return services


def _sent(services: Services) -> tuple[str, str]:
    return "sent", f"{services.sent.total()} requests: {_listed(services.sent)}; failed: {_listed(services.failed)}"


def _until_quiet(ground: Ground, services: Services, cases: Sequence[Case], patience: float) -> float:
    began = time.monotonic()
    while (services.is_alive() or _left(ground, cases)) and time.monotonic() - began < patience:
        ground.raise_the_dead()
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began


def _story_of_the_last(ground: Ground) -> str:
    """The job that came to rest last: why a run took as long as it did."""
    stories = {key: ground.ledger.story(job.id) for key, job in ground.jobs().items()}
    at_rest = {key: max(line.at for line in lines if line.from_state != line.to_state) for key, lines in stories.items()}
    key = max(at_rest, key=lambda one: at_rest[one])
    return "\n".join([f"the last to come to rest: {key}", *(f"  {line.at:%H:%M:%S.%f} {line.event}: {line.why}" for line in stories[key])])


def _until_refunded(ground: Ground, cases: Sequence[Case]) -> None:
    due, until = sum(case.end.refunds for case in cases), time.monotonic() + LEASE.total_seconds()
    while ground.tavus.ledger()["trainings"]["refunded"] < due and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)


def _left(ground: Ground, cases: Sequence[Case]) -> int:
    found = ground.jobs()
    return sum(case.key not in found or found[case.key].state not in AT_REST for case in cases)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common()) or "none"
