"""An account that Tavus does not serve stops its own line and no other's, asks no more than it must, and goes on when a person says so."""

from collections.abc import Sequence

from tests.acceptance.cases import Case, copies
from tests.acceptance.figures import finish
from tests.acceptance.stack import ACCOUNTS, Stack
from worker.core.failures import Failure
from worker.core.states import State

_FAULTS: dict[str, tuple[dict[str, object], dict[str, object], Failure]] = {
    "north": ({"revoked": True}, {"revoked": False}, Failure.KEY_REJECTED),
    "south": ({"training_credits": 0}, {"training_credits": 100}, Failure.OUT_OF_CREDIT),
}
_GROUPS = (("early", 1), ("first", 1), ("later", 8))


def test_an_account_at_fault_stops_its_own_line_and_goes_on_when_it_is_resumed(stack: Stack) -> None:
    early, first, later = ([case for account in _FAULTS for case in of(account, name, count)] for name, count in _GROUPS)
    elsewhere = of("default", "elsewhere", 8)
    send(stack, early)
    stack.wait_until(lambda: all(stack.jobs()[case.key].replica_id for case in early), "a job of each trains when the fault comes")
    for account, (broken, _, _) in _FAULTS.items():
        stack.tavus.account(ACCOUNTS[account], **broken)
    send(stack, first)
    faults = {account: failure for account, (_, _, failure) in _FAULTS.items()}
    stack.wait_until(lambda: {stop.account: stop.failure for stop in stack.ledger.stops()} == faults, "both lines stop")
    send(stack, later + elsewhere)
    finish(stack, elsewhere)
    jobs = stack.jobs()
    assert {jobs[case.key].state for case in later} == {State.QUEUED}
    # Not counted from here on: a submission may have been on its way when a look stopped its account.
    assert [len(jobs[case.key].attempts) for case in later + elsewhere] == [0] * len(later) + [1] * len(elsewhere)
    assert submissions(stack) == sum(len(job.attempts) for job in jobs.values())
    for account, (_, mended, _) in _FAULTS.items():
        stack.tavus.account(ACCOUNTS[account], **mended)
        stack.run("replicas", "accounts", "resume", account)
    finish(stack, early + first + later)


def of(account: str, name: str, count: int) -> list[Case]:
    """So many jobs of that account."""
    return copies(count, Case(key=f"{account}-{name}", account=account))


def send(stack: Stack, cases: Sequence[Case]) -> None:
    """Ask for them, and wait until the ledger has them."""
    stack.send(case.document(stack.tavus.origin) for case in cases)
    stack.wait_until(lambda: {case.key for case in cases} <= set(stack.jobs()), "the jobs are recorded")


def submissions(stack: Stack) -> int:
    """Submissions that reached Tavus, paid or not."""
    return int(stack.tavus.ledger()["requests"]["by_kind"].get("create_replica", 0))
