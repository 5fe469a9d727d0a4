"""In any weather every promise is kept: the first half of the seeds. See `python -m tests.simulation` for as many more as one likes."""

import pytest

from tests.simulation.portions import require_kept


@pytest.mark.parametrize("first", [0, 250])
def test_every_promise_is_kept_in_any_weather(first: int) -> None:
    require_kept(first, 250)
