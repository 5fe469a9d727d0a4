"""What an audit finds, as values. It may not look for anything."""

from dataclasses import dataclass

CHECKS = (
    "readable", "next look", "paid once", "one owner", "refund", "attempts", "state", "story", "known replicas", "remote",
)  # fmt: skip
"""Every check there is: a number that is first seen with something in it has never grown, to Prometheus."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should hold and does not: which check, of what (a job's id, a replica's), and what is wrong, in a sentence."""

    check: str
    subject: str
    problem: str
