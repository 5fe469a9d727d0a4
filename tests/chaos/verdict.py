"""What became of a run, by the ledger and by Tavus' books: the table that is printed, and what broke a promise. It changes nothing."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.acceptance.cases import SECRET, Case
from tests.acceptance.figures import AT_REST
from tests.chaos.ground import Ground
from worker.core.failures import Failure
from worker.core.job import Job
from worker.core.states import State

Lines = list[tuple[str, str]]
# Tavus swallowed five POSTs of one job in a row: whatever does that will swallow the next, and a person is to see it.
_FOR_A_PERSON = frozenset({Failure.SUBMISSION_LOST, Failure.CONVERSATION_LOST})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a run. `wrong`: every broken promise, in a sentence; empty when all were kept."""

    table: Lines
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The table, and what is wrong below it."""
        width = max(len(name) for name, _ in self.table)
        lines = [f"{name.ljust(width)}  {value}" for name, value in self.table]
        return "\n".join([*lines, *(f"WRONG: {line}" for line in self.wrong)])


def judge(ground: Ground, cases: Sequence[Case]) -> Verdict:
    """Compare every job and the books with what must be."""
    jobs, books = ground.jobs(), ground.tavus.ledger()
    lost = [case.key for case in cases if case.key not in jobs]
    late = [case.key for case in cases if case.key in jobs and jobs[case.key].state not in AT_REST]
    held = [jobs[case.key] for case in cases if case.key in jobs and jobs[case.key].state is State.HELD]
    unforeseen = [case for case in cases if case.key in jobs and jobs[case.key].state is State.HELD and case.end.state is not State.HELD]
    doubled = {name: books[name] for name in ("paid_twice", "conversations_twice", "refunds_lost", "deleted_while_training")}
    table = [
        ("jobs", f"{len(jobs)}, by state: {_counted(Counter(job.state.value for job in jobs.values()))}"),
        ("paid", f"{books['trainings']['charged']} trainings; {books['trainings']['refunded']} refunded"),
        *((name.replace("_", " "), str(len(found))) for name, found in doubled.items()),
        ("jobs lost", str(len(lost))),
        ("jobs that nobody asked for", str(len(jobs) - len(cases) + len(lost))),
        ("held", f"{len(held)}: {_counted(Counter(str(job.failure) for job in held))}"),
        ("held, and not for what was sent", f"{len(unforeseen)}: {_counted(Counter(str(jobs[case.key].failure) for case in unforeseen))}"),
        ("requests to Tavus", f"{books['requests']['total']}: {_counted(books['requests']['by_kind'])}"),
        ("answers that Tavus spoilt", f"{books['faults']['total']}: {_counted(_by_harm(books['faults']['by_kind']))}"),
        ("callbacks", _counted(books["callbacks"])),
    ]
    wrong = [
        *(f"{name.replace('_', ' ')}: {found}" for name, found in doubled.items() if found),
        *(f"lost: {key}" for key in lost),
        *(f"never came to rest: {key} is {jobs[key].state} and due at {jobs[key].due_at}" for key in late),
        *_wrong_jobs(ground, [case for case in cases if case.key in jobs and case.key not in late], jobs, books),
    ]
    if len(jobs) != len(cases) - len(lost):
        wrong.append(f"{len(jobs)} jobs for {len(cases)} requests")
    found = _audited(ground)
    table.append(("findings of `replicas audit --remote`", str(len(found))))
    wrong += [f"audit: {one['check']}: {one['subject']}: {one['problem']}" for one in found]
    if SECRET in ground.said():
        wrong.append("a process wrote down the query of a presigned address")
    return Verdict(table, wrong)


def _audited(ground: Ground) -> list[dict[str, str]]:
    """What the product itself finds wrong, in its ledger and in what Tavus has."""
    ground.tavus.set_faults()
    words = ["replicas", "audit", "--remote", "--json"]
    ran = subprocess.run(words, env=dict(ground.environment), cwd=ground.folder, capture_output=True, text=True, timeout=120, check=False)
    findings: list[dict[str, str]] = (
        json.loads(ran.stdout) if ran.stdout else [{"check": "it ran", "subject": "audit", "problem": ran.stderr}]
    )
    return findings


def _wrong_jobs(
    ground: Ground, cases: Sequence[Case], jobs: Mapping[str, Job], books: Mapping[str, dict[str, list[dict[str, object]]]]
) -> Iterator[str]:
    for case in cases:
        job, end = jobs[case.key], case.end
        paid = books["payments"].get(case.url(ground.origin), [])
        opened = [one for payment in paid for one in books["conversations"].get(str(payment["replica_id"]), [])]
        if job.state is State.HELD and end.state is not State.HELD:
            if job.failure not in _FOR_A_PERSON:
                yield f"{case.key} ({job.id}) is held as {job.failure}: {job.detail}"
            continue
        found = {
            "state": (job.state, end.state),
            "failure": (job.failure if job.state is not State.DONE else None, end.failure),
            "payments": (len(paid), end.payments),
            "payments on record": (job.submissions, end.payments),
            "refunds": (sum(bool(one["refunded"]) for one in paid), end.refunds),
            "conversations": (opened, _conversations(job) if end.has_conversation else []),
        }
        yield from (f"{case.key} ({job.id}): {what} {is_!r}, not {should!r}" for what, (is_, should) in found.items() if is_ != should)


def _conversations(job: Job) -> list[object]:
    return [str(job.conversation.id) if job.conversation else "one"]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items(), key=lambda one: -one[1]) if number) or "none"


def _by_harm(kinds: Mapping[str, int]) -> Counter[str]:
    harms: Counter[str] = Counter()
    for kind, number in kinds.items():
        _, harm, moment = kind.split("/")
        harms[f"{harm} {moment}"] += number
    return harms
