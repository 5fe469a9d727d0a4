"""Which request is which, and its answer without any fault. Pure: no socket and no clock."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tests.sandbox import conversation_calls, replica_calls
from tests.sandbox.answers import Answer, RefusedError, said
from tests.sandbox.call import Call, Request
from tests.sandbox.faults import Kind
from tests.sandbox.world import World

_ROOT = "v2"
# The new words are aliases of the old (Tavus, List Faces, 2026); `noun` keeps which were used, because the answer uses them too.
_NOUNS = {
    "replicas": ("replicas", "replica"),
    "faces": ("replicas", "face"),
    "voices": ("voices", ""),
    "conversations": ("conversations", ""),
}

# (method, collection, what follows it) -> what it is and who answers. `*` stands for an id.
_ROUTES: Mapping[tuple[str, str, str], tuple[Kind, Callable[[World, Call], Answer]]] = {
    ("POST", "replicas", ""): (Kind.CREATE_REPLICA, replica_calls.create),
    ("GET", "replicas", ""): (Kind.LIST_REPLICAS, replica_calls.listing),
    ("GET", "replicas", "*"): (Kind.GET_REPLICA, replica_calls.get),
    ("PATCH", "replicas", "*/name"): (Kind.RENAME_REPLICA, replica_calls.rename),
    ("DELETE", "replicas", "*"): (Kind.DELETE_REPLICA, replica_calls.delete),
    ("GET", "voices", ""): (Kind.LIST_VOICES, replica_calls.voices),
    ("POST", "conversations", ""): (Kind.CREATE_CONVERSATION, conversation_calls.create),
    ("GET", "conversations", ""): (Kind.LIST_CONVERSATIONS, conversation_calls.listing),
    ("GET", "conversations", "*"): (Kind.GET_CONVERSATION, conversation_calls.get),
    ("POST", "conversations", "*/end"): (Kind.END_CONVERSATION, conversation_calls.end),
    ("DELETE", "conversations", "*"): (Kind.DELETE_CONVERSATION, conversation_calls.delete),
}


def kind_of(request: Request) -> Kind:
    """Which kind of request it is, as fault scripts and the ledger name it."""
    route = _ROUTES.get(_shape(request)[0])
    return route[0] if route is not None else Kind.UNKNOWN


def answer(world: World, request: Request, now: datetime) -> Answer:
    """Do the work and say so; every refusal is an answer too, and nothing is raised."""
    world.settle(now)
    try:
        return _answer(world, request, now)
    except RefusedError as refused:
        return refused.answer


def _answer(world: World, request: Request, now: datetime) -> Answer:
    shape, one, noun = _shape(request)
    route = _ROUTES.get(shape)
    if route is None:
        raise said(404, "Not Found")
    account = world.accounts.admit(request.key)
    return route[1](world, Call(account, one, noun, request.query, _body(request), now))


def _shape(request: Request) -> tuple[tuple[str, str, str], str, str]:
    root, collection, one, *rest = (request.path.strip("/") + "//").split("/", 3)
    rest = [part for part in "".join(rest).split("/") if part]
    known, noun = _NOUNS.get(collection, ("", ""))
    follows = "/".join(["*", *rest]) if one else ""
    return (request.method, known if root == _ROOT else "", follows), one, noun


def _body(request: Request) -> Mapping[str, Any]:
    if request.method not in ("POST", "PATCH") or not request.body.strip():
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        raise said(400, "Invalid JSON") from None
    if not isinstance(body, dict):
        raise said(400, "Invalid JSON")
    return body
