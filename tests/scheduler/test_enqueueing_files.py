"""A file of requests is enqueued whole: sent again it is the same jobs, and each bad line is named with its number and spoils no other."""

import json
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import PICTURE, SECRET, a_request, rows
from worker.assembly import Parts
from worker.core.request import Start
from worker.store.clock import utc_now

HEADER = "image,voice,name,key,priority,metadata.order\n"


@pytest.fixture
def replicas(home: Path, broker: Broker, parts: Parts) -> Commands:
    """The command line on a ledger that knows the voice `anna`."""
    parts.ledger.keep_voices("default", ["anna"], utc_now())
    return commands_in(home, broker)


def written(replicas: Commands, text: str, name: str = "people.csv") -> str:
    (replicas.home / name).write_text(text)
    return name


def test_each_row_is_a_job_with_what_its_columns_say(replicas: Commands, parts: Parts) -> None:
    header = "image,voice,name,start,account,key,priority,auto_fix,notify_url,metadata.order,metadata.by,model,persona\n"
    row = f'{PICTURE},anna,"Ann, the first",on_demand,default,k1,7,always,https://told.example,4711,shop,phoenix-3,p1\n'
    said = replicas("enqueue", "--csv", written(replicas, f"\ufeff{header}{row}"), "--json")
    [result] = json.loads(said.out)
    assert (said.status, said.err, result["line"], result["outcome"]) == (0, "", 2, "created")
    job = parts.ledger.get(result["id"])
    fields = {"train_image_url": PICTURE, "voice_name": "anna", "replica_name": "Ann, the first", "model_name": "phoenix-3"}
    assert job.request.replica == fields
    assert (job.request.start, job.request.conversation) == (Start.ON_DEMAND, {"persona_id": "p1"})
    assert (job.priority, job.account, job.idempotency_key, job.request.auto_fix) == (7, "default", "k1", "always")
    assert (job.request.notify_url, job.request.metadata) == ("https://told.example", {"order": "4711", "by": "shop"})


def test_a_bad_line_is_named_with_its_number_and_every_problem_and_the_others_are_stored(replicas: Commands, parts: Parts) -> None:
    lines = [
        f"{PICTURE},anna,Ann,k1,,",
        f"{PICTURE},nobody,Bob,k2,12,",
        "",
        f'{PICTURE},anna,"Two\nlines",k3,,',
        f"{PICTURE},anna",
        f"ftp://there?sig={SECRET},anna,Cy,k1,,",
        f"{PICTURE},anna,Dee,k1,,",
    ]
    said = replicas("enqueue", "--csv", written(replicas, HEADER + "\n".join(lines)))
    assert said.status == 1
    named = dict(line.split(": ", 1) for line in said.err.splitlines())
    assert list(named) == ["line 3", "line 7", "line 8", "line 9"]
    assert "voice_name" in named["line 3"]
    assert "priority" in named["line 3"]
    assert "has 2 cells, and the header 6" in named["line 7"]
    assert "https" in named["line 8"]
    assert "already belongs to job" in named["line 9"]
    assert "6 lines: 2 new jobs, 0 there already, 4 refused" in said.out
    assert SECRET not in said.err + said.out
    assert rows(parts)["job"] == 2


@pytest.mark.parametrize("key", ["key", "name"])
def test_the_same_file_again_is_the_same_jobs_with_keys_and_without(replicas: Commands, parts: Parts, key: str) -> None:
    file = written(replicas, f"image,voice,{key}\n" + "".join(f"{PICTURE},anna,x{number}\n" for number in range(700)))
    first, again = (json.loads(replicas("enqueue", "--csv", file, "--json").out) for _ in range(2))
    assert {one["outcome"] for one in first} == {"created"}
    assert {one["outcome"] for one in again} == {"known"}
    assert [one["id"] for one in again] == [one["id"] for one in first]
    assert rows(parts)["job"] == 700


def test_two_equal_rows_without_a_key_are_two_jobs_and_stay_two(replicas: Commands, parts: Parts) -> None:
    file = written(replicas, f"image,voice\n{PICTURE},anna\n{PICTURE},anna\n")
    for _ in range(2):
        replicas("enqueue", "--csv", file)
    assert rows(parts)["job"] == 2


@pytest.mark.parametrize(
    ("header", "why"), [("image,urgent", "'urgent'"), ("image,image", "twice"), ("metadata.", "'metadata.'"), ("", "is empty")]
)
def test_a_header_that_nobody_understands_stores_nothing_and_says_what_there_is(
    replicas: Commands, parts: Parts, header: str, why: str
) -> None:
    said = replicas("enqueue", "--csv", written(replicas, f"{header}\n{PICTURE},anna\n" if header else ""))
    assert (said.status, said.out) == (1, "")
    assert why in said.err
    assert "metadata.ANYTHING" in said.err
    assert rows(parts)["job"] == 0


@pytest.mark.parametrize("word", ["file", "-"])
def test_json_lines_are_whole_requests(replicas: Commands, parts: Parts, word: str) -> None:
    lines = "\n".join((json.dumps(a_request(metadata={"order": 7}, idempotency_key="k1")), "", "{", json.dumps({"replica": {}}), "[]"))
    written(replicas, lines, "file")
    said = replicas("enqueue", "--jsonl", word, "--json", typed=lines)
    results = json.loads(said.out)
    assert said.status == 1
    assert [(one["line"], one["outcome"]) for one in results] == [(1, "created"), (3, "refused"), (4, "refused"), (5, "refused")]
    assert parts.ledger.get(results[0]["id"]).request.metadata == {"order": 7}


def test_a_file_goes_with_no_option_that_it_would_swallow(replicas: Commands) -> None:
    for words in (("--key", "k1"), ("--image", PICTURE), ("--jsonl", "-")):
        assert replicas("enqueue", "--csv", "-", *words).status == 2


def test_a_file_that_is_not_there_is_one_sentence(replicas: Commands) -> None:
    said = replicas("enqueue", "--csv", "nowhere.csv")
    assert said.status == 1
    assert "nowhere.csv" in said.err
    assert "Traceback" not in said.err
