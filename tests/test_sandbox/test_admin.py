"""The sandbox's own pages, its clock, and its command."""

import io
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.sandbox.clock import Clock
from tests.sandbox.durations import duration
from tests.sandbox.server import Sandbox
from tests.test_sandbox.customer import Customer


@pytest.mark.parametrize(
    ("path", "kind", "size"), [("headshot.jpg", "JPEG", 768), ("headshot.png", "PNG", 768), ("small.jpg", "JPEG", 256)]
)
def test_pictures_are_real_and_take_any_query(tavus: Sandbox, path: str, kind: str, size: int) -> None:
    url = f"{tavus.origin}/{path}?job=1&X-Amz-Expires=86400"
    got = httpx.get(url)
    picture = Image.open(io.BytesIO(got.content))
    picture.load()
    assert (picture.format, picture.size) == (kind, (size, size))
    assert got.headers["Content-Type"] == f"image/{kind.lower()}"
    head = httpx.head(url)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(got.content)))


def test_not_an_image_says_that_it_is_one(tavus: Sandbox) -> None:
    got = httpx.get(f"{tavus.origin}/not-an-image.jpg")
    assert got.headers["Content-Type"] == "image/jpeg"
    assert got.content.startswith(b"<html>")


def test_trainings_can_be_begun_in_bulk_and_it_is_told_who_was_asked_about(tavus: Sandbox, customer: Customer) -> None:
    pages = httpx.Client(base_url=f"{tavus.origin}/_sandbox")
    begun = pages.post("/trainings/key-1", json={"url": f"{tavus.origin}/headshot.jpg?job={{number}}", "count": 3}).json()["data"]
    assert len(set(begun)) == 3
    assert customer.look(begun[0])["status"] == "started"
    assert customer.list(replica_ids=",".join(begun[:2]))[1] == 2
    assert pages.get("/progress").json() == {"charged": 3, "trained": 0, "seen": 0, "looked_at": 2, "conversations": 0, "requests": 2}
    assert pages.delete("/looks").status_code == 200
    assert pages.get("/progress").json()["looked_at"] == 0
    assert pages.post("/trainings/key-1", json={"count": 3}).status_code == 400
    pages.close()


def test_everything_can_be_asked_and_set_over_http(tavus: Sandbox, customer: Customer) -> None:
    pages = httpx.Client(base_url=f"{tavus.origin}/_sandbox")
    one = customer.train("sandbox_outcome=never")
    assert pages.get("/health").json()["status"] == "ok"
    assert pages.get("/ledger").json()["trainings"]["charged"] == 1
    assert pages.get("/replicas").json()["data"][0]["replica_id"] == one
    assert pages.post("/accounts/key-1", json={"training_credits": 0}).json()["training_credits"] == 0
    assert customer.order().status_code == 402
    assert pages.post("/accounts/key-1", json={"colour": "red"}).status_code == 400
    before = datetime.fromisoformat(pages.get("/health").json()["now"])
    assert datetime.fromisoformat(pages.post("/clock", json={"advance": "4h"}).json()["now"]) - before >= timedelta(hours=4)
    assert pages.post("/clock", json={"advance": "soon"}).status_code == 400
    assert pages.post("/faults", json={"faults": [{"kind": "500", "times": 1}]}).status_code == 200
    assert customer.http.get("/voices").status_code == 500
    assert pages.get("/nothing").status_code == 404
    assert [kind for _, kind in pages.get("/arrivals").json()] == ["create_replica", "create_replica", "list_voices"]
    assert pages.post("/reset").status_code == 200
    assert pages.get("/ledger").json()["requests"]["total"] == 0
    assert customer.order().status_code == 200
    pages.close()


def test_the_clock_runs_as_fast_as_it_is_told_and_jumps() -> None:
    real = [100.0]
    clock = Clock(3600, datetime(2026, 1, 1, tzinfo=UTC), lambda: real[0])
    real[0] += 2
    assert clock.now() == datetime(2026, 1, 1, 2, tzinfo=UTC)
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime(2026, 1, 1, 3, tzinfo=UTC)
    assert clock.real_seconds_until(datetime(2026, 1, 1, 4, tzinfo=UTC)) == pytest.approx(1)
    assert clock.real_seconds_until(datetime(2025, 1, 1, tzinfo=UTC)) == 0


def test_a_fast_clock_trains_fast_and_stamps_virtual_time() -> None:
    epoch = datetime(2030, 1, 1, tzinfo=UTC)
    with Sandbox(speed=36_000, epoch=epoch) as tavus, Customer(tavus) as customer:
        one = customer.train()
        deadline = time.monotonic() + 5
        while customer.look(one)["status"] != "completed" and time.monotonic() < deadline:
            time.sleep(0.02)
        row = customer.look(one)
        took = datetime.fromisoformat(row["updated_at"]) - datetime.fromisoformat(row["created_at"])
        assert row["status"] == "completed"
        assert timedelta(hours=2.4) < took < timedelta(hours=5)
        assert row["created_at"].startswith("2030-01-01T0")
        assert row["created_at"].endswith("Z")


@pytest.mark.parametrize(("text", "seconds"), [("3h30m", 12_600), ("0.5s", 0.5), ("200ms", 0.2), ("90", 90), ("1d2h", 93_600)])
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "3x", "h", "1h!", "-"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration(text)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_where_it_listens_and_ends_quietly(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "faults.json"
    script.write_text(json.dumps([{"on": "list_voices", "kind": "503", "times": 1}]))
    options = [
        "--port-file",
        str(tmp_path / "port"),
        "--speed",
        "1000",
        "--typical",
        "30s",
        "--faults",
        str(script),
        "--key",
        'k={"name": "K"}',
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sandbox", *options],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    port = (tmp_path / "port").read_text().strip()
    assert line == f"sandbox: listening on http://127.0.0.1:{port}/v2\n"
    statuses = [httpx.get(f"http://127.0.0.1:{port}/v2/voices", headers={"x-api-key": "k"}).status_code for _ in range(2)]
    process.send_signal(number)
    assert process.communicate(timeout=10) == ("", "")
    assert (process.returncode, statuses) == (0, [503, 200])


def test_a_port_that_is_taken_is_an_error_at_the_start(tavus: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"), Sandbox(port=int(tavus.origin.rpartition(":")[2])):
        pass
