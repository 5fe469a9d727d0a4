"""The simulation sees: each classic mistake, put into the product for a while, breaks a promise within a bounded number of seeds."""

import pytest

from tests.simulation.hunt import hunt
from tests.simulation.mutants import MUTANTS, Mutant

_MOST = 600  # seeds; the shyest mutant is seen in less than half as many


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mistake_is_seen(mutant: Mutant) -> None:
    assert hunt(mutant, most=_MOST) is not None, mutant.mistake
