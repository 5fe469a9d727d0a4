"""The endpoints of conversations, in the vendor's words. Pure: each takes the world and a call and gives an answer."""

from collections.abc import Mapping

from tests.sandbox import stock
from tests.sandbox.answers import Answer, bad, said
from tests.sandbox.call import Call
from tests.sandbox.paging import Page
from tests.sandbox.replica import Status
from tests.sandbox.world import World


def create(world: World, call: Call) -> Answer:
    """Open a conversation with a replica that is `completed` (Tavus, Create Conversation, 2026-06)."""
    replica_id = call.body.get("replica_id") or call.body.get("face_id")
    if not _is_usable(world, call, replica_id):
        raise said(400, "Invalid replica_uuid")
    if not isinstance(call.body.get("properties") or {}, Mapping):
        raise bad("Invalid properties")
    conversation = world.conversations.create(call.account, world.new_id("c"), str(replica_id), call.body, call.now)
    return Answer(200, conversation.created(call.now))


def get(world: World, call: Call) -> Answer:
    """One conversation; `verbose` adds its shutdown_reason and events."""
    return Answer(200, world.conversations.find(call.account, call.one).shown(call.now, verbose=call.is_verbose))


def listing(world: World, call: Call) -> Answer:
    """Many, newest first, by `status`."""
    page = Page.of(call.query)
    status = call.query.get("status") or None
    if status not in (None, "active", "ended"):
        raise bad("Invalid status")
    found = world.conversations.rows(call.account, status, call.now)
    return Answer(200, {"data": [one.shown(call.now) for one in page.cut(found)], "total_count": len(found)})


def end(world: World, call: Call) -> Answer:
    """End it; 200 without a body, also when it has ended already."""
    world.conversations.end(world.conversations.find(call.account, call.one), call.now)
    return Answer(200)


def delete(world: World, call: Call) -> Answer:
    """End it and forget it: 204 (Tavus, OpenAPI, 2026-08)."""
    world.conversations.delete(world.conversations.find(call.account, call.one), call.now)
    return Answer(204)


def _is_usable(world: World, call: Call, replica_id: object) -> bool:
    if not isinstance(replica_id, str):
        return False
    if replica_id in stock.STOCK:
        return True
    replica = world.replicas.find(call.account, replica_id)
    return replica is not None and replica.deleted_at is None and replica.status(call.now) is Status.COMPLETED
