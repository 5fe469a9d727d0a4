"""A job is followed as it goes: each step comes once, a lost connection goes on where it was, and the stream ends when the job rests."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from scheduler.api import streams
from scheduler.api.streams import MOST
from scheduler.api.watching import Watch
from tests.scheduler.api.served import Api, problem
from tests.scheduler.made import a_job_in, in_hours, paid
from tests.worker.store.made import changed
from worker.core import events
from worker.core.job import Job, JobId, Outcome
from worker.core.states import State


def pieces(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """The events of a stream, as they come; a comment is one with no field but itself."""
    found: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line:
            yield found
            found = {}
        else:
            name, _, value = line.partition(": ")
            found[name or "comment"] = value


def told(api: Api, job: Job, **headers: str) -> list[dict[str, str]]:
    """All that a stream says until it ends."""
    with api.client.stream("GET", f"/v1/jobs/{job.id}/events", headers={n.replace("_", "-"): v for n, v in headers.items()}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(pieces(answer))


def over(api: Api) -> Job:
    """A job that rests, with a story of three lines."""
    job = a_job_in(api.parts, State.HELD)
    return api.parts.engine.tell(job.id, events.AbandonRequested())


def test_a_job_that_rests_is_told_whole_and_the_stream_ends(api: Api) -> None:
    job = over(api)
    *lines, end = told(api, job)
    assert [line["id"] for line in lines] == ["1", "2", "3"]
    assert [json.loads(line["data"]) for line in lines] == api.get(f"/v1/jobs/{job.id}/story").json()["lines"]
    assert {line["event"] for line in lines} == {"line"}
    assert end["event"] == "end"


def test_a_stream_goes_on_after_the_last_line_that_arrived(api: Api) -> None:
    job = over(api)
    assert [one.get("id") for one in told(api, job, last_event_id="2")] == ["3", None]
    assert api.get(f"/v1/jobs/{job.id}/events", last_event_id="3").status_code == 204  # an EventSource stops asking


def test_what_happens_meanwhile_comes_by_itself(api: Api) -> None:
    job = a_job_in(api.parts, State.TRAINING, in_hours(1))
    job = changed(api.parts.ledger, job, attempts=paid(job, Outcome.TRAINED))
    with api.client.stream("GET", f"/v1/jobs/{job.id}/events", headers={"last-event-id": "3"}) as answer:
        threading.Timer(0.2, lambda: api.parts.engine.tell(job.id, events.CancelRequested())).start()
        line, end = pieces(answer)
    assert (line["id"], json.loads(line["data"])["to_state"], end["event"]) == ("4", "cancelled", "end")


def test_a_comment_keeps_a_silent_stream_open(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    job = a_job_in(api.parts, State.TRAINING, in_hours(1))
    with api.client.stream("GET", f"/v1/jobs/{job.id}/events", headers={"last-event-id": "9"}) as answer:
        assert [next(pieces(answer))] == [{"comment": "still here"}]


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "99999999999999999999"])
def test_a_number_that_no_line_has_is_refused(api: Api, number: str) -> None:
    problem(api.get(f"/v1/jobs/{over(api).id}/events", last_event_id=number), 422, "invalid-request")


def test_nobody_follows_what_is_not_there(api: Api) -> None:
    problem(api.get("/v1/jobs/0000000000000000mm00000001/events"), 404, "unknown-job")


def test_a_stream_that_is_left_leaves_its_place(api: Api) -> None:
    job = a_job_in(api.parts, State.TRAINING, in_hours(1))
    for _ in range(MOST + 1):
        with api.client.stream("GET", f"/v1/jobs/{job.id}/events") as answer:
            assert next(pieces(answer))["id"] == "1"


def test_one_question_is_asked_for_all_and_only_who_has_news_is_woken() -> None:
    a, b = JobId("a"), JobId("b")
    versions, asked = {a: 1, b: 1}, list[set[JobId]]()

    def look(job_ids: Sequence[JobId]) -> dict[JobId, int]:
        asked.append(set(job_ids))
        return {one: versions[one] for one in job_ids}

    async def follow() -> None:
        watch = Watch(look, pace=0.01)
        with watch.news_of(a) as first, watch.news_of(a) as second, watch.news_of(b) as other:
            for news in (first, second, other):
                await news.wait()
                news.clear()
            versions[a] = 2
            await first.wait()
            await second.wait()
            assert not other.is_set()
        seen = len(asked)
        await asyncio.sleep(0.05)
        assert len(asked) <= seen + 1  # nobody follows, so nobody asks

    asyncio.run(follow())
    assert asked[0] == {a, b}


def test_a_ledger_that_is_away_is_asked_again() -> None:
    answers: Iterator[Exception | dict[JobId, int]] = iter([OperationalError("", None, Exception()), {JobId("a"): 1}])

    def look(_: Sequence[JobId]) -> dict[JobId, int]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def follow() -> None:
        with Watch(look, pace=0.01).news_of(JobId("a")) as news:
            await asyncio.wait_for(news.wait(), 30)

    asyncio.run(follow())
