"""The list of replicas: order, pages, filters, delay, and what it leaves out."""

from datetime import timedelta

import pytest

from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from tests.test_sandbox.customer import Customer


def test_newest_come_first_and_pages_do_not_overlap(customer: Customer) -> None:
    ids = [customer.train(str(number)) for number in range(25)][::-1]
    assert customer.list(replica_type="user") == (ids[:10], 25)
    pages = [customer.list(replica_type="user", limit=10, page=page)[0] for page in (1, 2, 3, 4)]
    assert pages == [ids[:10], ids[10:20], ids[20:], []]


def test_the_limit_is_capped_at_100(customer: Customer) -> None:
    for number in range(101):
        customer.train(str(number))
    assert len(customer.list(limit=1000)[0]) == 100


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"page": "-1"}, {"page": "9" * 5000}, {"replica_type": "mine"}])
def test_a_bad_query_is_400(customer: Customer, query: dict[str, str]) -> None:
    assert customer.http.get("/replicas", params=query).status_code == 400


def test_stock_replicas_are_in_the_list_unless_it_asks_for_the_users_own(customer: Customer) -> None:
    mine = customer.train()
    everything, total = customer.list(limit=100)
    assert everything[0] == mine
    assert total == len(everything) > 1
    assert customer.list(replica_type="user") == ([mine], 1)
    assert customer.list(replica_type="system", limit=100)[0] == everything[1:]


def test_many_ids_are_answered_at_once_and_strangers_are_left_out(tavus: Sandbox, customer: Customer) -> None:
    ids = [customer.train(str(number)) for number in range(5)]
    with Customer(tavus, "key-2") as other:
        theirs = other.train("theirs")
        assert other.http.get(f"/replicas/{ids[0]}").json() == {"error": "Invalid replica_id"}
    found, total = customer.list(replica_ids=",".join([*ids[1:3], "rnone", theirs]), limit=100)
    assert (set(found), total) == (set(ids[1:3]), 2)


def test_models_are_filtered(customer: Customer) -> None:
    customer.train("a")
    old = customer.train("b", model_name="phoenix-3")
    assert customer.list(model_name="phoenix-3") == ([old], 1)


def test_a_row_has_no_error_message_and_no_updated_at(customer: Customer) -> None:
    customer.train("sandbox_outcome=HeadphonesError")
    customer.tavus.advance(timedelta(hours=5))
    row = customer.http.get("/replicas", params={"replica_type": "user", "verbose": "true"}).json()["data"][0]
    assert row["status"] == "error"
    assert not {"error_message", "updated_at"} & set(row)


def test_a_new_replica_is_listed_late_and_shown_at_once() -> None:
    with Sandbox(Rules(list_delay=timedelta(minutes=10))) as tavus, Customer(tavus) as customer:
        one = customer.train()
        assert customer.look(one)["status"] == "started"
        assert customer.list(replica_type="user") == customer.list(replica_ids=one) == ([], 0)
        tavus.advance(timedelta(minutes=11))
        assert customer.list(replica_type="user") == customer.list(replica_ids=one) == ([one], 1)


def test_a_rename_shows_and_needs_a_name(customer: Customer) -> None:
    one = customer.train()
    answer = customer.http.patch(f"/replicas/{one}/name", json={"replica_name": "clean"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert customer.look(one)["replica_name"] == "clean"
    assert customer.http.patch(f"/replicas/{one}/name", json={}).status_code == 400


@pytest.mark.parametrize("hard", [{}, {"hard": "true"}])
def test_a_deleted_replica_is_404_to_get_400_to_delete_again_and_not_listed(customer: Customer, hard: dict[str, str]) -> None:
    one = customer.train()
    assert customer.http.delete(f"/replicas/{one}", params=hard).status_code == 200
    assert customer.http.get(f"/replicas/{one}").status_code == 404
    again = customer.http.delete(f"/replicas/{one}", params=hard)
    assert (again.status_code, again.json()) == (400, {"error": "Invalid replica_id"})
    assert customer.list(replica_type="user") == ([], 0)
