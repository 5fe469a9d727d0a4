"""Carries a plan out, moment by moment, and writes down what was done when. It draws nothing and judges nothing."""

import heapq
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count

from tests.chaos.ground import Ground
from tests.chaos.plan import Fault

Say = Callable[[str], None]
_LATER_SECONDS = 0.5


def conduct(ground: Ground, faults: Sequence[Fault], say: Say) -> Counter[str]:
    """Inflict every fault, and end it in its time; when this returns all are over. How many there were of each kind."""
    done: Counter[str] = Counter()
    struck: set[str] = set()
    began, order = time.monotonic(), count()
    moments = [(fault.begins, next(order), fault, False) for fault in faults]
    heapq.heapify(moments)
    while moments:
        at, _, fault, is_end = heapq.heappop(moments)
        while (left := began + at - time.monotonic()) > 0:
            time.sleep(min(left, _LATER_SECONDS))
            for name in ground.raise_the_dead():
                say(f"{time.monotonic() - began:6.1f} s  {name} ended by itself, and is started again")
        if is_end:
            fault.kind.end(ground, fault.on)
            struck.discard(fault.on)
            continue
        if fault.on in struck:  # a start took longer than the plan knew, and the fault before this one is not over
            heapq.heappush(moments, (at + _LATER_SECONDS, next(order), fault, False))
            continue
        struck.add(fault.on)
        say(f"{time.monotonic() - began:6.1f} s  {fault.on}: {fault.kind.name}, for {fault.ends - fault.begins:.1f} s")
        fault.kind.begin(ground, fault.on)
        done[fault.kind.name] += 1
        # From now, and not from when it was planned: a start takes its time, and a fault lasts as long as was meant.
        heapq.heappush(moments, (time.monotonic() - began + fault.ends - fault.begins, next(order), fault, True))
    return done
