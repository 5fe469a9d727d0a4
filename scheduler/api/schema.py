"""The OpenAPI document: what FastAPI makes of the routes, and what only we know of them. It may not be made anew for each who asks."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from scheduler.api import documents
from scheduler.api.accounts import LimitsToSet
from scheduler.api.described import EXAMPLES
from scheduler.fields import BatchFields, RequestFields

_OURS = (RequestFields, BatchFields, LimitsToSet, documents.Problem, documents.InvalidRequest)
_FASTAPIS = ("HTTPValidationError", "ValidationError")
"""What FastAPI says that errors look like; ours are problems."""
TAGS = [
    {"name": "jobs", "description": "Enqueue a headshot, look where it is, and act on it."},
    {"name": "notifications", "description": "What callers are told of their jobs: whether it arrived, and having it sent again."},
    {"name": "accounts", "description": "The Tavus accounts: their limits, voices and credits, and letting a stopped one go on."},
    {"name": "links", "description": "Pages for people: a link that opens the conversation for whoever comes."},
    {"name": "callbacks", "description": "For Tavus alone."},
    {"name": "health", "description": "For whoever runs it."},
]


def _mend(made: dict[str, Any]) -> None:
    for path in made["paths"].values():
        for operation in path.values():
            if _FASTAPIS[0] in str(operation["responses"].get("422")):  # of a path alone, in which nothing can be wrong but the name
                del operation["responses"]["422"]
            for status, contents in EXAMPLES.get(operation["operationId"], {}).items():
                for media, shown in contents.items():
                    operation["responses"][str(status)]["content"][media]["examples"] = shown


def document(api: FastAPI) -> dict[str, Any]:
    """The document; made once."""
    if api.openapi_schema is None:
        made = get_openapi(title=api.title, version=api.version, description=api.description, routes=api.routes, tags=TAGS)
        schemas = made["components"]["schemas"]
        _, known = models_json_schema([(one, "validation") for one in _OURS], ref_template="#/components/schemas/{model}")
        schemas.update(known["$defs"])
        for name in _FASTAPIS:
            schemas.pop(name, None)
        _mend(made)
        api.openapi_schema = made
    return api.openapi_schema
