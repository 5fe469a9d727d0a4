"""Where a worker's processor time went, as `profiled` has written it. It measures nothing."""

import pstats
import sys
from pathlib import Path

_ROWS = 45


class _Terminal:
    """What pstats takes for a file."""

    def write(self, text: str) -> None:
        """Pass it on."""
        sys.stderr.write(text)


def show(path: Path) -> None:
    """Print it twice: by what was called, and by where the time was spent itself."""
    for order in ("cumulative", "tottime"):
        pstats.Stats(str(path), stream=_Terminal()).sort_stats(order).print_stats(_ROWS)  # type: ignore[arg-type] # it only writes
