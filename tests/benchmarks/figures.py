"""What a benchmark measured, as one table and as JSON. It may not measure, and it never hides a figure that missed its aim."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `bench`: which benchmark; `of`: which system it belongs to; `most` and `least`: the aim, where there is one."""

    bench: str
    what: str
    value: float
    unit: str
    of: str = "ours"
    most: float | None = None
    least: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is met; None without one."""
        if self.most is None and self.least is None:
            return None
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def aim(self) -> str:
        """The aim in words."""
        bounds = (("at most", self.most), ("at least", self.least))
        return ", ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print one table."""
    table = Table("benchmark", "figure", "of", "value", "unit", "aim", "met")
    for one in figures:
        met = {None: "", True: "yes", False: "no"}[one.is_met]
        table.add_row(one.bench, one.what, one.of, f"{one.value:,.4g}", one.unit, one.aim, met)
    console.print(table)


def write(figures: Iterable[Figure], path: Path) -> None:
    """Write them as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) | {"met": one.is_met} for one in figures], indent=1) + "\n")
