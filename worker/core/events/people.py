"""What callers and people ask of a job. They may be nothing but values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ConversationRequested:
    """The caller wants the conversation now."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The caller does not want the job any more."""


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """A person has mended what held the job."""


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """A person wants an abandoned job to be tried again. `replica`: its fields anew; None: as they were.

    The fields are stored with the job and not in its story: addresses are in them, and their queries are secrets.
    """

    replica: Mapping[str, Any] | None = field(default=None, repr=False, metadata={"untold": True})


@dataclass(frozen=True, slots=True)
class AbandonRequested:
    """A person gives the held job up."""


@dataclass(frozen=True, slots=True)
class AccountResumed:
    """A person has mended the account that stopped the job."""
