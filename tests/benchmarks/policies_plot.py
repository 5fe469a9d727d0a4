"""Lag against requests, of every policy, as PNG and SVG. It may not measure."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.policies import Outcome

_OURS, _OTHERS, _BATCHED = "#0b6e4f", "#b3400e", "#2a6fb0"
_BATCH = 100


def draw(outcomes: Sequence["Outcome"], dial: Sequence["Outcome"], folder: Path) -> None:
    """Write `policies.png` and `policies.svg` into the folder. On white, with dark words: readable on a dark page too."""
    import matplotlib as mpl  # noqa: PLC0415 - only who draws needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the same

    figure, axes = plt.subplots(figsize=(10, 6.5), facecolor="white", layout="constrained")
    axes.set(xscale="log", yscale="log", xlabel="requests for a replica's training", ylabel="lag, mean, in % of the training time")
    axes.set_title("How soon an end is noticed, and what that costs", color="#222222")
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axes.plot([one.looks for one in dial], [one.mean for one in dial], color=_OURS, linewidth=1.2, label="ours, the dial turned")
    axes.plot(
        [one.looks / _BATCH for one in dial],
        [one.mean for one in dial],
        color=_BATCHED,
        linewidth=1.2,
        label="ours, in full batches of 100",
    )
    # Above and below by turns, so that neighbours' names do not lie over each other.
    for number, one in enumerate(sorted(outcomes, key=lambda one: one.looks)):
        is_ours = one.name.startswith("ours")
        axes.scatter([one.looks], [one.mean], color=_OURS if is_ours else _OTHERS, s=34, zorder=3)
        off = (7, 5) if number % 2 else (7, -12)
        axes.annotate(one.name, (one.looks, one.mean), xytext=off, textcoords="offset points", fontsize=8.5, color="#222222")
        if is_ours:
            axes.scatter([one.looks / _BATCH], [one.mean], facecolors="white", edgecolors=_BATCHED, s=34, zorder=3)
    axes.legend(loc="upper right", frameon=False, labelcolor="#222222")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "policies.png", dpi=150)
    figure.savefig(folder / "policies.svg")
    plt.close(figure)
