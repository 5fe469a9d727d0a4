"""Every enumerated bad request, by what is wrong with it, and the fields that the answer must name. Data only."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.scheduler.made import CONSENT, PICTURE, SECRET, a_replica, a_request

VIDEO = f"https://videos.example/ann.mp4?sig={SECRET}"
Case = tuple[Any, set[str]]


def _expiring(hours: float) -> str:
    signed = datetime.now(UTC) - timedelta(hours=1)
    query = f"X-Amz-Date={signed:%Y%m%dT%H%M%SZ}&X-Amz-Expires={int((hours + 1) * 3600)}&X-Amz-Signature={SECRET}"
    return f"https://bucket.s3.example/ann.jpg?{query}"


def _image(address: object) -> Case:
    return a_replica(train_image_url=address), {"replica.train_image_url"}


def _beside(field: str, **changes: Any) -> Case:  # noqa: ANN401 - any field, right or wrong
    return a_request(**changes), {field}


def _consent(**changes: Any) -> Case:  # noqa: ANN401 - the same
    [field] = changes
    consent = {name: value for name, value in (CONSENT | changes).items() if value is not None}
    return a_request(consent=consent), {f"consent.{field}"}


def _deep(levels: int) -> dict[str, Any]:
    return {"deeper": _deep(levels - 1)} if levels else {}


_SOURCES: dict[str, Case] = {
    "both urls": (a_replica(train_video_url=VIDEO), {"replica"}),
    "neither url": (a_replica(train_image_url=None), {"replica"}),
    "an empty request": ({}, {"replica"}),
    "no voice": (a_replica(voice_name=None), {"replica.voice_name"}),
    "an unknown voice": (a_replica(voice_name="nobody"), {"replica.voice_name"}),
    "two voices": (a_replica(default_voice_id="v1"), {"replica.default_voice_id"}),
    "consent beside a picture": (a_replica(consent_video_url=VIDEO), {"replica.consent_video_url"}),
    "fixer beside a video": (
        a_replica(train_image_url=None, voice_name=None, train_video_url=VIDEO, auto_fix_training_image=True),
        {"replica.auto_fix_training_image"},
    ),
}

_ADDRESSES: dict[str, Case] = {
    "no scheme": _image(f"pictures.example/ann.jpg?token={SECRET}"),
    "ftp": _image(f"ftp://pictures.example/ann.jpg?token={SECRET}"),
    "spaces": _image(f"https://pictures.example/ann 1.jpg?token={SECRET}"),
    "no host": _image(f"https:///ann.jpg?token={SECRET}"),
    "a password": _image(f"https://ann:{SECRET}@pictures.example/ann.jpg"),
    "http": _image(f"http://pictures.example/ann.jpg?token={SECRET}"),
    "loopback": _image(f"https://127.0.0.1/ann.jpg?token={SECRET}"),
    "loopback of IPv6": _image(f"https://[::1]/ann.jpg?token={SECRET}"),
    "a private network": _image(f"https://10.0.0.7/ann.jpg?token={SECRET}"),
    "link-local": _image(f"https://169.254.169.254/latest?token={SECRET}"),
    "a port that does not exist": _image(f"https://pictures.example:99999/ann.jpg?token={SECRET}"),
    "too long an address": _image(f"https://pictures.example/{'a' * 9000}.jpg?token={SECRET}"),
    "an empty address": _image(""),
    "expires too soon": _image(_expiring(2)),
    "expired": _image(_expiring(-0.5)),
    "an expiry that cannot be read": _image(f"https://bucket.s3.example/ann.jpg?X-Amz-Expires=soon&X-Amz-Signature={SECRET}"),
    "a bad video": (a_replica(train_image_url=None, train_video_url="ftp://videos.example/a"), {"replica.train_video_url"}),
    "a bad consent": (
        a_replica(train_image_url=None, train_video_url=VIDEO, consent_video_url="videos.example/a"),
        {"replica.consent_video_url"},
    ),
    "a bad notify_url": _beside("notify_url", notify_url=f"http://127.0.0.1/told?token={SECRET}"),
    "a bad provider": _beside("source_url_provider", source_url_provider=f"http://127.0.0.1/sign?token={SECRET}"),
    "a bad callback of the conversation": _beside("conversation.callback_url", conversation={"callback_url": f"there?token={SECRET}"}),
}

_FIELDS: dict[str, Case] = {
    "an unknown field": _beside("urgent", urgent=True),
    "the conversation's address for nobody": _beside("notify_conversation_url", notify_conversation_url=True),
    "the conversation's events for nobody": _beside("notify_conversation_events", notify_conversation_events=True),
    "an unknown field of the replica": (a_replica(train_picture=PICTURE), {"replica.train_picture"}),
    "an unknown field of the replica's properties": (a_replica(properties={"green": True}), {"replica.properties.green"}),
    "an unknown field of the conversation": _beside("conversation.persona", conversation={"persona": "p1"}),
    "an unknown field of the conversation's properties": _beside(
        "conversation.properties.absent_timeout", conversation={"properties": {"absent_timeout": 5}}
    ),
    "our callback_url": (a_replica(callback_url=PICTURE), {"replica.callback_url"}),
    "our replica_id": _beside("conversation.replica_id", conversation={"replica_id": "r1"}),
    "our face_id": _beside("conversation.face_id", conversation={"face_id": "r1"}),
    "an unknown model": (a_replica(model_name="phoenix-9"), {"replica.model_name"}),
    "an unknown account": _beside("account", account="nobody"),
    "priority too high": _beside("priority", priority=10),
    "priority too low": _beside("priority", priority=-1),
    "priority of a text": _beside("priority", priority="1"),
    "priority of a fraction": _beside("priority", priority=1.5),
    "priority of a truth": _beside("priority", priority=True),
    "a bad start": _beside("conversation.start", conversation={"start": "later"}),
    "a start of a number": _beside("conversation.start", conversation={"start": 1}),
    "a bad auto_fix": _beside("auto_fix", auto_fix="sometimes"),
    "none with a conversation": _beside("conversation.start", conversation={"start": "none", "persona_id": "p1"}),
    "metadata too large": _beside("metadata", metadata={"note": "x" * 20_000}),
    "metadata of a list": _beside("metadata", metadata=["note"]),
    "metadata too deep": _beside(f"metadata{'.deeper' * 31}", metadata=_deep(700)),
    "half a character": _beside("metadata.note", metadata={"note": "\ud800"}),
    "a NUL": _beside("metadata.note", metadata={"note": "\x00"}),
    "no number": _beside("metadata.note", metadata={"note": float("nan")}),
    "an account of half a character": _beside("account", account="\ud800"),
    "a replica of a text": _beside("replica", replica=PICTURE),
    "an address of a number": _image(7),
    "a name of a list": (a_replica(replica_name=["Ann"]), {"replica.replica_name"}),
    "a name too long": (a_replica(replica_name="A" * 201), {"replica.replica_name"}),
    "a truth of a text": (a_replica(properties={"gaze_correction": "true"}), {"replica.properties.gaze_correction"}),
    "seconds of a text": _beside("conversation.properties.max_call_duration", conversation={"properties": {"max_call_duration": "60"}}),
    "seconds below zero": _beside("conversation.properties.max_call_duration", conversation={"properties": {"max_call_duration": -1}}),
    "a conversation of nothing": _beside("conversation", conversation=None),
    "a key with a space": _beside("idempotency_key", idempotency_key="key 1"),
    "a key that is not ASCII": _beside("idempotency_key", idempotency_key="kéy"),
    "a key too long": _beside("idempotency_key", idempotency_key="k" * 256),
    "an empty key": _beside("idempotency_key", idempotency_key=""),
    "a key of a list": _beside("idempotency_key", idempotency_key=["key"]),
    "a consent without its words": _consent(statement=None),
    "a consent of nobody": _consent(affirmed_by=None),
    "a consent of a text": _beside("consent", consent="yes"),
    "a consent at no time": _consent(affirmed_at=None),
    "a consent at a time without a zone": _consent(affirmed_at="2026-01-31T10:00:00"),
    "a consent on no day": _consent(affirmed_at="2026-02-30T10:00:00Z"),
    "a consent at a number": _consent(affirmed_at=1_700_000_000),
    "a consent of tomorrow": _consent(affirmed_at=f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"),
    "an address for a voice": (a_replica(voice_name=PICTURE), {"replica.voice_name"}),
    "an address for an account": _beside("account", account=PICTURE),
    "an address for a model": (a_replica(model_name=PICTURE), {"replica.model_name"}),
    "an address for a field": (a_replica(**{PICTURE: True}), {"replica.https://pictures.example/ann.jpg"}),
}

_MANY: dict[str, Case] = {
    "everything at once": (
        {
            "replica": {
                "train_image_url": "ftp://pictures.example/ann.jpg",
                "train_video_url": "https://127.0.0.1/ann.mp4",
                "voice_name": "nobody",
                "default_voice_id": "v1",
                "model_name": "phoenix-9",
                "callback_url": PICTURE,
            },
            "conversation": {"start": "none", "replica_id": "r1"},
            "account": "studio",
            "priority": 11,
            "notify_url": "ftp://told.example",
            "idempotency_key": "a key",
            "metadata": {"note": "x" * 20_000},
            "urgent": True,
        },
        {
            "replica", "replica.train_image_url", "replica.train_video_url", "replica.voice_name", "replica.default_voice_id",
            "replica.model_name", "replica.callback_url", "conversation.start", "conversation.replica_id", "priority", "notify_url",
            "idempotency_key", "metadata", "urgent",
        },
    ),
}  # fmt: skip

BAD = _SOURCES | _ADDRESSES | _FIELDS | _MANY
"""For a door that knows the accounts `default` and `studio`, and of both the voice `anna`."""
