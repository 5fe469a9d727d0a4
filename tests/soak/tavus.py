"""What goes wrong at Tavus all along, and on which accounts. Data only."""

from tests.benchmarks.vendor import KEY

# The list of an account is read whole wherever a submission was lost. Nobody deletes a trained replica here, and an hour is a minute: over a dozen
# accounts the lists grew to thirty pages in two hours, and whoever read them used up what a minute may have of looks. Now it is ten pages at most.
ACCOUNTS = {"default": KEY} | {f"line{number}": f"key-of-line{number}" for number in range(1, 40)}
FAIL_RATE = 0.05
"""Of the trainings."""
FAULTS: tuple[dict[str, object], ...] = (
    {"kind": "cut", "moment": "before", "rate": 0.01},
    {"kind": "cut", "moment": "after", "rate": 0.01},
    {"kind": "500", "moment": "before", "rate": 0.01},
    {"kind": "500", "moment": "after", "rate": 0.01},
    {"kind": "503", "rate": 0.01},
    {"kind": "garbage", "moment": "after", "rate": 0.005},
    {"kind": "half", "moment": "after", "rate": 0.005},
    {"kind": "slow", "moment": "after", "rate": 0.03, "seconds": 2.0},
    {"kind": "429", "rate": 0.02},
)
"""One answer in nine: what a vendor has in a bad hour, for all the time."""
