"""A worker that loses its broker while it works finishes its work, and takes the next when the broker is back."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.cases import Case
from tests.chaos.ground import Ground
from worker.core.states import State

_SLOW = {"on": "create_replica", "kind": "slow", "moment": "after", "times": 1, "seconds": 2.0}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """One worker whose next submission takes two seconds, and a job that is being submitted."""
    with Ground(tmp_path, "sqlite", 1, workers=1) as one:
        one.tavus.set_faults(_SLOW)
        one.send([Case(key="under-way").document(one.origin)])
        one.wait_until(lambda: one.tavus.ledger()["trainings"]["charged"] == 1, "the submission is under way")
        yield one


def lose_by_kill(ground: Ground) -> None:
    ground.end("broker")
    ground.start_broker()


def lose_by_cut(ground: Ground) -> None:
    ground.lines["broker"].cut()


@pytest.mark.parametrize("lose", [lose_by_kill, lose_by_cut])
def test_a_worker_outlives_its_broker_and_what_it_was_doing_is_done(ground: Ground, lose: Callable[[Ground], None]) -> None:
    lose(ground)
    ground.wait_until(lambda: ground.jobs()["under-way"].state is State.DONE, "the job is done")
    events = {line.event for line in ground.ledger.story(ground.jobs()["under-way"].id)}
    assert "SubmissionAccepted" in events
    assert not events & {"SubmissionLost", "MarkFound"}
    ground.send([Case(key="next").document(ground.origin)])
    ground.wait_until(lambda: "next" in ground.jobs() and ground.jobs()["next"].state is State.DONE, "the next job is done")
    assert ground.running["worker-0"].poll() is None
    ground.signal("worker-0", signal.SIGTERM)
    assert ground.running["worker-0"].wait(60) == 0
