"""Faults: each kind, before the work and after it, and the memory of what was done all the same."""

import httpx
import pytest

from tests.sandbox.faults import Fault, Faults, Harm, Kind
from tests.sandbox.server import Sandbox
from tests.scheduler.workers import wait_until
from tests.test_sandbox.customer import Customer

CUT = httpx.RemoteProtocolError


def _struck(customer: Customer, kind: str, moment: str, seconds: float = 0.05) -> httpx.Response | httpx.HTTPError:
    customer.tavus.set_faults({"on": "create_replica", "kind": kind, "moment": moment, "times": 1, "seconds": seconds})
    try:
        return customer.order()
    except httpx.HTTPError as error:
        return error


@pytest.mark.parametrize("harm", [harm for harm in Harm if harm is not Harm.SLOW])
@pytest.mark.parametrize(("moment", "trainings"), [("before", 0), ("after", 1)])
def test_a_fault_after_the_work_leaves_a_training_and_one_before_it_leaves_none(
    customer: Customer, harm: Harm, moment: str, trainings: int
) -> None:
    answer = _struck(customer, harm, moment)
    assert isinstance(answer, httpx.HTTPError) or "replica_id" not in answer.headers
    assert len(customer.list(replica_type="user")[0]) == customer.tavus.ledger()["trainings"]["charged"] == trainings
    assert customer.tavus.ledger()["faults"]["by_kind"] == {f"create_replica/{harm}/{moment}": 1}
    assert customer.order("next").status_code == 200


@pytest.mark.parametrize(("harm", "status"), [("500", 500), ("502", 502), ("503", 503), ("429", 429), ("garbage", 200), ("no_id", 200)])
def test_a_spoilt_answer_has_its_status(customer: Customer, harm: str, status: int) -> None:
    answer = _struck(customer, harm, "after")
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (harm in ("503", "429"))
    assert answer.headers["Content-Type"].startswith("text/html") == (harm == "502")


def test_garbage_is_no_json_and_no_id_is_json_without_one(customer: Customer) -> None:
    garbage, no_id = _struck(customer, "garbage", "after"), _struck(customer, "no_id", "after")
    assert isinstance(garbage, httpx.Response)
    assert isinstance(no_id, httpx.Response)
    with pytest.raises(ValueError, match="Unterminated"):
        garbage.json()
    assert "replica_id" not in no_id.json()


@pytest.mark.parametrize("harm", ["cut", "half", "hang"])
def test_a_line_fault_gives_no_whole_answer(customer: Customer, harm: str) -> None:
    assert isinstance(_struck(customer, harm, "after"), CUT)
    assert customer.tavus.ledger()["requests"]["by_status"] == {harm: 1}


def test_a_hang_outlasts_a_caller_without_patience(customer: Customer) -> None:
    customer.http.timeout = httpx.Timeout(0.1)
    assert isinstance(_struck(customer, "hang", "after", seconds=30), httpx.ReadTimeout)
    wait_until(lambda: customer.tavus.ledger()["trainings"]["charged"] == 1)


def test_late_work_is_done_even_when_the_caller_has_left(customer: Customer) -> None:
    patient, customer.http.timeout = customer.http.timeout, httpx.Timeout(0.1)
    assert isinstance(_struck(customer, "slow", "before", seconds=1.5), httpx.ReadTimeout)
    customer.http.timeout = patient
    assert customer.list(replica_type="user") == ([], 0)
    wait_until(lambda: len(customer.list(replica_type="user")[0]) == 1)


def test_a_slow_answer_is_the_true_one(customer: Customer) -> None:
    answer = _struck(customer, "slow", "after")
    assert isinstance(answer, httpx.Response)
    assert answer.json()["status"] == "started"


def test_times_counts_down_and_a_star_fits_every_kind(customer: Customer) -> None:
    customer.tavus.set_faults({"kind": "503", "times": 2}, {"on": "list_voices", "kind": "500"})
    assert [customer.http.get(path).status_code for path in ("/replicas", "/conversations", "/replicas", "/voices")] == [503, 503, 200, 500]


def test_rates_are_drawn_from_the_seed() -> None:
    def struck(seed: int) -> list[bool]:
        script = Faults([{"kind": "cut", "rate": 0.3}], seed)
        return [script.strike(Kind.GET_REPLICA) is not None for _ in range(1000)]

    assert struck(1) == struck(1) != struck(2)
    assert 250 < sum(struck(1)) < 350


@pytest.mark.parametrize(
    "line", [{}, {"kind": "fire"}, {"kind": "cut", "on": "nothing"}, {"kind": "cut", "rate": 1, "times": 1}, {"kind": "cut", "x": 1}]
)
def test_a_line_that_is_no_fault_is_refused(tavus: Sandbox, line: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"fault|Harm"):
        Fault.read(line)
    assert httpx.post(f"{tavus.origin}/_sandbox/faults", json=[line]).status_code == 400
