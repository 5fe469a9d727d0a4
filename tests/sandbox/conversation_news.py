"""What the vendor tells of a conversation, in its own envelope (Tavus, Webhooks and Callbacks, early 2026). Pure: bodies, and when they are due."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from tests.sandbox.conversation import Conversation
from tests.sandbox.replica import stamp

_SHUTDOWN = "system.shutdown"


def at_the_beginning(conversation: Conversation, now: datetime) -> Iterator[Mapping[str, object]]:
    """The replica has come into the room."""
    yield _said(conversation, "system.replica_joined", {"replica_id": conversation.replica_id}, now)


def at_the_end(conversation: Conversation, now: datetime) -> Iterator[Mapping[str, object]]:
    """It is over, and what there is of it."""
    yield _said(conversation, _SHUTDOWN, {"replica_id": conversation.replica_id, "shutdown_reason": conversation.reason}, now)
    transcript = [
        {"role": "system", "content": "You are a friendly replica."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello! How can I help?"},
    ]
    yield _said(conversation, "application.transcription_ready", {"replica_id": conversation.replica_id, "transcript": transcript}, now)
    if conversation.is_recorded:
        seconds = int((conversation.ends_at - conversation.created_at).total_seconds())
        recording = {"bucket_name": "recordings", "s3_key": f"{conversation.conversation_id}/1", "duration": seconds}
        yield _said(conversation, "application.recording_ready", recording, now)


def _said(conversation: Conversation, event: str, properties: Mapping[str, object], now: datetime) -> Mapping[str, object]:
    return {
        "properties": properties,
        "conversation_id": conversation.conversation_id,
        "webhook_url": conversation.callback_url,
        "event_type": event,
        "message_type": event.partition(".")[0],
        "timestamp": stamp(now),
    }
