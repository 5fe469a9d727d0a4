"""Rows to the core's values and back. It may not query: it only translates."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import Any

from worker.core.failures import Failure
from worker.core.job import Attempt, Conversation, ConversationId, Deletion, Job, Lost, Mark, Outcome, ReplicaId, Terms
from worker.core.learned import subject_of
from worker.core.request import AutoFix, Request, Start
from worker.core.states import State
from worker.core.values import Maker
from worker.store.sealing import UNSEALED, Sealer

_PLAIN = (
    "account", "caller", "created_at", "version", "due_at", "priority", "idempotency_key", "conversation_wanted", "cancel_requested",
    "tries", "trying_since", "scans", "missing_since", "watched_since", "progress", "detail", "patient_from",
    "visited_at",
)  # fmt: skip

_REQUEST = tuple(one.name for one in fields(Request))
# Workers of the version before know none of these, and could not read a request that has them: they are stored where they say something.
_LATER = {
    one.name: one.default
    for one in fields(Request)
    if one.name in {"notify_conversation_url", "notify_conversation_events", "source_url_provider", "consent"}
}
_request = attrgetter(*_REQUEST)  # asked at every door, and `fields` of each request takes longer than the rest
_ATTEMPT = tuple(one.name for one in fields(Attempt) if one.name not in {"deletion", "strays"})

_JOBS, _ATTEMPTS = Maker(Job), Maker(Attempt)
# An enumeration looks a value up in a microsecond, and jobs are read by the thousand; what is none raises ValueError here too.
_state, _failure, _outcome, _start, _auto_fix = cache(State), cache(Failure), cache(Outcome), cache(Start), cache(AutoFix)

# PostgreSQL keeps neither NUL nor half a surrogate pair in text, nor a number that is none in JSON; SQLite keeps them all.
_UNKEPT = re.compile("[\x00\ud800-\udfff]")
_KEPT = frozenset({type(None), bool, int, datetime})


def storable(value: Any) -> Any:  # noqa: ANN401 - any column, and anything in a document
    """The value with what not every database keeps put right, at any depth.

    Much of what is stored are words of others (an error's text, a caller's metadata): no word may make a row that cannot be written.
    """
    kind = type(value)
    # Most of all there is, and asked for some hundred times a job.
    if kind in _KEPT or (kind is str and value.isascii() and "\x00" not in value):
        return value
    match value:
        case str():
            return _UNKEPT.sub("\N{REPLACEMENT CHARACTER}", value)
        case Mapping():
            return {storable(key): storable(held) for key, held in value.items()}
        case list() | tuple():
            return [storable(held) for held in value]
        case float() if not isfinite(value):
            return None
        case _:
            return value


def job_from(row: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]], terms: Terms, sealer: Sealer = UNSEALED) -> Job:
    """The job of a row of `job` and its rows of `attempt`, in order, under its account's terms."""
    return _JOBS.made(
        {
            **row,
            "state": _state(row["state"]),
            "request": request_from(sealer.open_document(row["request"])),
            "terms": terms,
            "attempts": tuple([attempt_from(attempt) for attempt in attempts]),
            "conversation": _conversation_from(row, sealer),
            "openings": tuple(datetime.fromisoformat(one) for one in row["openings"].split(",")) if row["openings"] else (),
            "failure": _failure(row["failure"]) if row["failure"] else None,
            "release_to": _state(row["release_to"]) if row["release_to"] else None,
            "written_at": row["updated_at"],
        }
    )


