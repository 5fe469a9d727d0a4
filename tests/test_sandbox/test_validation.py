"""Who is let in, and which bodies are refused, in the vendor's words."""

import json
from typing import Any

import httpx
import pytest

from tests.sandbox.server import Sandbox
from tests.test_sandbox.customer import Customer

IMAGE = "https://pictures.example/me.jpg"
VIDEO = "https://films.example/me.mp4"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"voice_name": "anna"}, "Either train_video_url or train_image_url must be provided."),
        ({"train_image_url": "", "voice_name": "anna"}, "Either train_video_url or train_image_url must be provided."),
        ({"train_image_url": IMAGE, "train_video_url": VIDEO, "voice_name": "anna"}, "Only one of"),
        ({"train_image_url": IMAGE}, "voice_name is required"),
        ({"train_image_url": IMAGE, "voice_name": "nobody"}, "Invalid voice_name"),
        ({"train_image_url": IMAGE, "voice_name": "anna", "default_voice_id": "v123abc"}, "Only one of"),
        ({"train_video_url": VIDEO, "voice_name": "nobody"}, "Invalid voice_name"),
        ({"train_image_url": "not a url", "voice_name": "anna"}, "Invalid train_image_url"),
        ({"train_image_url": "ftp://pictures.example/me.jpg", "voice_name": "anna"}, "Invalid train_image_url"),
        ({"train_image_url": "http://[half", "voice_name": "anna"}, "Invalid train_image_url"),
        ({"train_image_url": "http://x/\ud800", "voice_name": "anna"}, "Invalid train_image_url"),
        ({"train_image_url": 7, "voice_name": "anna"}, "Invalid train_image_url"),
        ({"train_video_url": VIDEO, "callback_url": "nowhere"}, "Invalid callback_url"),
        ({"train_video_url": VIDEO, "model_name": "phoenix-9"}, "Invalid model_name"),
        ({"train_image_url": IMAGE, "voice_name": "anna", "auto_fix_training_image": "yes"}, "Invalid auto_fix_training_image"),
        ({"train_video_url": VIDEO, "properties": "green"}, "Invalid properties"),
        ({"train_image_url": IMAGE + "?sandbox_outcome=NoSuchError", "voice_name": "anna"}, "unknown sandbox_outcome"),
    ],
)
def test_a_bad_order_is_400_with_its_reason_and_is_not_charged(customer: Customer, body: dict[str, Any], text: str) -> None:
    # Not json=: httpx would refuse to send half a surrogate pair, and others would not.
    answer = customer.http.post("/replicas", content=json.dumps(body))
    assert answer.status_code == 400
    assert text in answer.json()["error"]
    assert customer.tavus.ledger()["trainings"]["charged"] == 0


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_400(customer: Customer, content: bytes) -> None:
    assert customer.http.post("/replicas", content=content).status_code == 400


def test_a_good_order_is_200_with_an_id_and_started(customer: Customer) -> None:
    answer = customer.order(voice_name="ANNA", callback_url="")
    assert answer.status_code == 200
    assert answer.json() == {"replica_id": answer.json()["replica_id"], "status": "started"}
    assert answer.json()["replica_id"].startswith("r")


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"x-api-key": "invalid"}])
def test_without_a_good_key_everything_is_401(tavus: Sandbox, headers: dict[str, str]) -> None:
    for path in ("/replicas", "/voices", "/conversations", "/replicas/r1"):
        answer = httpx.get(tavus.url + path, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"message": "Invalid access token"})


def test_named_keys_shut_strangers_out() -> None:
    with Sandbox(keys={"mine": {"training_credits": 1}}) as tavus, Customer(tavus, "mine") as mine, Customer(tavus, "other") as other:
        assert mine.order().status_code == 200
        assert other.order().status_code == 401
        answer = mine.order("second")
        assert (answer.status_code, answer.json()) == (402, {"message": "Payment required"})


def test_the_broke_key_is_402_for_replicas_and_for_conversations(tavus: Sandbox) -> None:
    with Customer(tavus, "broke") as broke:
        assert broke.order().status_code == 402
        stock, _ = broke.list(replica_type="system")
        answer = broke.converse(stock[0])
        assert (answer.status_code, answer.json()) == (402, {"message": "The user is out of conversational credits"})


def test_a_key_that_is_revoked_is_401_until_it_is_restored(customer: Customer) -> None:
    for revoked, status in ((True, 401), (False, 200)):
        customer.tavus.account("key-1", revoked=revoked)
        assert customer.order().status_code == status


def test_the_new_words_are_an_alias_and_the_answers_use_them(customer: Customer) -> None:
    body = {"train_image_url": customer.tavus.picture(), "voice_name": "anna", "face_name": "new"}
    face_id = customer.http.post("/faces", json=body).json()["face_id"]
    assert customer.http.get(f"/faces/{face_id}").json()["face_name"] == "new"
    assert customer.http.get("/faces", params={"face_ids": face_id}).json()["data"][0]["face_id"] == face_id
    assert customer.look(face_id)["replica_name"] == "new"
    assert customer.http.get("/faces/rnone").json() == {"error": "Invalid face_id"}


def test_a_path_that_does_not_exist_is_404(customer: Customer) -> None:
    for path in ("/nothing", "/replicas/r1/name/more", "/../v3/replicas"):
        assert customer.http.get(path).status_code == 404


def test_voices_are_listed_and_searched(customer: Customer) -> None:
    page = customer.http.get("/voices", params={"search": "Ann", "limit": 100}).json()
    assert [voice["voice_name"] for voice in page["data"]] == ["anna"]
    assert len(customer.http.get("/voices").json()["data"]) == 10
    assert {"benjamin", "james", "liam", "anna", "julia", "ivy"} <= {
        voice["voice_name"] for voice in customer.http.get("/voices", params={"limit": 100}).json()["data"]
    }
