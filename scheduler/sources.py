"""What is wrong with what a request says of its input, and of whoever affirms the rights to it. It may not look at the input, nor ask anybody."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

SOURCES = ("train_image_url", "train_video_url")
_SKEW = timedelta(minutes=5)  # between the caller's clock and ours
_AFFIRM = "say who affirms the rights to this picture or video (affirmed_by, statement, affirmed_at)"


def source_problems(replica: Mapping[str, Any], *, has_provider: bool) -> Iterator[tuple[str, str]]:
    """Fields, and what is wrong with them, where one source is not what the request has. `has_provider`: somebody gives its address later."""
    image, video = (replica.get(name) is not None for name in SOURCES)
    if image and video:
        yield "replica", "names both train_image_url and train_video_url: send one of the two"
    if not image and not video and not has_provider:
        yield "replica", "names neither train_image_url nor train_video_url: send one of the two"
    if (image or (has_provider and not video)) and replica.get("consent_video_url"):
        yield "replica.consent_video_url", "is for training from a video; leave it out with train_image_url"
    if video and replica.get("auto_fix_training_image"):
        yield "replica.auto_fix_training_image", "is for training from a picture; leave it out with train_video_url"


def consent_problems(consent: object, now: datetime) -> Iterator[tuple[str, str]]:
    """The same of an affirmation that is there, or should be."""
    if consent is None:
        yield "consent", f"is missing: {_AFFIRM}"
    when = consent.get("affirmed_at") if isinstance(consent, Mapping) else None
    moment = _moment(when) if isinstance(when, str) else None
    if moment is not None and moment > now + _SKEW:
        yield "consent.affirmed_at", "lies in the future"


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None  # the fields say what is wrong with it
    return moment if moment.tzinfo is not None else None
