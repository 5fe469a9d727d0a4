"""An account that Tavus does not serve stops its own line and no other's, asks no more than it must, and goes on when a person says so."""

from collections.abc import Sequence

import pytest

from tests.acceptance.cases import Case, copies
from tests.acceptance.figures import finish
from tests.acceptance.stack import ACCOUNTS, Stack
from worker.core.failures import Failure
from worker.core.job import Job
from worker.core.states import State

_FAULTS: dict[str, tuple[dict[str, object], dict[str, object], Failure]] = {
    "north": ({"revoked": True}, {"revoked": False}, Failure.KEY_REJECTED),
    "south": ({"training_credits": 0}, {"training_credits": 100}, Failure.OUT_OF_CREDIT),
}


@pytest.mark.parametrize("account", _FAULTS)
def test_a_fault_of_one_account_stops_its_line_alone_until_it_is_resumed(stack: Stack, account: str) -> None:
    broken, mended, failure = _FAULTS[account]
    early, first = (Case(key=f"{account}-{name}", account=account) for name in ("early", "first"))
    later, elsewhere = (copies(8, Case(key=f"{account}-{name}", account=of)) for name, of in (("later", account), ("elsewhere", "default")))
    send(stack, [early])
    stack.wait_until(lambda: job(stack, early).replica_id, "a job trains when the fault comes")
    stack.tavus.account(ACCOUNTS[account], **broken)
    send(stack, [first])
    stack.wait_until(lambda: [(stop.account, stop.failure) for stop in stack.ledger.stops()] == [(account, failure)], "the line stops")
    asked = submissions(stack)
    send(stack, later + elsewhere)
    finish(stack, elsewhere)
    assert submissions(stack) - asked == len(elsewhere)
    assert {job(stack, case).state for case in later} == {State.QUEUED}
    stack.tavus.account(ACCOUNTS[account], **mended)
    stack.run("replicas", "accounts", "resume", account)
    finish(stack, [early, first, *later])


def send(stack: Stack, cases: Sequence[Case]) -> None:
    """Ask for them, and wait until the ledger has them."""
    stack.send(case.document(stack.tavus.origin) for case in cases)
    stack.wait_until(lambda: {case.key for case in cases} <= set(stack.jobs()), "the jobs are recorded")


def job(stack: Stack, case: Case) -> Job:
    """The job of that case."""
    return stack.jobs()[case.key]


def submissions(stack: Stack) -> int:
    """Submissions that reached Tavus, paid or not."""
    return int(stack.tavus.ledger()["requests"]["by_kind"].get("create_replica", 0))
