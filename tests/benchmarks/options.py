"""What whoever runs the benchmarks may choose. Data only."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REAL_TYPICAL = 12_600.0
"""Seconds of a usual training: three and a half hours."""


def say(line: str) -> None:
    """Tell the terminal how things go; what is measured goes elsewhere."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Options:
    """One run. None: whatever the benchmark itself takes."""

    out: Path = Path("var/benchmarks")
    jobs: int | None = None
    typical: float | None = None
    """Seconds that stand for the three and a half hours of a usual training."""
    systems: tuple[str, ...] = ()
    """Those alone are measured; without any, all."""
    callback_loss: float | None = None
    outage: float | None = None
    """Seconds for which the broker is away."""
    workers: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of ours, on top."""
    seed: int = 11
    profile: bool = False
    """Also say where our workers' time goes. What it measures is dearer then."""
    say: Callable[[str], None] = say

    def jobs_or(self, usual: int) -> int:
        """How many jobs."""
        return usual if self.jobs is None else self.jobs

    def outage_or(self, usual: float) -> float:
        """For how many seconds the broker is away."""
        return usual if self.outage is None else self.outage

    def typical_or(self, usual: float) -> float:
        """How long a usual training takes, in seconds."""
        return usual if self.typical is None else self.typical
