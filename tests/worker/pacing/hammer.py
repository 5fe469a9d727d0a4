"""A process that takes permits as fast as it gets them, and writes down when: `python hammer.py URL LIMIT WINDOW SECONDS`. It judges nothing."""

import json
import sys
import threading
import time
from datetime import timedelta

from worker.pacing import shared
from worker.pacing.kinds import Held, Kind, Numbers, Verdict
from worker.pacing.pace import Pace

THREADS = 4


def main(url: str, limit: str, window: str, seconds: str) -> None:
    """Hammer, and print for each call when it was asked for and when it was granted, by the clock that all processes of a host share."""
    shared._SECONDS = 30.0  # a busy host is not an absent Redis
    numbers = Numbers.scaled(timedelta(seconds=float(window)))
    pace, until, calls = Pace(url, lambda _: int(limit), numbers), time.monotonic() + float(seconds), list[tuple[float, float, str]]()

    def work(number: int) -> None:
        kind = (Kind.SUBMIT, Kind.LOOK)[number % 2]
        while time.monotonic() < until:
            asked = time.monotonic()
            ticket = pace.enter("main", kind)
            if isinstance(ticket, Held):
                time.sleep(0.002)
                continue
            calls.append((asked, time.monotonic(), kind.value))
            pace.saw(ticket, Verdict.OK)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(calls))


if __name__ == "__main__":
    main(*sys.argv[1:])
