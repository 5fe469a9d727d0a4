"""An upgrade while everything runs: old and new workers, old and new beats on one ledger with jobs in every state; and every job ends well."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scheduler.accounts import resume
from scheduler.audit import audit_ledger, audit_tavus
from scheduler.producers import enqueue
from tests.acceptance.cases import Case, copies
from tests.acceptance.figures import AT_REST, finish
from tests.acceptance.stack import ACCOUNTS
from tests.postgres import Postgres
from tests.upgrade import previous
from tests.upgrade.rolling import NEW, OLD, Rolling
from worker.core.failures import Failure
from worker.core.request import Start
from worker.core.states import State

_SEES_NOTHING = ({"on": "list_conversations", "kind": "500"}, {"on": "list_replicas", "kind": "500"})
_AT_ONCE, _MOST_ROUNDS = 6, 20


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Once for both, so that its bytecode is made once."""
    return previous.unpacked(tmp_path_factory.mktemp("previous"))


@pytest.fixture(params=["sqlite", "postgresql"])
def rolling(request: pytest.FixtureRequest, tmp_path: Path, old_code: Path, postgres: Postgres) -> Iterator[Rolling]:
    """The ground, with nobody at work."""
    url = postgres.fresh() if request.param == "postgresql" else None
    with Rolling(tmp_path, old_code, url) as one:
        yield one


def test_every_job_ends_well_though_old_and_new_workers_stand_side_by_side(rolling: Rolling) -> None:
    old = rolling.start_old()
    cases, cancelled = in_every_state(rolling)
    assert set(rolling.states().values()) == {state.value for state in State}
    rolling.migrate()
    rolling.kill(
        old
    )  # in the middle of whatever it does; one that comes back finds the new schema, as whoever goes back to the old release does
    old = rolling.start_old()
    rolling.start("worker")
    rolling.start("beat")
    rolling.wait_for_workers(3)
    mend(rolling)
    cases += side_by_side(rolling)
    rolling.end(old)
    after = copies(2, Case(key="after"))
    rolling.ask_for(*after)
    cases += after
    rolling.wait_until(lambda: at_rest(rolling, cases), "every job comes to rest")
    finish(rolling, cases)
    assert rolling.states()[cancelled.key] == State.CANCELLED
    with rolling.parts() as parts:
        assert [*audit_ledger(parts), *audit_tavus(parts)] == []


def in_every_state(rolling: Rolling) -> tuple[list[Case], Case]:
    """Jobs that the previous release leaves in every state there is; the last of them was cancelled."""
    done, ready = Case(key="done"), Case(key="ready", start=Start.ON_DEMAND)
    abandoned = Case(key="abandoned", outcome=Failure.IMAGE_QUALITY.value)
    cancelled, opening = Case(key="cancelled"), Case(key="opening")
    rolling.ask_for(done, ready, abandoned)
    rolling.wait_for(State.TRAINING, done, ready, abandoned)
    rolling.pass_time()
    rolling.wait_for(State.DONE, done)
    rolling.wait_for(State.READY, ready)
    rolling.wait_for(State.ABANDONED, abandoned)
    rolling.ask_for(cancelled, opening)
    rolling.wait_for(State.TRAINING, cancelled, opening)
    rolling.app.send_task("replicas.cancel", kwargs={"idempotency_key": cancelled.key}, queue="replicas.cancel")
    rolling.wait_for(State.CANCELLED, cancelled)
    rolling.tavus.set_faults(cut_after("create_conversation"), *_SEES_NOTHING[:1])
    rolling.pass_time()
    rolling.wait_for(State.OPENING, opening)
    rolling.wait_until(lambda: asked(rolling, "create_conversation") > 1, "its conversation was made, and nobody knows")
    return [done, ready, abandoned, opening, *under_way(rolling)], cancelled


def under_way(rolling: Rolling) -> Iterator[Case]:
    """Those that no training has ended: trained now, lost on their way, and waiting for an account without money."""
    training, after, before = Case(key="training"), Case(key="lost-after"), Case(key="lost-before")
    held, queued = Case(key="held", account="south"), Case(key="queued", account="south")
    rolling.ask_for(training)
    rolling.wait_for(State.TRAINING, training)
    rolling.tavus.account(ACCOUNTS["south"], training_credits=0)
    rolling.ask_for(held)
    rolling.wait_for(State.HELD, held)
    rolling.ask_for(queued)
    lose(rolling, after, "after")
    lose(rolling, before, "before")
    yield from (training, held, queued, after, before)


def lose(rolling: Rolling, case: Case, moment: str) -> None:
    """Its POST is cut, before Tavus has worked or after; and whoever looks for it learns nothing."""
    posts = asked(rolling, "create_replica")
    rolling.tavus.set_faults({"on": "create_replica", "kind": "cut", "moment": moment}, *_SEES_NOTHING)
    rolling.ask_for(case)
    rolling.wait_for(State.SUBMITTING, case)
    rolling.wait_until(lambda: asked(rolling, "create_replica") > posts, "its POST is lost")


def mend(rolling: Rolling) -> None:
    """Tavus is well again, and the account has money: the new release says so."""
    rolling.tavus.set_faults()
    rolling.tavus.account(ACCOUNTS["south"], training_credits=100)
    with rolling.parts() as parts:
        resume(parts, "south")


def side_by_side(rolling: Rolling) -> list[Case]:
    """New jobs by message and by our own code, until workers of both versions have paid for some of them."""
    before = [rolling.submitted_by(log) for log in (OLD, NEW)]
    asked_for: list[Case] = []
    for number in range(_MOST_ROUNDS):
        cases = copies(_AT_ONCE, Case(key=f"beside-{number}"))
        asked_for += cases
        with rolling.parts() as parts:
            for case in cases[_AT_ONCE // 2 :]:
                enqueue(parts, case.document(rolling.tavus.origin))
        rolling.ask_for(*cases[: _AT_ONCE // 2])
        rolling.wait_for(State.TRAINING, *cases)
        if all(rolling.submitted_by(log) > paid for log, paid in zip((OLD, NEW), before, strict=True)):
            return asked_for
    raise AssertionError(f"in {_MOST_ROUNDS} rounds one of them never came to submit anything")


def at_rest(rolling: Rolling, cases: Sequence[Case]) -> bool:
    """Whether they are all at rest; until then time passes at Tavus."""
    rolling.pass_time()
    states = rolling.states()
    return all(states.get(case.key) in AT_REST for case in cases)


def cut_after(kind: str) -> dict[str, object]:
    """The line is cut when the work is done."""
    return {"on": kind, "kind": "cut", "moment": "after"}


def asked(rolling: Rolling, kind: str) -> int:
    """Requests of this kind that reached Tavus."""
    return int(rolling.tavus.ledger()["requests"]["by_kind"].get(kind, 0))
