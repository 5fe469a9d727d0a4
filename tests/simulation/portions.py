"""Seeds in portions for tests, so that several processes share them. It asserts nothing but that every promise was kept."""

from tests.simulation.ledgers import MEMORY, SQLITE
from tests.simulation.pipeline import of_seed

_EVERY = 100  # one seed in so many is lived over SQLite


def require_kept(first: int, count: int) -> None:
    """Every promise is kept in these seeds. Fails with the first that is broken, and how to see its story."""
    for seed in range(first, first + count):
        kind = SQLITE if seed % _EVERY == 0 else MEMORY
        wrongs = of_seed(seed, kind).wrongs
        assert not wrongs, f"{wrongs[0]}\nreplay: python -m tests.simulation --seed {seed} --ledger {kind}"
