"""The faults of Tavus itself, all along. Data only."""

from typing import Any

Faults = list[dict[str, Any]]


def faults(*, seconds: float) -> Faults:
    """Lines cut before and after the work, late errors, silence, nonsense, and no: a quarter of all answers.

    `seconds`: of silence, longer than any call waits.
    """
    return [
        {"kind": "cut", "moment": "before", "rate": 0.05},
        {"kind": "cut", "moment": "after", "rate": 0.05},
        {"kind": "500", "moment": "after", "rate": 0.05},
        {"kind": "hang", "moment": "after", "rate": 0.02, "seconds": seconds},
        {"kind": "garbage", "moment": "after", "rate": 0.02},
        {"kind": "429", "rate": 0.05},
        {"kind": "503", "rate": 0.05},
    ]
