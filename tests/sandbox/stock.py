"""The voices and the stock replicas that every account sees. Data only."""

import hashlib
from datetime import UTC, datetime

_NAMES = ("benjamin", "james", "liam", "anna", "julia", "ivy", "daniel", "lucas", "nathan", "charlie", "gloria", "rose", "mary", "olivia")
TAGS = frozenset({"english"})
"""Of every voice."""
MODELS = ("phoenix-3", "phoenix-4", "phoenix-4.5")
DEFAULT_MODEL = "phoenix-4"
SINCE = datetime(2025, 1, 1, tzinfo=UTC)


def _stock_id(name: str) -> str:
    return "r" + hashlib.sha256(name.encode()).hexdigest()[:11]


VOICES: dict[str, dict[str, object]] = {
    name: {
        "voice_name": name,
        "replica_id": _stock_id(name),
        "audio_url": f"https://cdn.replica.tavus.io/voices/{name}.mp3",
        "tags": [{"tag_name": tag} for tag in sorted(TAGS)],
    }
    for name in _NAMES
}
"""By slug, in lower case; a request may write the name in any case (Tavus, Create Replica, 2026-06)."""

STOCK: dict[str, str] = {_stock_id(name): name.capitalize() for name in _NAMES[:6]}
"""Stock replicas, id to name: they are in every account's list unless it asks for replica_type=user."""
