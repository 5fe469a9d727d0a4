"""What a sweep costs against how many rows there are, as PNG and SVG. It may not measure."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.ledger import Sweeps

_IDLE, _CLAIMS = "#2a6fb0", "#0b6e4f"


def draw(measured: Sequence["Sweeps"], folder: Path) -> None:
    """Write `ledger.png` and `ledger.svg` into the folder. On white, with dark words: readable on a dark page too."""
    import matplotlib as mpl  # noqa: PLC0415 - only who draws needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the same

    figure, axes = plt.subplots(figsize=(10, 6.5), facecolor="white", layout="constrained")
    rows = [one.rows for one in measured]
    axes.set(xscale="log", yscale="log", xlabel="rows in training, on PostgreSQL", ylabel="milliseconds")
    axes.set_title("A sweep costs what is due, and not what exists", color="#222222")
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    for label, color, times in (
        (f"claims {measured[-1].due:,} due rows", _CLAIMS, [one.claims * 1000 for one in measured]),
        ("finds nothing due", _IDLE, [one.idle * 1000 for one in measured]),
    ):
        axes.plot(rows, times, color=color, linewidth=1.2, marker="o", markersize=6, label=label)
        for at, taken in zip(rows, times, strict=True):
            axes.annotate(f"{taken:,.3g} ms", (at, taken), xytext=(7, 7), textcoords="offset points", fontsize=8.5, color="#222222")
    axes.set_xticks(rows, [f"{one:,}" for one in rows])
    axes.minorticks_off()
    axes.margins(0.12)
    axes.set_ylim(bottom=min(one.idle for one in measured) * 1000 / 5, top=max(one.claims for one in measured) * 1000 * 5)
    axes.legend(loc="center right", frameon=False, labelcolor="#222222")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "ledger.png", dpi=150)
    figure.savefig(folder / "ledger.svg")
    plt.close(figure)
