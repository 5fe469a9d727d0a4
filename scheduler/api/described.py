"""Describes operations for the documentation: answers, every problem that can come, examples, and the links from one operation to the next.

It may not change what an operation does: it makes keyword arguments of FastAPI's decorators.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from scheduler.api import examples
from scheduler.api.problems import TYPE

_PROBLEM_JSON, _EVENTS = "application/problem+json", "text/event-stream"
# As OpenAPI 3.2 describes a stream: by what one of its events is.
_EVENT = {
    "type": "object",
    "properties": {"event": {"enum": ["line", "end"]}, "data": {"type": "string"}, "id": {"type": "string"}},
    "required": ["event", "data"],
}

Answer = tuple[int, dict[str, Any]]

EXAMPLES: dict[str, dict[int, dict[str, Any]]] = {}
"""The examples of each operation's answers, by status and media type: FastAPI leaves out of them what is null, and null says something here."""

# Of every kind: its status, when it comes, the words of an example, and what it holds beside them.
_PROBLEMS: Mapping[str, tuple[int, str, str, dict[str, Any]]] = {
    "unauthorized": (
        401,
        "There is no token in the request, or one that is not accepted.",
        "Send the header 'Authorization: Bearer TOKEN'.",
        {},
    ),
    "forbidden": (403, "Not for this caller.", "Without a token only this host may call, by a loopback address: send one.", {}),
    "insufficient-scope": (403, "The token is not for this operation.", "This token is for read; this operation needs enqueue.", {}),
    "unknown-job": (404, "There is no such job, or it is another caller's.", "There is no job '01jc5z9m8ksh2qf7w4xv3n0p6t' here.", {}),
    "unknown-notification": (
        404,
        "There is no such notification, or it is another caller's.",
        "There is no notification 'msg_01jc5z9m8ksh2qf7w4xv3n0p6t_7' here.",
        {},
    ),
    "unknown-account": (404, "There is no such account.", "there is no account 'studio' here; there are: default", {}),
    "not-found": (404, "Unknown.", "Not Found", {}),
    "not-possible": (409, "It cannot be done to the job as it is.", "The job is done. The job is over; enqueue a new one.", {}),
    "not-deletable": (
        409,
        "The replica is kept; `until` says until when, or is null where time alone does not help.",
        "The refund for r9f3c1 is not safe yet: deleting a failed replica early can lose it.",
        {"until": "2026-11-02T12:00:00+00:00"},
    ),
    "not-json": (
        415,
        "The body is not said to be JSON.",
        "Send the request as JSON, with the header 'Content-Type: application/json'.",
        {},
    ),
    "bad-json": (400, "The body is not JSON.", "The body is not JSON.", {}),
    "too-slow": (408, "The body did not come in time.", "The body was not here after 30 seconds; nothing is stored: send it again.", {}),
    "too-large": (413, "The body is longer than any that is let in.", "The request is longer than 262144 bytes.", {}),
    "invalid-request": (
        422,
        "Something in the request is wrong; `problems` names all of it, and nothing was stored.",
        "1 problem(s); nothing was stored.",
        {"problems": [{"field": "replica.voice_name", "problem": "is missing: a picture has no voice of its own, so name a stock voice"}]},
    ),
    "key-reused": (
        422,
        "The idempotency key stands for another request; `job_id` is the job that has it.",
        "the key stands for another request, that of job 01jc5z9m8ksh2qf7w4xv3n0p6t",
        {"job_id": examples.ID},
    ),
    "too-many-requests": (
        429,
        "The token has had as many requests as it may have; `Retry-After` says when it may go on.",
        "Try again in 7 s.",
        {},
    ),
    "ledger-away": (503, "The database does not answer: nothing was stored.", "The database does not answer; try again.", {}),
    "broker-away": (503, "The broker does not answer.", "The broker does not answer; try again.", {}),
    "busy": (503, "Others write to the job at this moment.", "The job changes faster than this could; try again.", {}),
    "not-ready": (
        503,
        "Something does not work; `parts` says what, and what to do about it.",
        "canary: no worker has ever taken a canary of beat. Look whether a worker and beat run.",
        {"parts": {"canary": "no worker has ever taken a canary of beat. Look whether a worker and beat run."}},
    ),
    "too-many-streams": (
        503,
        "As many jobs are followed as this process can, or as many as one caller may.",
        "So many jobs are followed already, by you or by all: try again later, or ask for the story.",
        {},
    ),
}
_NAMES = {"bad-json": "not-json"}
"""Kinds that have two statuses, by the name that they have here."""
_ALWAYS = ("unauthorized", "forbidden", "insufficient-scope", "too-many-requests", "ledger-away", "broker-away", "busy")
BODY = ("bad-json", "too-slow", "too-large", "not-json", "invalid-request")
"""What may be wrong with any body."""


