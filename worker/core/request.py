"""What a caller asked for, as it was let in: frozen values. It may not judge a request; the door has done so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Start(StrEnum):
    """When the conversation is opened. It bills from its creation, so this is the caller's choice."""

    ON_READY = "on_ready"
    ON_DEMAND = "on_demand"
    NONE = "none"


class AutoFix(StrEnum):
    """Whether Tavus' image fixer may be used: it changes the caller's picture, so never unless the caller says so."""

    NEVER = "never"
    ON_REJECTION = "on_rejection"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the caller asked for, already validated. `replica` and `conversation` are Tavus' own fields.

    `notify_conversation_url`: whether notifications may hold the conversation's address, with which anybody can join it.
    `notify_conversation_events`: whether what Tavus tells of the conversation is passed on.
    `source_url_provider`: asked for the source's address before each submission. `consent`: who affirmed which rights, and when.
    """

    replica: Mapping[str, Any] = field(repr=False)  # addresses are in it, and their queries are secrets
    conversation: Mapping[str, Any] = field(default_factory=dict, repr=False)
    start: Start = Start.ON_READY
    auto_fix: AutoFix = AutoFix.NEVER
    notify_url: str | None = field(default=None, repr=False)
    notify_conversation_url: bool = False
    notify_conversation_events: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    source_url_provider: str | None = field(default=None, repr=False)
    consent: Mapping[str, str] | None = field(default=None, repr=False)  # it names a person

    @property
    def source(self) -> str:
        """The field that it is trained from. What a provider gives is a picture, unless the request names a video."""
        is_video = self.image_url is None and (self.source_url_provider is None or "train_video_url" in self.replica)
        return "train_video_url" if is_video else "train_image_url"

    @property
    def uses_fixer(self) -> bool:
        """Whether Tavus' image fixer is used from the first submission on."""
        return self.auto_fix is AutoFix.ALWAYS or bool(self.replica.get("auto_fix_training_image"))

    @property
    def model(self) -> str:
        """The Phoenix model, pinned when the request was validated."""
        return str(self.replica.get("model_name", ""))

    @property
    def image_url(self) -> str | None:
        """The headshot's address; None when the replica is trained from a video."""
        return self.replica.get("train_image_url")
