"""The endpoints of replicas and voices, in the vendor's words. Pure: each takes the world and a call and gives an answer."""

from datetime import datetime

from tests.sandbox import stock
from tests.sandbox.answers import Answer, RefusedError, bad, said
from tests.sandbox.call import Call
from tests.sandbox.paging import Page
from tests.sandbox.replica import Replica, Status, stamp
from tests.sandbox.validation import new_name, order
from tests.sandbox.world import World


def create(world: World, call: Call) -> Answer:
    """Validate, charge, begin (Tavus, Create Replica, 2026-06)."""
    asked = order(call.body, call.word("name"))
    replica = world.replicas.create(call.account, asked, world.new_id("r"), call.now, call.word("id"))
    return Answer(200, {call.word("id"): replica.replica_id, "status": Status.STARTED.value})


def get(world: World, call: Call) -> Answer:
    """One replica; 404 once it is deleted (observed, 2026), 400 if it never was."""
    if call.one in stock.STOCK:
        return Answer(200, call.worded(_stock_row(call.one, verbose=call.is_verbose) | {"error_message": None}))
    replica = _known(world, call)
    world.ledger.looked([replica.replica_id], call.now)
    if replica.deleted_at is not None:
        raise said(404, "Not Found")
    return Answer(200, call.worded(replica.shown(call.now, verbose=call.is_verbose)), shows=_finals([replica], call.now))


def listing(world: World, call: Call) -> Answer:
    """Many replicas: newest first, the stock after the account's own; `total_count` is after the filters."""
    page = Page.of(call.query)
    kind = call.query.get(call.word("type"))
    if kind not in (None, "", "user", "system"):
        raise bad(f"Invalid {call.word('type')}")
    own, ours = _chosen(world, call)
    ids = [*(own if kind != "system" else ()), *(ours if kind != "user" else ())]
    shown = page.cut(ids)
    replicas = world.replicas.by_id
    rows = [
        _stock_row(one, verbose=call.is_verbose) if one in stock.STOCK else replicas[one].listed(call.now, verbose=call.is_verbose)
        for one in shown
    ]
    finals = _finals([replicas[one] for one in shown if one in replicas], call.now)
    return Answer(200, {"data": [call.worded(row) for row in rows], "total_count": len(ids)}, shows=finals)


def rename(world: World, call: Call) -> Answer:
    """Another name; 200 without a body, as none is documented."""
    world.replicas.rename(_living(world, call), new_name(call.body, call.word("name")))
    return Answer(200)


def delete(world: World, call: Call) -> Answer:
    """Soft or `hard`: from outside they are the same; 200 without a body (Tavus, OpenAPI, 2026-08). A second time is 400."""
    world.replicas.delete(_living(world, call), call.now)
    return Answer(200)


def voices(world: World, call: Call) -> Answer:
    """The stock voices, by `search` in the name and by tag, sorted by name where that is asked for (Tavus, List Voices, 2026)."""
    del world
    page = Page.of(call.query)
    wanted, sort = call.query.get("search", "").lower(), call.query.get("sort")
    tags = {
        one for one in (call.query.get("tag") or call.query.get("tags") or "").split(",") if one
    }  # the second is the official client's word
    names = sorted(stock.VOICES, reverse=sort == "desc") if sort in ("asc", "desc") else list(stock.VOICES)
    found = [stock.VOICES[name] for name in names if wanted in name and (not tags or tags & stock.TAGS)]
    return Answer(200, {"data": list(page.cut(found)), "total_count": len(found), "page": page.number, "limit": page.limit})


def _chosen(world: World, call: Call) -> tuple[list[str], list[str]]:
    model = call.query.get("model_name")
    asked = call.query.get(call.word("ids"))
    if asked:
        ids = [one.strip() for one in asked.split(",") if one.strip()]
        own, ours = world.replicas.chosen(call.account, ids, call.now), [one for one in ids if one in stock.STOCK]
        world.ledger.looked(own, call.now)
    else:
        own, ours = world.replicas.visible(call.account, call.now), list(stock.STOCK)
    if model:
        own = [one for one in own if world.replicas.by_id[one].model == model]
        ours = ours if model == stock.DEFAULT_MODEL else []
    return own, ours


def _known(world: World, call: Call) -> Replica:
    replica = world.replicas.find(call.account, call.one)
    if replica is None:
        raise _invalid(call)
    return replica


def _living(world: World, call: Call) -> Replica:
    replica = _known(world, call)
    if replica.deleted_at is not None:
        raise _invalid(call)
    return replica


def _invalid(call: Call) -> RefusedError:
    return bad(f"Invalid {call.word('id')}")


def _finals(replicas: list[Replica], now: datetime) -> tuple[str, ...]:
    return tuple(one.replica_id for one in replicas if one.is_final(now))


def _stock_row(replica_id: str, *, verbose: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "replica_id": replica_id,
        "replica_name": stock.STOCK[replica_id],
        "thumbnail_video_url": f"https://cdn.replica.tavus.io/{replica_id}/thumbnail.mp4",
        "training_progress": "100/100",
        "status": Status.COMPLETED.value,
        "created_at": stamp(stock.SINCE),
        "model_name": stock.DEFAULT_MODEL,
    }
    return row | ({"replica_type": "system", "finetune_status": None} if verbose else {})
