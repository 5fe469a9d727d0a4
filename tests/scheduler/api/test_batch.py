"""A batch tells what became of each request, in order and in a single one's words; what is wrong with the whole is a problem that stores nothing."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from scheduler.api import create_app
from scheduler.api.body import MOST
from scheduler.api.enqueueing import _BODIES
from tests.broker import Broker
from tests.scheduler.api.served import TYPE, Api, problem
from tests.scheduler.bad import BAD
from tests.scheduler.made import SECRET, a_replica, a_request, rows
from worker.app import SUBMIT
from worker.store.clock import utc_now

BATCH = "/v1/jobs:batch"


def results(api: Api, *requests: object) -> list[dict[str, object]]:
    answer = api.post(BATCH, {"jobs": list(requests)})
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    found: list[dict[str, object]] = answer.json()["results"]
    return found


def test_each_request_has_its_result_in_order(api: Api, broker: Broker) -> None:
    good = a_request(idempotency_key="batch-1", metadata={"order": 7})
    created, refused, again, reused = results(api, good, {"replica": {}}, good, a_request(idempotency_key="batch-1", priority=1))
    assert created == {"status": 201, "id": created["id"]}
    assert again == {"status": 200, "id": created["id"]}
    assert (reused["status"], reused["type"], reused["job_id"]) == (422, f"{TYPE}key-reused", created["id"])
    assert (refused["status"], refused["type"]) == (422, f"{TYPE}invalid-request")
    assert api.get(f"/v1/jobs/{created['id']}").json()["metadata"] == {"order": 7}
    assert broker.waiting(SUBMIT) == 1


def test_a_refusal_is_what_a_single_request_is_told(api: Api) -> None:
    for account in ("default", "studio"):
        api.parts.ledger.keep_voices(account, ["anna"], utc_now())
    documents = [document for document, _ in BAD.values() if json.dumps(document, allow_nan=True)]
    before = rows(api.parts)
    together = [answer for at in range(0, len(documents), 10) for answer in _sent(api, documents[at : at + 10])]
    assert together == [_alone(api, document) for document in documents]
    assert rows(api.parts) == before


def _sent(api: Api, documents: list[object]) -> list[object]:
    answer = api.client.post(BATCH, content=json.dumps({"jobs": documents}), headers={"content-type": "application/json"})
    found: list[object] = answer.json()["results"]
    return found


def _alone(api: Api, document: object) -> object:
    return api.send(json.dumps(document).encode()).json()


def test_the_same_keys_alone_and_in_a_batch_are_the_same_jobs(api: Api) -> None:
    single = api.post("/v1/jobs", a_request(), idempotency_key="either").json()
    [known] = results(api, a_request(idempotency_key="either"))
    assert known == {"status": 200, "id": single["id"]}


def test_a_thousand_are_one_batch_and_one_more_is_none(api: Api) -> None:
    before = rows(api.parts)["job"]
    assert {one["status"] for one in results(api, *(a_request(metadata={"n": n}) for n in range(1000)))} == {201}
    assert rows(api.parts)["job"] == before + 1000
    refused = problem(api.post(BATCH, {"jobs": [a_request()] * 1001}), 422, "invalid-request")
    assert "at most 1000" in refused["problems"][0]["problem"]
    assert rows(api.parts)["job"] == before + 1000


def test_none_is_a_batch_too(api: Api) -> None:
    assert results(api) == []


@pytest.mark.parametrize(
    ("document", "fields"),
    [([], {"request"}), ({}, {"jobs"}), ({"jobs": {}}, {"jobs"}), ({"jobs": None}, {"jobs"}), ({"jobs": [], "account": "a"}, {"account"})],
)
def test_a_broken_whole_is_refused_with_its_problems(api: Api, document: object, fields: set[str]) -> None:
    refused = problem(api.post(BATCH, document), 422, "invalid-request")
    assert {one["field"] for one in refused["problems"]} == fields


def test_a_key_beside_a_batch_would_mean_nothing_and_is_refused(api: Api) -> None:
    refused = problem(api.post(BATCH, {"jobs": [a_request()]}, idempotency_key="k1"), 422, "invalid-request")
    assert refused["problems"][0]["field"] == "idempotency_key"


def test_what_is_not_json_or_too_long_is_refused_before_it_is_read(api: Api) -> None:
    send = {"content-type": "application/json"}
    problem(api.client.post(BATCH, content=b"{", headers=send), 400, "not-json")
    problem(api.client.post(BATCH, content=b"{}", headers={"content-type": "text/plain"}), 415, "not-json")
    problem(api.client.post(BATCH, content=(b"x" * 2**20 for _ in range(9)), headers=send), 413, "too-large")


def test_a_batch_of_nothing_but_mistakes_is_told_of_some_of_them(api: Api) -> None:
    flood = {"\ud800": 1} | {str(number): 0 for number in range(20_000)}
    answer = api.client.post(BATCH, content=json.dumps(flood).encode(), headers={"content-type": "application/json"})
    problem(answer, 422, "invalid-request")
    assert len(answer.content) < 20_000
    assert answer.json()["problems"][-1]["field"] == "request"
    del flood["\ud800"]
    [refused] = results(api, flood)
    told = refused["problems"]
    assert isinstance(told, list)
    assert [one["field"] for one in told][:1] == ["request"]
    assert len(told) < 10


def test_a_request_that_is_too_long_by_itself_is_too_long_in_a_batch(api: Api) -> None:
    long, good = a_replica(voice_name=None, default_voice_id="v", replica_name="x" * 300_000), a_request()
    refused, created = results(api, long, good)
    assert refused == problem(api.post("/v1/jobs", long), 413, "too-large")
    assert created["status"] == 201


@pytest.mark.parametrize("text", ["x", "\N{SNOWMAN}", "\x7f", '"', "\ud83d"])
def test_the_longest_request_by_itself_is_the_longest_in_a_batch(api: Api, text: str) -> None:
    def sized(size: int) -> dict[str, object]:
        document = a_request(nobody="")  # no field: whoever is let in is told so
        each = len(_said(text)) - 2
        room = size - len(_said(document))
        return document | {"nobody": text * (room // each) + "." * (room % each)}

    assert len(_said(sized(MOST))) == MOST
    answer = api.client.post(BATCH, content=_said({"jobs": [sized(MOST), sized(MOST + 1)]}), headers={"content-type": "application/json"})
    assert [one["status"] for one in answer.json()["results"]] == [422, 413]


def _said(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def test_no_more_bodies_are_read_at_once_than_fit_and_the_next_when_one_is_answered(api: Api) -> None:
    app = create_app(api.parts.settings)
    before, after, answers = asyncio.run(_held_back(app, _BODIES + 1))
    app.state.entrance.singles.close()
    app.state.parts.close()
    assert (before, after) == (_BODIES, _BODIES + 1)
    assert answers == [{"results": []}] * (_BODIES + 1)


async def _held_back(app: FastAPI, number: int) -> tuple[int, int, list[object]]:
    """So many batches whose bodies stop halfway: how many are read until they go on, and in the end, and what they are told."""
    whole, begun = asyncio.Event(), list[int]()

    async def body(place: int) -> AsyncIterator[bytes]:
        begun.append(place)
        yield b'{"jobs": '
        await whole.wait()
        yield b"[]}"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        send = {"content-type": "application/json"}
        asked = [asyncio.create_task(client.post(BATCH, content=body(place), headers=send)) for place in range(number)]
        for _ in range(1000):  # as often as any of them could want to go on
            await asyncio.sleep(0)
        before = len(begun)
        whole.set()
        answers = [answer.json() for answer in await asyncio.gather(*asked)]
    return before, len(begun), answers


def test_a_body_that_does_not_come_is_not_waited_for_without_end(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.api.body.PATIENCE", 0.05)
    app = create_app(api.parts.settings)
    answers = asyncio.run(_trickled(app, _BODIES + 1))
    app.state.entrance.singles.close()
    app.state.parts.close()
    assert [problem(answer, 408, "too-slow")["status"] for answer in answers] == [408] * (_BODIES + 1)


async def _trickled(app: FastAPI, number: int) -> list[httpx.Response]:
    """So many batches at once whose bodies never end."""

    async def body() -> AsyncIterator[bytes]:
        yield b'{"jobs": '
        await asyncio.Event().wait()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        send = {"content-type": "application/json"}
        return await asyncio.gather(*(client.post(BATCH, content=body(), headers=send) for _ in range(number)))
