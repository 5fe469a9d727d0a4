"""Which Create Replica bodies are refused, and in which words. It looks at the body alone: nothing is fetched and nothing is charged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.sandbox import stock
from tests.sandbox.answers import bad

_URL_FIELDS = ("train_video_url", "train_image_url", "consent_video_url", "callback_url")
_SCHEMES = ("http", "https", "s3")


@dataclass(frozen=True, slots=True)
class Order:
    """A Create Replica body that has passed."""

    url: str
    is_image: bool
    name: str
    model: str
    auto_fix: bool
    callback_url: str | None
    voice: str | None


def order(body: Mapping[str, Any], name_key: str) -> Order:
    """Read a Create Replica body, or 400 with the first thing wrong with it (Tavus, Create Replica, 2026-06).

    Only the text for "neither URL" is documented; the other words are ours. Fields that are not known are ignored.
    """
    for field in _URL_FIELDS:
        _check_url(field, body.get(field))
    image, video = body.get("train_image_url"), body.get("train_video_url")
    if not image and not video:
        raise bad("Either train_video_url or train_image_url must be provided.")
    if image and video:
        raise bad("Only one of train_video_url and train_image_url may be provided.")
    voice = _voice(body, needed=bool(image))
    return Order(
        url=str(image or video),
        is_image=bool(image),
        name=_text(body, name_key) or "",
        model=_model(body),
        auto_fix=_flag(body, "auto_fix_training_image"),
        callback_url=body.get("callback_url") or None,  # the page's own sample sends "", which means none
        voice=voice,
    )


def new_name(body: Mapping[str, Any], name_key: str) -> str:
    """The name of a rename, or 400."""
    name = _text(body, name_key)
    if not name:
        raise bad(f"{name_key} is required.")
    return name


def _check_url(field: str, value: object) -> None:
    if value is None or value == "":
        return
    if not isinstance(value, str) or re.search(r"\s", value):
        raise bad(f"Invalid {field}")
    try:
        value.encode()  # half a surrogate pair is JSON, and no URL
        parts = urlsplit(value)
    except ValueError:
        raise bad(f"Invalid {field}") from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise bad(f"Invalid {field}")


def _voice(body: Mapping[str, Any], *, needed: bool) -> str | None:
    name, own = _text(body, "voice_name"), _text(body, "default_voice_id")
    if name and own:
        raise bad("Only one of voice_name and default_voice_id may be provided.")
    if needed and not name and not own:
        raise bad("voice_name is required when train_image_url is provided.")
    # A voice that is sent with a video is validated all the same (Tavus, Create Replica, 2026-06).
    if name and name.lower() not in stock.VOICES:
        raise bad("Invalid voice_name")
    if own and not re.fullmatch(r"v[0-9a-f]{3,}", own):
        raise bad("Invalid default_voice_id")
    return name or own


def _model(body: Mapping[str, Any]) -> str:
    model = _text(body, "model_name") or stock.DEFAULT_MODEL
    if model not in stock.MODELS:
        raise bad("Invalid model_name")
    if not isinstance(body.get("properties") or {}, Mapping):
        raise bad("Invalid properties")
    return model


def _text(body: Mapping[str, Any], field: str) -> str | None:
    value = body.get(field)
    if value is not None and not isinstance(value, str):
        raise bad(f"Invalid {field}")
    return value


def _flag(body: Mapping[str, Any], field: str) -> bool:
    value = body.get(field, False)
    if not isinstance(value, bool):
        raise bad(f"Invalid {field}")
    return value
