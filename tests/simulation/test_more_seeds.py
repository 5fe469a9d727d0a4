"""In any weather every promise is kept: the second half of the seeds, in a file of its own so that another process may take it."""

import pytest

from tests.simulation.portions import require_kept


@pytest.mark.parametrize("first", [500, 750])
def test_every_promise_is_kept_in_any_weather(first: int) -> None:
    require_kept(first, 250)