def columns_of(job: Job) -> dict[str, Any]:
    """The columns of `job` that a decision may change."""
    conversation = job.conversation
    changing = {
        name: getattr(job, name) for name in _PLAIN if name not in {"account", "caller", "created_at", "version", "idempotency_key"}
    }
    return changing | {
        "state": job.state.value,
        "failure": job.failure and job.failure.value,
        "release_to": job.release_to and job.release_to.value,
        "conversation_mark": conversation and conversation.mark,
        "conversation_intended_at": conversation and conversation.intended_at,
        "conversation_id": conversation and conversation.id,
        "conversation_url": conversation and conversation.url,
        "conversation_lost": conversation.lost if conversation else 0,
        "conversation_end_due_at": conversation and conversation.end_due_at,
        "conversation_ended_at": conversation and conversation.ended_at,
        "conversation_opened_at": conversation and conversation.opened_at,
        "conversation_admission": conversation and conversation.admission,
        "openings": ",".join(one.isoformat() for one in job.openings) or None,
    }


def request_from(document: Mapping[str, Any]) -> Request:
    """The request that a document of `document_of` holds."""
    return Request(**{**document, "start": _start(document["start"]), "auto_fix": _auto_fix(document["auto_fix"])})


def document_of(request: Request) -> dict[str, Any]:
    """The request as JSON."""
    values = zip(_REQUEST, _request(request), strict=True)
    return {name: value for name, value in values if name not in _LATER or value != _LATER[name]}


def terms_from(row: Mapping[str, Any]) -> Terms:
    """The terms of a row of `account`."""
    return Terms(
        lost=Lost(row["lost"]) if row["lost"] else Lost.RESUBMIT,
        max_trainings_a_month=row["max_trainings_a_month"],
        max_in_flight=row["max_in_flight"],
        retry_after_refund=row["retry_after_refund"],
        price=Decimal(row["price"]) if row["price"] else None,
        requests_a_minute=row.get("requests_a_minute"),  # rules that were kept before there was one do not name it
    )


def terms_columns(terms: Terms) -> dict[str, Any]:
    """The columns of an account that hold its terms."""
    return asdict(terms) | {"lost": terms.lost.value, "price": None if terms.price is None else str(terms.price)}


def attempt_columns(job: Job, attempt: Attempt) -> dict[str, Any]:
    """All columns of an attempt."""
    deletion = attempt.deletion
    plain = {name: getattr(attempt, name) for name in _ATTEMPT}
    return plain | {
        "job_id": job.id,
        "account": job.account,
        "subject": subject_of(job.request),
        "outcome": attempt.outcome.value,
        "failure": attempt.failure and attempt.failure.value,
        "delete_due_at": deletion and deletion.due_at,
        "delete_hard": deletion.hard if deletion else False,
        "delete_confirmed_at": deletion and deletion.confirmed_at,
        "strays": ",".join(attempt.strays) or None,
    }


def attempt_from(row: Mapping[str, Any]) -> Attempt:
    """The attempt of a row."""
    return _ATTEMPTS.made(
        {
            **row,
            "outcome": _outcome(row["outcome"]),
            "failure": _failure(row["failure"]) if row["failure"] else None,
            "deletion": _deletion_from(row),
            "strays": tuple(ReplicaId(one) for one in row["strays"].split(",")) if row["strays"] else (),
        }
    )


def _deletion_from(row: Mapping[str, Any]) -> Deletion | None:
    if row["delete_due_at"] is None:
        return None
    return Deletion(due_at=row["delete_due_at"], hard=row["delete_hard"], confirmed_at=row["delete_confirmed_at"])


def _conversation_from(row: Mapping[str, Any], sealer: Sealer) -> Conversation | None:
    if row["conversation_mark"] is None:
        return None
    return Conversation(
        mark=Mark(row["conversation_mark"]),
        intended_at=row["conversation_intended_at"],
        id=ConversationId(row["conversation_id"]) if row["conversation_id"] else None,
        url=sealer.open(row["conversation_url"]) if row["conversation_url"] else row["conversation_url"],
        lost=row["conversation_lost"],
        end_due_at=row["conversation_end_due_at"],
        ended_at=row["conversation_ended_at"],
        opened_at=row["conversation_opened_at"],
        admission=row["conversation_admission"],
    )
