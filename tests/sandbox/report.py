"""The ledger as JSON, with its judgements: what was paid twice, opened twice, lost. It reads the books and changes nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.sandbox.replica import Replica, stamp
from tests.sandbox.world import World


def ledger(world: World, now: datetime, speed: float = 1.0) -> dict[str, Any]:
    """Everything a test may want to ask; `speed` turns virtual lags into real ones."""
    book, replicas = world.ledger, world.replicas.by_id
    return {
        "now": stamp(now),
        "trainings": {
            "charged": len(replicas),
            "refunded": len(book.refunded),
            "refunds_lost": len(book.refunds_lost),
            "deleted_while_training": len(book.deleted_while_training),
        },
        "refunds_lost": book.refunds_lost,
        "deleted_while_training": book.deleted_while_training,
        "payments": {url: [payment(replicas[one], now) for one in ids] for url, ids in world.replicas.by_url.items()},
        "paid_twice": paid_twice(world, now),
        "conversations": dict(book.conversations),
        "conversations_created": sum(map(len, book.conversations.values())),
        "conversations_twice": [one for one, opened in book.conversations.items() if len(opened) > 1],
        "requests": {"total": sum(book.requests.values()), "by_kind": dict(book.requests), "by_status": dict(book.answers)},
        "faults": {"total": sum(book.faults.values()), "by_kind": dict(book.faults)},
        "callbacks": {name: book.callbacks[name] for name in ("due", "lost", "doubled", "sent", "undelivered")},
        "lag": _lag(world, speed),
    }


def progress(world: World, now: datetime) -> dict[str, int]:
    """How far things are, in a few numbers: the whole ledger is large when there is much in it."""
    replicas = world.replicas.by_id.values()
    return {
        "charged": len(replicas),
        "trained": sum(one.is_final(now) for one in replicas),
        "seen": len(world.ledger.lags),
        "looked_at": len(world.ledger.looked_at),
        "conversations": sum(map(len, world.ledger.conversations.values())),
        "requests": sum(world.ledger.requests.values()),
    }


def arrivals(world: World, speed: float) -> list[tuple[float, str]]:
    """When each request came, in real seconds since the first, and of what kind: whoever promises a pace is held to these."""
    times = world.ledger.arrivals
    return [((when - times[0][0]).total_seconds() / speed, kind) for when, kind in times]


def payment(replica: Replica, now: datetime) -> dict[str, Any]:
    """One charged training."""
    return {
        "replica_id": replica.replica_id,
        "name": replica.name,
        "account": replica.account,
        "created_at": stamp(replica.created_at),
        "status": replica.status(now).value,
        "finetune_status": replica.finetune_status(now),
        "refunded": replica.is_refunded,
        "deleted_at": stamp(replica.deleted_at) if replica.deleted_at is not None else None,
    }


def paid_twice(world: World, now: datetime) -> list[str]:
    """Training URLs with two or more trainings that were charged and have not failed: money spent twice on one picture."""
    by_id = world.replicas.by_id
    return [url for url, ids in world.replicas.by_url.items() if sum(by_id[one].is_paid_and_good(now) for one in ids) > 1]


def _lag(world: World, speed: float) -> Mapping[str, Any]:
    seconds = {one: lag.total_seconds() for one, lag in world.ledger.lags.items()}
    ordered = sorted(seconds.values())
    mean = sum(ordered) / len(ordered) if ordered else 0.0
    # Nearest rank; with few replicas it is the slowest of them, which is the honest answer.
    p95 = ordered[-(-95 * len(ordered) // 100) - 1] if ordered else 0.0
    return {
        "seen": len(ordered),
        "virtual_seconds": {"by_replica": seconds, "mean": mean, "p95": p95},
        "real_seconds": {"by_replica": {one: lag / speed for one, lag in seconds.items()}, "mean": mean / speed, "p95": p95 / speed},
    }
