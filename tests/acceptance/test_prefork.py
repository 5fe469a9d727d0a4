"""With processes instead of threads each job ends as it should, also when one of them is killed: the others go on, and nothing is paid twice."""

import os
import signal
from pathlib import Path

from tests.acceptance.cases import mixed
from tests.acceptance.figures import finish, reach
from tests.acceptance.stack import Stack

JOBS = 30


def test_every_job_ends_and_is_paid_once_though_a_process_of_the_pool_is_killed(tmp_path: Path) -> None:
    with Stack(tmp_path, more={"REPLICAS_POOL": "prefork", "REPLICAS_THREADS": "2"}) as stack:
        # Slow, so that the one that is killed has a payment under way.
        stack.tavus.set_faults({"on": "create_replica", "kind": "slow", "moment": "after", "rate": 1.0, "seconds": 0.4})
        stack.start("beat")
        worker = stack.start("worker")
        cases = mixed(JOBS, "prefork")
        stack.send(case.document(stack.tavus.origin) for case in cases)
        reach(stack, payments=6)
        before = children_of(worker.pid)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        finish(stack, cases)
        assert worker.poll() is None
        assert before[1] in children_of(worker.pid)


def children_of(pid: int) -> list[int]:
    """The processes that it has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
