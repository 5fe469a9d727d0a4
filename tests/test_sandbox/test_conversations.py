"""Conversations: only with a trained replica, only in a free slot, and over by themselves."""

from datetime import timedelta

import pytest

from tests.sandbox.server import Sandbox
from tests.test_sandbox.customer import Customer


@pytest.fixture
def trained(customer: Customer) -> str:
    """A replica that is completed."""
    one = customer.train()
    customer.tavus.advance(timedelta(hours=6))
    return one


def test_a_conversation_has_a_room_and_is_active(customer: Customer, trained: str) -> None:
    made = customer.converse(trained, conversation_name="mark", callback_url="https://caller.example/").json()
    assert made["conversation_url"] == f"https://tavus.daily.co/{made['conversation_id']}"
    assert made["conversation_id"].startswith("c")
    assert (made["conversation_name"], made["status"], made["replica_id"]) == ("mark", "active", trained)
    assert "meeting_token" not in made
    shown = customer.http.get(f"/conversations/{made['conversation_id']}").json()
    assert shown["status"] == "active"


def test_a_meeting_token_is_given_once_and_only_when_asked_for(customer: Customer, trained: str) -> None:
    made = customer.converse(trained, require_auth=True).json()
    assert made["meeting_token"]
    assert "meeting_token" not in customer.http.get(f"/conversations/{made['conversation_id']}").json()


def test_a_replica_that_is_not_completed_is_invalid(tavus: Sandbox, customer: Customer) -> None:
    training, failed = customer.train("sandbox_outcome=never"), customer.train("sandbox_outcome=HeadphonesError")
    tavus.advance(timedelta(hours=6))
    with Customer(tavus, "key-2") as other:
        theirs = other.train()
        tavus.advance(timedelta(hours=6))
    for one in (training, failed, theirs, "rnone", "p123", ""):
        answer = customer.converse(one)
        assert (answer.status_code, answer.json()) == (400, {"message": "Invalid replica_uuid"})


def test_the_slots_of_an_account_are_limited_and_freed_by_ending(customer: Customer, trained: str) -> None:
    customer.tavus.account("key-1", max_conversations=2)
    ids = [customer.converse(trained).json()["conversation_id"] for _ in range(2)]
    full = customer.converse(trained)
    assert (full.status_code, full.json()) == (400, {"message": "User has reached maximum concurrent conversations"})
    assert customer.converse(trained, test_mode=True).json()["status"] == "ended"
    assert customer.http.post(f"/conversations/{ids[0]}/end").status_code == 200
    assert customer.http.post(f"/conversations/{ids[0]}/end").status_code == 200
    assert customer.converse(trained).status_code == 200


def test_a_room_that_nobody_joins_ends_after_its_timeout(customer: Customer, trained: str) -> None:
    customer.tavus.account("key-1", max_conversations=2)
    long = customer.converse(trained).json()["conversation_id"]
    short = customer.converse(trained, properties={"participant_absent_timeout": 60}).json()["conversation_id"]
    customer.tavus.advance(timedelta(seconds=61))
    ended = customer.http.get(f"/conversations/{short}", params={"verbose": "true"}).json()
    assert (ended["status"], ended["shutdown_reason"]) == ("ended", "participant_absent_timeout reached")
    assert customer.http.get(f"/conversations/{long}").json()["status"] == "active"
    assert customer.converse(trained).status_code == 200


def test_the_list_is_filtered_by_status_and_paged(customer: Customer, trained: str) -> None:
    ids = [customer.converse(trained, conversation_name=str(number)).json()["conversation_id"] for number in range(12)][::-1]
    customer.http.post(f"/conversations/{ids[3]}/end")
    active = customer.http.get("/conversations", params={"status": "active"}).json()
    assert active["total_count"] == 11
    assert [row["conversation_id"] for row in active["data"]] == [*ids[:3], *ids[4:11]]
    assert [row["conversation_id"] for row in customer.http.get("/conversations", params={"status": "ended"}).json()["data"]] == [ids[3]]
    assert len(customer.http.get("/conversations", params={"page": 2}).json()["data"]) == 2


def test_a_deleted_or_unknown_conversation_is_invalid(customer: Customer, trained: str) -> None:
    one = customer.converse(trained).json()["conversation_id"]
    assert customer.http.delete(f"/conversations/{one}").status_code == 204
    for answer in (customer.http.get(f"/conversations/{one}"), customer.http.post("/conversations/cnone/end")):
        assert (answer.status_code, answer.json()) == (400, {"error": "Invalid conversation_id"})


def test_two_conversations_of_one_replica_are_in_the_ledger(customer: Customer, trained: str) -> None:
    customer.converse(trained)
    assert customer.tavus.ledger()["conversations_twice"] == []
    customer.converse(trained)
    assert customer.tavus.ledger()["conversations_twice"] == [trained]


def test_conversation_credits_run_out(customer: Customer, trained: str) -> None:
    customer.tavus.account("key-1", conversation_credits=1)
    assert [customer.converse(trained).status_code for _ in range(2)] == [200, 402]


@pytest.mark.parametrize("value", [0, -1, "60", True, 1e30])
def test_a_timeout_that_makes_no_sense_is_400(customer: Customer, trained: str, value: object) -> None:
    answer = customer.converse(trained, properties={"participant_absent_timeout": value})
    assert (answer.status_code, answer.json()) == (400, {"error": "Invalid participant_absent_timeout"})
