"""Credits: charged at creation, refunded in time, lost by deleting too early; and the ledger that tells."""

from datetime import timedelta

from tests.sandbox.server import Sandbox
from tests.test_sandbox.customer import Customer

FAILS = "sandbox_outcome=HeadphonesError"
FAILED = timedelta(minutes=30)
"""Past any early failure, and less than the refund's delay."""


def test_a_failed_training_is_refunded_once_the_delay_has_passed() -> None:
    with Sandbox(keys={"mine": {"training_credits": 1}}) as tavus, Customer(tavus, "mine") as customer:
        one = customer.train(FAILS)
        tavus.advance(FAILED)
        assert customer.order("second").status_code == 402
        tavus.advance(timedelta(hours=2))
        assert customer.order("second").status_code == 200
        customer.http.delete(f"/replicas/{one}")
        assert tavus.ledger()["trainings"] == {"charged": 2, "refunded": 1, "refunds_lost": 0, "deleted_while_training": 0}


def test_a_failed_replica_deleted_at_once_loses_its_refund_for_good() -> None:
    with Sandbox(keys={"mine": {"training_credits": 1}}) as tavus, Customer(tavus, "mine") as customer:
        one = customer.train(FAILS)
        tavus.advance(FAILED)
        assert customer.look(one)["status"] == "error"
        customer.http.delete(f"/replicas/{one}")
        tavus.advance(timedelta(days=2))
        assert customer.order("second").status_code == 402
        assert tavus.ledger()["refunds_lost"] == [one]
        assert tavus.ledger()["trainings"]["refunded"] == 0


def test_deleting_out_of_training_is_noted_and_stays_charged(customer: Customer) -> None:
    one = customer.train(FAILS)
    customer.http.delete(f"/replicas/{one}")
    customer.tavus.advance(timedelta(days=1))
    ledger = customer.tavus.ledger()
    assert ledger["deleted_while_training"] == [one]
    assert ledger["trainings"] == {"charged": 1, "refunded": 0, "refunds_lost": 0, "deleted_while_training": 1}


def test_two_good_trainings_of_one_url_are_paid_twice_and_a_retry_after_a_failure_is_not(customer: Customer) -> None:
    twice = customer.tavus.picture("twice")
    customer.train("twice")
    assert customer.tavus.ledger()["paid_twice"] == []
    customer.train("twice")
    customer.train(f"{FAILS}&sandbox_once=1")
    customer.tavus.advance(FAILED)
    customer.train(f"{FAILS}&sandbox_once=1")
    ledger = customer.tavus.ledger()
    assert ledger["paid_twice"] == [twice]
    assert [len(payments) for payments in ledger["payments"].values()] == [2, 2]


def test_the_lag_runs_from_the_end_of_the_training_to_the_first_answer_that_showed_it(customer: Customer) -> None:
    one, other = customer.train(FAILS + "&a"), customer.train("b")
    customer.tavus.advance(timedelta(hours=6))
    customer.list(replica_ids=one)
    lag = customer.tavus.ledger()["lag"]
    assert lag["seen"] == 1
    first = lag["virtual_seconds"]["by_replica"][one]
    assert timedelta(hours=5) < timedelta(seconds=first) < timedelta(hours=6)
    customer.tavus.advance(timedelta(hours=1))
    customer.look(one)
    customer.look(other)
    lag = customer.tavus.ledger()["lag"]
    assert lag["virtual_seconds"]["by_replica"][one] == first
    assert lag["seen"] == 2
    assert lag["virtual_seconds"]["p95"] == max(lag["virtual_seconds"]["by_replica"].values())


def test_an_answer_that_was_cut_off_has_shown_nothing(customer: Customer) -> None:
    one = customer.train()
    customer.tavus.advance(timedelta(hours=6))
    customer.tavus.set_faults({"on": "get_replica", "kind": "500", "moment": "after", "times": 1})
    customer.http.get(f"/replicas/{one}")
    assert customer.tavus.ledger()["lag"]["seen"] == 0
    customer.look(one)
    assert customer.tavus.ledger()["lag"]["seen"] == 1
