"""One crash and one fault at every place of the straight line: the job is done all the same, is paid for once, and has one conversation."""

import pytest

from tests.simulation.exhaustive import Script, live, scripts
from tests.simulation.ledgers import SQLITE

_REFUSED = "400"  # Tavus refuses the request as it stands: the one trouble that ends a job, unpaid


def test_the_straight_line_crosses_a_boundary_on_either_side_of_each_commit_and_each_call() -> None:
    result, line = live(Script())
    assert result.figures["ended done"] == result.figures["payments"] == result.figures["conversations"] == 1
    assert line.boundaries[2:10] == [
        "replicas.submit@0: before take",
        "replicas.submit@0: after take",
        "replicas.submit@0: before the look at the input",
        "replicas.submit@0: after the look at the input",
        "replicas.submit@0: before apply",
        "replicas.submit@0: after apply",
        "replicas.submit@0: before POST /replicas",
        "replicas.submit@0: after POST /replicas",
    ]


@pytest.mark.parametrize("go_on", [True, False], ids=["one task goes on", "each task rings for the next"])
def test_a_crash_at_any_boundary_and_a_fault_at_any_call_together_break_no_promise(go_on: bool) -> None:  # noqa: FBT001 - a parameter
    lived = 0
    for script in scripts(go_on=go_on):
        result, _ = live(script)
        lived += 1
        assert not result.wrongs, f"{script}: {result.wrongs}"
        done, abandoned = result.figures["ended done"], result.figures["ended abandoned"]
        is_refused = script.trouble is not None and script.trouble.name == _REFUSED
        assert done or (abandoned and is_refused), script
        # What a network sends twice by itself is paid for twice: nothing here can know before it has happened.
        payments = 2 if script.trouble is not None and script.trouble.arrives_twice else 1
        assert (result.figures["payments"], result.figures["conversations"]) == ((payments, 1) if done else (0, 0)), script
    # Each boundary of the line, and each trouble of each call; who goes on has a shorter one. Whoever changes a line counts anew.
    assert lived == (2659 if go_on else 3334)


def test_a_crash_at_any_boundary_breaks_no_promise_over_a_real_database() -> None:
    for go_on in (True, False):
        _, line = live(Script(go_on=go_on))
        for dies_at, name in enumerate(line.boundaries):
            result, _ = live(Script(dies_at, go_on=go_on), SQLITE)
            assert (result.wrongs, result.figures["ended done"], result.figures["payments"]) == ([], 1, 1), name