def described(
    operation_id: str,
    summary: str,
    *answers: Answer,
    problems: Sequence[str] = (),
    is_public: bool = False,
    **more: Any,  # noqa: ANN401 - FastAPI's own
) -> dict[str, Any]:
    """The documentation of an operation, for its decorator. `is_public`: anybody may call it, so that nobody is refused."""
    kinds = tuple(problems) if is_public else (*_ALWAYS, *problems)
    (status, first), *_ = answers
    responses = dict(answers) | _answers_of(kinds)
    EXAMPLES[operation_id] = {
        one: {media: what["examples"] for media, what in told.get("content", {}).items()} for one, told in responses.items()
    }
    return {
        "operation_id": operation_id,
        "summary": summary,
        "status_code": status,
        "response_model": first.pop("model", None),
        "responses": responses,
        "openapi_extra": more.pop("openapi_extra", {}) | ({"security": []} if is_public else {}),
    } | more


def answer(
    status: int,
    description: str,
    model: type[BaseModel] | None = None,
    example: object = None,
    links: Iterable[tuple[str, Mapping[str, str]]] = (),
    media: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One answer of an operation. `links`: operations that may follow, each with where its parameters come from."""
    told: dict[str, Any] = {"description": description}
    if model is not None:
        told["model"] = model
    if example is not None:
        told["content"] = {media: {"examples": {"usual": {"summary": description, "value": example}}}}
        if media == _EVENTS:
            told["content"][media]["schema"] = _EVENT
    if found := {to: {"operationId": to, "parameters": dict(given)} for to, given in links}:
        told["links"] = found
    if headers:
        told["headers"] = {name: {"description": what, "schema": {"type": "string"}} for name, what in headers.items()}
    return status, told


def _answers_of(kinds: Iterable[str]) -> dict[int, dict[str, Any]]:
    """Every problem, those of one status together."""
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        by_status.setdefault(_PROBLEMS[kind][0], []).append(kind)
    return {status: _problem(status, of_it) for status, of_it in sorted(by_status.items())}


def _problem(status: int, kinds: Sequence[str]) -> dict[str, Any]:
    model = "InvalidRequest" if list(kinds) == ["invalid-request"] else "Problem"
    shown = {_NAMES.get(kind, kind): {"summary": _PROBLEMS[kind][1], "value": _example(kind)} for kind in kinds}
    what = {"schema": {"$ref": f"#/components/schemas/{model}"}, "examples": shown}
    told: dict[str, Any] = {"description": " ".join(_PROBLEMS[kind][1] for kind in kinds), "content": {_PROBLEM_JSON: what}}
    if status == HTTPStatus.UNAUTHORIZED:
        told["headers"] = {"WWW-Authenticate": {"description": "How to be let in.", "required": True, "schema": {"type": "string"}}}
    return told


def _example(kind: str) -> dict[str, Any]:
    status, _, detail, more = _PROBLEMS[kind]
    return {"type": f"{TYPE}{_NAMES.get(kind, kind)}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail} | more
