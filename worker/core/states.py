"""The nine conditions a job can be in. It may not say how one leads to another: that is the table in `decide`."""

from enum import StrEnum


class State(StrEnum):
    """Where a job is. Conditions, not actions."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    TRAINING = "training"
    READY = "ready"
    OPENING = "opening"
    DONE = "done"
    HELD = "held"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"


FINAL = frozenset({State.DONE, State.ABANDONED, State.CANCELLED})
WATCHED = FINAL | {State.READY}
"""Where nothing more is sent unless somebody asks. Whatever was paid for all the same is looked at to its end."""
FAIR = (State.QUEUED, State.OPENING)
"""Where callers wait for each other: for trainings, and for conversations."""
