"""What is wrong with a request, in words that its sender can act on. It may not repeat a secret that came with it."""

from dataclasses import dataclass

from pydantic_core import ErrorDetails
from typing_extensions import override  # typing's own from Python 3.12 on

from worker.redaction import redacted

_OURS = {
    "replica.callback_url": "is set by this system, which watches the training itself; use notify_url to be told",
    "conversation.replica_id": "follows from the job: it is the replica that is trained",
    "conversation.face_id": "follows from the job: it is the replica that is trained",
}
_WORDS = {"extra_forbidden": "is no field of this request", "missing": "is missing"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (`replica.voice_name`), and what, with what to do about it."""

    field: str
    problem: str


class RequestInvalidError(ValueError):
    """The request cannot be done. Nothing was stored."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep every problem."""
        super().__init__(problems)  # so that Celery can pickle it: otherwise Flower would show a ValueError
        self.problems = problems

    @override
    def __str__(self) -> str:
        """Say them all."""
        return "; ".join(f"{problem.field} {problem.problem}" for problem in self.problems)


MOST = 100
"""Problems that are told: nobody reads more, and a body can be made of nothing else."""


def refused(problems: list[Problem]) -> RequestInvalidError:
    """The refusal for these problems, as it may be shown."""
    if len(problems) > MOST:
        problems = [*problems[:MOST], Problem("request", f"has {len(problems) - MOST} problems more")]
    # Whatever was sent may be repeated in what is said about it, and an address may have been sent for anything.
    return RequestInvalidError([Problem(redacted(problem.field), redacted(problem.problem)) for problem in problems])


def problem_of(error: ErrorDetails) -> Problem:
    """What pydantic found, in our words."""
    words = _OURS.get(".".join(map(str, error["loc"]))) or _WORDS.get(error["type"]) or _sentence(error["msg"])
    return Problem(".".join(str(part)[:60] for part in error["loc"]) or "request", words)


def _sentence(message: str) -> str:
    return message.replace("Input should be", "should be").replace("String should", "should").replace("Value error, ", "")
