"""Compares what became of the jobs, in the ledger and at Tavus, with what must become of them. It changes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.acceptance.cases import SECRET, Case
from tests.acceptance.stack import Stack
from worker.core.job import Job
from worker.core.states import FINAL, State

AT_REST = FINAL | {State.READY, State.HELD}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run cost, by Tavus' own books."""

    payments: int
    conversations: int
    polls: int
    requests: int
    lag: float
    """Seconds between the end of a training and the first answer that showed it: 95 in 100 were sooner."""


def finish(stack: Stack, cases: Sequence[Case]) -> Figures:
    """Wait until every job has come to rest, and every refund to its account; then check all of them."""
    stack.wait_until(lambda: _rests(stack, cases), "every job comes to rest")
    refunds = sum(case.end.refunds for case in cases)
    stack.wait_until(lambda: _refunded(stack, cases) >= refunds, "every failed training is refunded")
    wrong = [*_wrong_jobs(stack, cases), *_wrong_books(stack)]
    assert not wrong, "\n".join(wrong)
    return figures(stack)


def reach(stack: Stack, **least: int) -> None:
    """Wait until each of these figures is at least so high."""
    stack.wait_until(lambda: all(getattr(figures(stack), name) >= count for name, count in least.items()), f"at least {least}")


def figures(stack: Stack) -> Figures:
    """The figures so far."""
    books = stack.tavus.ledger()
    asked = books["requests"]["by_kind"]
    return Figures(
        payments=books["trainings"]["charged"],
        conversations=books["conversations_created"],
        polls=asked.get("get_replica", 0) + asked.get("list_replicas", 0),
        requests=books["requests"]["total"],
        lag=books["lag"]["real_seconds"]["p95"],
    )


def _rests(stack: Stack, cases: Sequence[Case]) -> bool:
    jobs = stack.jobs()
    return all(case.key in jobs and jobs[case.key].state in AT_REST for case in cases)


def _refunded(stack: Stack, cases: Sequence[Case]) -> int:
    payments = stack.tavus.ledger()["payments"]
    return sum(one["refunded"] for case in cases for one in payments.get(case.url(stack.tavus.origin), []))


def _wrong_jobs(stack: Stack, cases: Sequence[Case]) -> Iterator[str]:
    jobs, books = stack.jobs(), stack.tavus.ledger()
    for case in cases:
        job, end = jobs[case.key], case.end
        paid = books["payments"].get(case.url(stack.tavus.origin), [])
        opened = [one for payment in paid for one in books["conversations"].get(payment["replica_id"], [])]
        found = {
            "state": (job.state, end.state),
            "failure": (job.failure if job.state is not State.DONE else None, end.failure),
            "payments": (len(paid), end.payments),
            "payments on record": (job.submissions, end.payments),
            "refunds": (sum(one["refunded"] for one in paid), end.refunds),
            "conversations": (opened, _conversations(job) if end.has_conversation else []),
        }
        yield from (f"{case.key} ({job.id}): {what} {is_!r}, not {should!r}" for what, (is_, should) in found.items() if is_ != should)


def _conversations(job: Job) -> list[str]:
    """The conversation that the caller is told of; never an empty list, so that a missing one is seen."""
    return [str(job.conversation.id) if job.conversation else "one"]


def _wrong_books(stack: Stack) -> Iterator[str]:
    books = stack.tavus.ledger()
    for name in ("paid_twice", "conversations_twice", "refunds_lost", "deleted_while_training"):
        if books[name]:
            yield f"{name}: {books[name]}"
    if SECRET in stack.said():
        yield "a process wrote down the query of a presigned address"
