"""Which fault strikes whom, when and for how long: drawn from a seed. It does nothing itself."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from tests.chaos.faults import Kind

_APART = 1.5  # seconds between two faults of one part: it should have been there in between
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault to come; times are seconds from the start."""

    kind: Kind
    on: str
    begins: float
    ends: float


def draw(seed: int, kinds: Sequence[Kind], count: int, span: float) -> list[Fault]:
    """So many faults within `span` seconds, each kind at least once, in the order of their beginnings. Raises ValueError without room for them."""
    chance = random.Random(f"{seed}/chaos")
    for _ in range(_TRIES):
        busy: defaultdict[str, list[Fault]] = defaultdict(list)
        # The long ones first, while there is room for them.
        if all(_place(chance, kind, busy, span) for kind in sorted(kinds, key=lambda kind: -kind.lasts[1])):
            more = (_place(chance, kind, busy, span) for kind in chance.choices(kinds, [kind.weight for kind in kinds], k=count * _TRIES))
            left = max(count - len(kinds), 0)
            if sum(1 for _ in islice(filter(None, more), left)) == left:
                return sorted((fault for faults in busy.values() for fault in faults), key=lambda fault: fault.begins)
    message = f"{span:g} s are too short for {count} faults of {len(kinds)} kinds"
    raise ValueError(message)


def _place(chance: random.Random, kind: Kind, busy: dict[str, list[Fault]], span: float) -> bool:
    """Whether there was room for one more of that kind, which it has now."""
    for _ in range(_TRIES):
        on, lasts = chance.choice(kind.on), chance.uniform(*kind.lasts)
        begins = chance.uniform(0, max(span - lasts, 0))
        if begins + lasts <= span and all(begins > other.ends + _APART or begins + lasts + _APART < other.begins for other in busy[on]):
            busy[on].append(Fault(kind, on, begins, begins + lasts))
            return True
    return False
