"""Puts a mutant in and lives seeds until an oracle sees it. It may not help the oracle: only promises count, no exception."""

from dataclasses import dataclass

from tests.simulation.mutants import Mutant
from tests.simulation.pipeline import of_seed

_MOST = 1000  # seeds
_NO_PROMISES = {"raised", "complained", "no rest", "permit kept"}
"""An engine that stumbles over a mutant has not been seen to break a promise."""


@dataclass(frozen=True, slots=True)
class Caught:
    """Where a mutant was seen."""

    seed: int
    wrong: str


def hunt(mutant: Mutant, first: int = 0, most: int = _MOST) -> Caught | None:
    """The first seed in which the mutant breaks a promise; None when it lives through all of them."""
    with mutant.put_in():
        for seed in range(first, first + most):
            for wrong in of_seed(seed, mutant.ledger).wrongs:
                if wrong.split(":", 1)[0] not in _NO_PROMISES:
                    return Caught(seed, wrong)
    return None
