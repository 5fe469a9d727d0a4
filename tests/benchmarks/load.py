"""Load on the HTTP door, from a process of its own so that it does not steal the result: `python -m tests.benchmarks.load`. It may not judge it.

`closed`: so many lines, each sends its next request when its last is answered: how much goes through. `opened`: requests set off at moments of their
own, answered or not, and each one's time counts from its moment: a server that stands still is late for all that should have come meanwhile.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, count, islice
from typing import cast

import uvloop
from typing_extensions import override

_SIGNED = (
    f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={datetime.now(UTC):%Y%m%dT%H%M%SZ}&X-Amz-Expires=604800"
    f"&X-Amz-SignedHeaders=host&X-Amz-Signature={'0f' * 32}"
)


class Line(asyncio.Protocol):
    """One keep-alive connection: one request at a time."""

    def __init__(self) -> None:
        self._got = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.WriteTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by its class

    @override
    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or self._answer is None:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            answer, self._answer, self._got = self._answer, None, b""
            answer.set_result((int(head[9:12]), body))

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        """Send it; the status and the body of the answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer


@dataclass(slots=True)
class Tally:
    """What came back. `late`: the seconds that each request took from its moment on."""

    statuses: Counter[int] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)


def document(number: int, run: str) -> dict[str, object]:
    """A request like those that are sent in earnest: a signed address that lives for a week, a voice, a key, and a note."""
    address = f"https://bucket.s3.eu-central-1.amazonaws.com/people/{run}/{number}.jpg?{_SIGNED}"
    replica = {"train_image_url": address, "voice_name": "anna", "replica_name": f"Person {number}"}
    return {"replica": replica, "conversation": {"start": "on_ready"}, "idempotency_key": f"{run}-{number}", "metadata": {"order": number}}


def posted(path: str, body: object) -> bytes:
    """The bytes of a POST."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def closed(lines: list[Line], seconds: float, requests: Iterator[bytes], take: Callable[[int, bytes], None]) -> Tally:
    """Every line asks again when it is answered."""
    tally, until = Tally(), time.perf_counter() + seconds

    async def run(line: Line) -> None:
        while (began := time.perf_counter()) < until:
            status, body = await line.ask(next(requests))
            tally.late.append(time.perf_counter() - began)
            tally.statuses[status] += 1
            take(status, body)

    await asyncio.gather(*(run(line) for line in lines))
    return tally


async def opened(lines: list[Line], seconds: float, rate: float, requests: Iterator[bytes]) -> Tally:
    """Requests set off by chance, `rate` a second, over whatever line is free; who finds none waits, and the wait counts."""
    tally, free, chance = Tally(), asyncio.Queue[Line](), random.Random(0)
    for line in lines:
        free.put_nowait(line)

    async def one(moment: float) -> None:
        line = await free.get()
        status, _ = await line.ask(next(requests))
        free.put_nowait(line)
        tally.late.append(time.perf_counter() - moment)
        tally.statuses[status] += 1

    moment, asking = time.perf_counter(), set[asyncio.Task[None]]()
    until = moment + seconds
    while (moment := moment + chance.expovariate(rate)) < until:
        if (wait := moment - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(moment))
        asking.add(task)
        task.add_done_callback(asking.discard)
    await asyncio.gather(*asking)
    return tally


async def _run(given: argparse.Namespace) -> dict[str, object]:
    loop, accepted = asyncio.get_running_loop(), Counter[int]()
    lines = [(await loop.create_connection(Line, "127.0.0.1", given.port))[1] for _ in range(given.lines)]
    numbers = count()
    singles = (posted("/v1/jobs", document(number, given.run)) for number in numbers)
    batches = (_batch(given.run, numbers, given.batch) for _ in count())
    requests: Iterator[bytes] = chain(list(islice(batches, given.prepared)), batches) if given.batch else singles

    def take(status: int, body: bytes) -> None:
        accepted.update([one["status"] for one in json.loads(body)["results"]] if given.batch else [status])

    began, cpu = time.perf_counter(), time.process_time()
    work: Awaitable[Tally]
    work = opened(lines, given.seconds, given.rate, requests) if given.rate else closed(lines, given.seconds, requests, take)
    tally = await work
    took, late = time.perf_counter() - began, sorted(tally.late)
    made = tally.statuses if given.rate else accepted
    return {
        "created": made[201], "others": sum(made.values()) - made[201], "seconds": took, "cpu": time.process_time() - cpu,
        "whole_cpu": time.process_time(),  # with what it did before the clock started
        "p50": late[len(late) // 2], "p99": late[len(late) * 99 // 100], "longest": late[-1],
    }  # fmt: skip


def _batch(run: str, numbers: Iterator[int], size: int) -> bytes:
    return posted("/v1/jobs:batch", {"jobs": [document(next(numbers), run) for _ in range(size)]})


def main() -> None:
    """Put the load on, and print what came of it as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--run", required=True, help="a word that makes keys and addresses this run's own")
    parser.add_argument("--lines", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, help="requests a second, answered or not; without it each line waits for its answer")
    parser.add_argument("--batch", type=int, help="jobs in a request")
    parser.add_argument("--prepared", type=int, default=150, help="batches made before the clock starts")
    given = parser.parse_args()
    sys.stdout.write(json.dumps(uvloop.run(_run(given))) + "\n")


if __name__ == "__main__":
    main()
