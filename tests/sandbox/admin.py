"""The sandbox's own pages: ledger, faults, accounts, clock, pictures. They are no part of the vendor's API, and nothing faults them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.sandbox import pictures, report
from tests.sandbox.answers import Answer, RefusedError, bad, said
from tests.sandbox.call import Request
from tests.sandbox.durations import duration
from tests.sandbox.host import Host
from tests.sandbox.replica import stamp
from tests.sandbox.stock import VOICES
from tests.sandbox.validation import order

PREFIX = "/_sandbox/"
_NOT_AN_IMAGE = b"<html><body><h1>403 Forbidden</h1><p>This link has expired.</p></body></html>"

# What an image URL serves; a query string changes nothing, so each job can have a URL of its own.
_PICTURES: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "/headshot.jpg": ("image/jpeg", lambda: pictures.headshot(pictures.LARGE, "JPEG")),
    "/headshot.png": ("image/png", lambda: pictures.headshot(pictures.LARGE, "PNG")),
    "/small.jpg": ("image/jpeg", lambda: pictures.headshot(pictures.SMALL, "JPEG")),
    "/not-an-image.jpg": ("image/jpeg", lambda: _NOT_AN_IMAGE),
}


def is_ours(path: str) -> bool:
    """Whether the path is the sandbox's own, and not the vendor's."""
    return path.startswith(PREFIX) or path in _PICTURES


def answer(host: Host, request: Request) -> Answer:
    """Answer a request that `is_ours`."""
    if request.path in _PICTURES:
        content_type, draw = _PICTURES[request.path]
        return Answer(200, headers={"Content-Type": content_type}, raw=draw())
    name, _, rest = request.path.removeprefix(PREFIX).partition("/")
    # HEAD is GET without the body (RFC 9110, 9.3.2); the shell leaves the body out.
    act = _PAGES.get(("GET" if request.method == "HEAD" else request.method, name))
    try:
        if act is None:
            raise said(404, "No such page of the sandbox")
        return Answer(200, act(host, rest, _material(request)))
    except RefusedError as refused:
        return refused.answer
    except (TypeError, ValueError) as error:
        return bad(str(error)).answer


def _material(request: Request) -> Any:  # noqa: ANN401 - JSON, which each page checks for itself
    return json.loads(request.body) if request.body.strip() else None


def _health(host: Host, _: str, __: object) -> object:
    return {"status": "ok", "now": stamp(host.clock.now()), "speed": host.clock.speed}


def _ledger(host: Host, _: str, __: object) -> object:
    return host.ledger()


def _progress(host: Host, _: str, __: object) -> object:
    return report.progress(*host.settled())


def _arrivals(host: Host, _: str, __: object) -> object:
    return report.arrivals(host.world, host.clock.speed)


def _forget_looks(host: Host, _: str, __: object) -> object:
    host.world.ledger.looked_at.clear()
    return {"status": "ok"}


def _trainings(host: Host, key: str, material: Any) -> object:  # noqa: ANN401 - the same
    """Trainings that somebody began earlier, without a request for each: `{number}` in their URL makes each its own."""
    if not key or not isinstance(material, dict) or set(material) != {"url", "count"}:
        raise bad('POST trainings/{key} takes {"url": "https://.../headshot.jpg?job={number}", "count": 1000}.')
    world, now = host.settled()
    account = world.accounts.admit(key)
    known = {"voice_name": next(iter(VOICES)), "model_name": "phoenix-4"}
    urls = (material["url"].replace("{number}", str(number)) for number in range(material["count"]))
    orders = (order(known | {"train_image_url": url}, "replica_name") for url in urls)
    return {"data": [world.replicas.create(account, one, world.new_id("r"), now, "replica_id").replica_id for one in orders]}


def _replicas(host: Host, _: str, __: object) -> object:
    world, now = host.settled()
    return {"data": [report.payment(replica, now) | {"url": replica.url} for replica in world.replicas.by_id.values()]}


def _faults(host: Host, _: str, material: Any) -> object:  # noqa: ANN401 - the same
    lines = material.get("faults") if isinstance(material, dict) else material
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise bad("A fault script is a list of objects.")
    host.set_faults(lines)
    return {"faults": lines}


def _account(host: Host, key: str, material: Any) -> object:  # noqa: ANN401 - the same
    if not key or not isinstance(material, dict) or "key" in material:
        raise bad("POST accounts/{key} takes an object with fields of the account.")
    account = host.world.accounts.change(key, material)
    return {name: getattr(account, name) for name in account.__slots__}


def _clock(host: Host, _: str, material: Any) -> object:  # noqa: ANN401 - the same
    if not isinstance(material, dict) or "advance" not in material:
        raise bad('POST clock takes {"advance": "4h"}.')
    host.clock.advance(duration(str(material["advance"])))
    host.settled()
    return {"now": stamp(host.clock.now())}


def _reset(host: Host, _: str, __: object) -> object:
    host.reset()
    return {"status": "ok"}


_PAGES: Mapping[tuple[str, str], Callable[[Host, str, Any], object]] = {
    ("GET", "health"): _health,
    ("GET", "ledger"): _ledger,
    ("GET", "progress"): _progress,
    ("GET", "arrivals"): _arrivals,
    ("DELETE", "looks"): _forget_looks,
    ("POST", "trainings"): _trainings,
    ("GET", "replicas"): _replicas,
    ("POST", "faults"): _faults,
    ("POST", "accounts"): _account,
    ("POST", "clock"): _clock,
    ("POST", "reset"): _reset,
}
