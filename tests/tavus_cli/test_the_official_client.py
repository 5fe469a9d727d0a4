"""The client that Tavus itself publishes takes the sandbox for Tavus, wherever the two overlap: an independent word on what the sandbox answers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.stock import STOCK, VOICES
from tests.tavus_cli.official import Official, official


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Official]:
    """Tavus' own client, beside a sandbox."""
    with official(tmp_path_factory.mktemp("official")) as one:
        yield one


@pytest.fixture(scope="module")
def face(client: Official) -> str:
    """A face of the account's own, trained."""
    return client.train("ada")


def printed(client: Official, *words: str) -> Any:  # noqa: ANN401 - JSON
    """What a command prints, where all is well."""
    done = client.command(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_its_command_lists_the_voices_and_its_classes_search_sort_and_page_them(client: Official) -> None:
    every = printed(client, "resource", "list", "voices", "--limit", "100")
    assert [voice["voice_name"] for voice in every["data"]] == list(VOICES)
    assert every["total_count"] == len(VOICES)
    found, last, first, paged = client.asked(
        ("voices", "list", [], {"search": "ann", "tags": "english", "page": 0}),
        ("voices", "list", [], {"sort": "desc", "limit": 1}),
        ("voices", "list", [], {"sort": "asc", "limit": 1, "page": 1}),
        ("voices", "list_all", [], {"page_size": 4}),
    )
    assert [voice["voice_name"] for voice in found["data"]] == ["anna"]
    assert [page["data"][0]["voice_name"] for page in (last, first)] == [max(VOICES), min(VOICES)]
    assert paged == {"data": every["data"], "total_count": len(VOICES)}


def test_its_command_lists_the_faces_of_the_account_and_those_of_tavus(client: Official, face: str) -> None:
    rows = printed(client, "face", "list", "--json")["data"]
    assert {row["face_id"] for row in rows} == {face, *STOCK}
    [own] = [row for row in rows if row["face_id"] == face]
    assert (own["face_name"], own["status"], own["model_name"]) == ("ada", "completed", "phoenix-4")
    table = client.command("face", "list", "--stock").stdout
    assert all(face_id in table and name in table for face_id, name in STOCK.items())
    assert face not in table


def test_its_classes_get_one_face_and_page_through_all(client: Official, face: str) -> None:
    one, every, chosen = client.asked(
        ("faces", "get", [face], {"verbose": "true"}),
        ("faces", "list_all", [], {"page_size": 2}),
        ("faces", "list", [], {"face_ids": face, "limit": 100}),
    )
    assert (one["face_id"], one["status"], one["face_type"], one["error_message"]) == (face, "completed", "user", None)
    assert sorted(row["face_id"] for row in every["data"]) == sorted([face, *STOCK])
    assert [row["face_id"] for row in chosen["data"]] == [face]


def test_a_conversation_is_created_found_and_ended(client: Official, face: str) -> None:
    made = printed(client, "conversation", "create", "--face-id", face, "--name", "hello")
    found, active = client.asked(
        ("conversations", "get", [made["conversation_id"]], {}), ("conversations", "list", [], {"status": "active"})
    )
    assert (found["status"], found["conversation_name"], found["replica_id"]) == ("active", "hello", face)
    assert found["conversation_url"] == made["conversation_url"]
    assert [one["conversation_id"] for one in active["data"]] == [made["conversation_id"]]
    for _ in range(2):  # ended already is ended
        assert printed(client, "conversation", "end", made["conversation_id"]) is None
    over, ended = client.asked(
        ("conversations", "get", [made["conversation_id"]], {"verbose": "true"}), ("conversations", "list", [], {"status": "ended"})
    )
    assert (over["status"], over["shutdown_reason"]) == ("ended", "end_conversation_endpoint_hit")
    assert [one["conversation_id"] for one in ended["data"]] == [made["conversation_id"]]


def test_a_wrong_key_is_told_so(client: Official) -> None:
    refused = client.command("face", "list", key="no-key-of-ours")
    assert (refused.returncode, refused.stdout.strip()) == (1, "Tavus API GET /faces failed with 401")
    assert client.asked(("voices", "list", [], {}), key="no-key-of-ours") == [
        {"status_code": 401, "body": {"message": "Invalid access token"}}
    ]


def test_what_is_not_there_is_told_as_tavus_documents_it(client: Official) -> None:
    refused = client.command("conversation", "end", "c0")
    assert (refused.returncode, refused.stdout.strip()) == (1, "Tavus API POST /conversations/c0/end failed with 400")
    assert client.asked(
        ("faces", "get", ["r0"], {}),
        ("conversations", "get", ["c0"], {}),
        ("conversations", "create", [{"replica_id": "r0"}], {}),
    ) == [
        {"status_code": 400, "body": {"error": "Invalid face_id"}},
        {"status_code": 400, "body": {"error": "Invalid conversation_id"}},
        {"status_code": 400, "body": {"message": "Invalid replica_uuid"}},
    ]
