"""Tavus' callbacks: stored as they come, and read later, by the sweep. They may not be believed: anybody could have written them, so a look follows.

What is kept of one is bounded. Of a training it is which replica it names. Of a conversation each known sort of word is kept once, with a transcript
as far as it is short: a longer one stays at Tavus (GET /v2/conversations/{id}?verbose=true), and only its length is kept.
"""

import json
from collections.abc import Mapping
from typing import Any

import structlog

from worker.assembly import Parts
from worker.core import events
from worker.core.events import Event
from worker.core.job import ConversationId, ReplicaId
from worker.core.visiting import SHUTDOWN
from worker.counted import About as Subject
from worker.store.database import UNREACHABLE
from worker.store.inbox import Letter, New
from worker.tavus.callbacks import About
from worker.tavus.wire import conversation_of, parsed, replica_of, shown

TRAINING = "training"
_TRANSCRIPT, _RECORDING = "application.transcription_ready", "application.recording_ready"
# Tavus, Webhooks and Callbacks, 2026-02; `pal_joined` comes beside `replica_joined` since the renaming.
_KINDS = frozenset({
    SHUTDOWN, _TRANSCRIPT, _RECORDING, "system.replica_joined", "system.pal_joined", "application.recording_copy_failed",
    "application.perception_analysis", "application.post_call_action_executed",
})  # fmt: skip
_OTHER = "other"  # a sort of word that nobody knows: kept once too, so that no number of them fills the ledger
_KEPT = 32 * 1024  # bytes of a body that are kept: a conversation of some ten minutes, word for word
_PLAIN = ("shutdown_reason", "bucket_name", "s3_key", "duration")
_MOST = 500  # letters that are read in one sweep: a second of work
_READING = 0.3  # of a lease: whoever asks Tavus about conversations stops then, and leaves the others to the next sweep

log = structlog.get_logger("inbox")


def receive(parts: Parts, about: About, content: bytes) -> bool:
    """Keep what was said. False when we have nobody whom it could be about."""
    document = parsed(content)
    letter = _of_training(about, document) if about.job_id is None else _of_conversation(about, document)
    is_ours = parts.ledger.keep_letter(letter, parts.engine.clock())
    if is_ours:
        parts.counts.called_back(Subject.TRAINING if about.job_id is None else Subject.CONVERSATION)
    return is_ours


def _of_training(about: About, document: object) -> New:
    named = replica_of(document)
    return New(mark=about.mark, kind=TRAINING, body={"replica_id": named.id} if named else {})


def _of_conversation(about: About, document: object) -> New:
    given = document if isinstance(document, Mapping) else {}
    kind = given.get("event_type")
    known = kind if isinstance(kind, str) and kind in _KINDS else _OTHER
    named = conversation_of(document)
    body = {"conversation_id": named.id if named else None, **_summary_and_all(given.get("properties"))}
    return New(mark=about.mark, kind=known, body=body, job_id=about.job_id, once=True)


def _summary_and_all(properties: object) -> dict[str, Any]:
    """A few plain values for the story; and all of it, where it is short."""
    given = properties if isinstance(properties, Mapping) else {}
    told = [f"{name} {shown(str(given[name]))}" for name in _PLAIN if isinstance(given.get(name), str | int | float)]
    length = len(json.dumps(given))
    if isinstance(transcript := given.get("transcript"), list):
        told.append(f"{len(transcript)} turns, {length} bytes")
    return {"summary": ", ".join(told), "properties": dict(given) if length <= _KEPT else None}


def read_trainings(parts: Parts) -> None:
    """Let the hints about trainings take effect: each makes its job due now."""
    _read(parts, of_trainings=True)


def read_conversations(parts: Parts) -> None:
    """Let what was said of conversations take effect: it becomes part of the story, and an end is asked about."""
    _read(parts, of_trainings=False)


def _read(parts: Parts, *, of_trainings: bool) -> None:
    began = parts.engine.clock()
    lease = parts.settings.lease
    done: list[Letter] = []
    for letter in parts.ledger.take_letters(began, lease, _MOST, of_trainings=of_trainings):
        if parts.engine.clock() - began > lease * _READING:
            break  # they come back when the lease is over
        if not _is_heard(parts, letter):
            continue
        if of_trainings:
            done.append(letter)
        else:  # at once: a word that is heard again would be told to its caller again
            parts.ledger.letters_read([letter])
    if done:
        parts.ledger.letters_read(done)


def _is_heard(parts: Parts, letter: Letter) -> bool:
    """Tell the job. What cannot be read is named, and its letter comes back; others must not wait for it."""
    if letter.body is None:
        log.error("a callback is sealed under a key that this process does not have", job_id=letter.job_id, kind=letter.kind)
        return False
    try:
        parts.engine.tell(letter.job_id, _event(letter, letter.body))
    except UNREACHABLE:
        raise
    except Exception:
        log.exception("a callback could not be taken in", job_id=letter.job_id, kind=letter.kind)
        return False
    return True


def _event(letter: Letter, body: Mapping[str, Any]) -> Event:
    if letter.kind == TRAINING:
        replica_id = body.get("replica_id")
        return events.CallbackReceived(letter.mark, ReplicaId(replica_id) if replica_id else None)
    talk = body.get("conversation_id")
    return events.ConversationTold(
        letter.mark, letter.kind, ConversationId(talk) if talk else None, body.get("summary") or "", body.get("properties")
    )
