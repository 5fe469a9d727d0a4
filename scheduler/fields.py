"""What a request may say, as pydantic models: Tavus' own Create Replica and Create Conversation fields, and ours around them.

They may not ask anybody anything: what needs the ledger, a clock or a setting is asked in `requests`. Unknown fields are refused, for a misspelt
`participant_absent_timeout` would silently bill. Sources: Tavus, Create Replica and Create Conversation, 2026-06.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from worker.core.request import AutoFix, Start

Name = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=8192)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
"""Visible ASCII, as HTTP headers carry it."""

_RFC_3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$"


def _is_moment(text: str) -> str:
    datetime.fromisoformat(text)  # the form is right, but there need not be such a day
    return text


Moment = Annotated[str, StringConstraints(pattern=_RFC_3339), AfterValidator(_is_moment)]
"""A moment with its zone (RFC 3339), as it was written."""
LONGEST = 7 * 86_400
"""Seconds of a conversation, or of a wait in it: no plan of Tavus' allows what is longer, and much longer is no time at all."""
MOST_TOGETHER = 1000
"""Requests in a batch: a tenth of a second of work, and one transaction."""


class _Strict(BaseModel):
    # Strict: "true" is no boolean. The door is the last place where a mistake costs nothing.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ReplicaProperties(_Strict):
    """Create Replica, `properties`."""

    background_green_screen: bool | None = None
    gaze_correction: bool | None = None


class ReplicaFields(_Strict):
    """Create Replica's body, but for `callback_url`, which is ours."""

    train_image_url: Address | None = None
    train_video_url: Address | None = None
    consent_video_url: Address | None = None
    voice_name: Word | None = None
    default_voice_id: Word | None = None
    replica_name: Name | None = None
    model_name: Literal["phoenix-3", "phoenix-4", "phoenix-4.5"] | None = None
    auto_fix_training_image: bool | None = None
    properties: ReplicaProperties | None = None


class ConversationProperties(_Strict):
    """Create Conversation, `properties`; times in seconds."""

    max_call_duration: Annotated[int, Field(gt=0, le=LONGEST)] | None = None
    participant_left_timeout: Annotated[int, Field(ge=0, le=LONGEST)] | None = None
    participant_absent_timeout: Annotated[int, Field(gt=0, le=LONGEST)] | None = None
    enable_recording: bool | None = None
    enable_closed_captions: bool | None = None
    apply_greenscreen: bool | None = None
    language: Word | None = None
    languages: list[Word] | None = None
    recording_storage: dict[str, Any] | None = None
    recording_s3_bucket_name: Word | None = None
    recording_s3_bucket_region: Word | None = None
    aws_assume_role_arn: Word | None = None


class ConversationFields(_Strict):
    """When the conversation is opened, and Create Conversation's body, but for `replica_id`, which follows from the job."""

    start: Annotated[Start, Field(strict=False)] = Start.ON_READY
    persona_id: Word | None = None
    pal_id: Word | None = None
    conversation_name: Name | None = None
    callback_url: Address | None = None
    conversational_context: Text | None = None
    custom_greeting: Text | None = None
    audio_only: bool | None = None
    memory_stores: list[Word] | None = None
    document_ids: list[Word] | None = None
    document_tags: list[Word] | None = None
    document_retrieval_strategy: Literal["speed", "quality", "balanced"] | None = None
    test_mode: bool | None = None
    require_auth: bool | None = None
    max_participants: Annotated[int, Field(ge=2)] | None = None
    policy: Word | None = None
    properties: ConversationProperties | None = None


class Consent(_Strict):
    """Somebody's word that the person who is seen and heard agrees: who gave it, what it says, and when it was given."""

    affirmed_by: Word
    statement: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    affirmed_at: Moment


class RequestFields(_Strict):
    """The whole request, the same for every way in."""

    replica: ReplicaFields
    conversation: ConversationFields = ConversationFields()
    account: Word | None = None
    auto_fix: Annotated[AutoFix, Field(strict=False)] = AutoFix.NEVER
    priority: Annotated[int, Field(ge=0, le=9)] = 0
    """Higher is sooner; jobs of the same priority go in the order of their due times."""
    notify_url: Address | None = None
    notify_conversation_url: bool = False
    """Whether notifications may hold the conversation's address: whoever reads them can join it."""
    notify_conversation_events: bool = False
    """Whether what Tavus tells of the conversation is passed on: its end, its transcript, its recording."""
    source_url_provider: Address | None = None
    """Asked before each submission for a fresh address of the picture, or of the video where the request names one."""
    consent: Consent | None = None
    idempotency_key: Key | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class BatchFields(_Strict):
    """A batch of them. For the documentation: the door reads each by itself, so that one that is wrong spoils no other."""

    jobs: Annotated[list[RequestFields | Any], Field(max_length=MOST_TOGETHER)]
    """Whatever stands among them and is no request is told so in its place."""
