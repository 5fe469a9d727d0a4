"""How many trainings go, in one call. It may not take an unanswered question for a failed training, nor a missing row for a missing replica.

One GET /replicas?replica_ids=... answers them all (Tavus, List Replicas, 2026-06). It shows no error text, it need not show the tuning, and who is
missing from it may only be missing from the list: those are asked for one by one, and in smaller batches where the list shows too few.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

from worker.core import events
from worker.core.effects import PollReplica
from worker.core.job import ReplicaId
from worker.tavus.batches import Batches
from worker.tavus.client import Answer, Reply, Tavus
from worker.tavus.refusals import fault_of, retry_after_of, says_unknown, was_held, words_of
from worker.tavus.verdicts import failure_of_training
from worker.tavus.wire import Replica, Training, all_of, page_of, replica_of, said, shown

PollEvent = events.TrainingContinued | events.TrainingCompleted | events.TrainingFailed | events.ReplicaMissing | events.PollUnread


def poll(tavus: Tavus, looks: Sequence[PollReplica], patience: timedelta, batches: Batches) -> dict[ReplicaId, PollEvent]:
    """The news of each look, by replica id. All looks are of one account. No single GET begins once `patience` is over."""
    deadline = time.monotonic() + patience.total_seconds()
    # By id, which has nothing to do with age: a list that is behind leaves out some here and there, a filter that takes fewer the last ones.
    left = sorted(looks, key=lambda look: look.replica_id)
    news: dict[ReplicaId, PollEvent] = {}
    while left:
        most = batches.most(left[0].account)
        some, left = left[:most], left[most:]
        if most == 1 or len(looks) == 1:
            return news | _one_by_one(tavus, (*some, *left), deadline)
        reply = tavus.list_replicas(some[0].account, replica_ids=[look.replica_id for look in some])
        listed = _listed(reply)
        if listed is None:  # nor would the others be answered now
            return news | {look.replica_id: _unread(reply) for look in (*some, *left)}
        news |= {look.replica_id: _news(tavus, look, listed[look.replica_id], deadline) for look in some if look.replica_id in listed}
        missing = [look for look in some if look.replica_id not in listed]
        if missing:
            witness, *others = missing
            known = news[witness.replica_id] = _single(tavus, witness, deadline)
            is_there = not isinstance(known, events.ReplicaMissing | events.PollUnread)
            if is_there and batches.learn(witness.account, [look.replica_id for look in some], listed):
                left = others + left
            elif isinstance(known, events.PollUnread):
                news |= {look.replica_id: known for look in others}
            else:
                news |= _one_by_one(tavus, others, deadline)
    return news


def _one_by_one(tavus: Tavus, looks: Sequence[PollReplica], deadline: float) -> dict[ReplicaId, PollEvent]:
    """A single GET for each; when one is not answered, the others would not be either."""
    news: dict[ReplicaId, PollEvent] = {}
    for look in looks:
        last = news[look.replica_id] = _single(tavus, look, deadline)
        if isinstance(last, events.PollUnread):
            return {one.replica_id: last for one in looks} | news
    return news


def _listed(reply: Reply) -> dict[ReplicaId, Replica] | None:
    page = page_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
    replicas = all_of(page.items, replica_of) if page is not None else None
    return None if replicas is None else {replica.id: replica for replica in replicas}


def _news(tavus: Tavus, look: PollReplica, row: Replica, deadline: float) -> PollEvent:
    """A list row decides only what it can: that a training goes on, or is over and has one stage."""
    return _single(tavus, look, deadline) if _needs_a_closer_look(row, look.model) else _event(row, look)


def _needs_a_closer_look(row: Replica, model: str) -> bool:
    may_be_tuned = row.is_usable and row.is_two_stage(model) and row.finetune != "training"
    return row.training(model) is Training.FAILED or may_be_tuned


def _single(tavus: Tavus, look: PollReplica, deadline: float) -> PollEvent:
    if time.monotonic() > deadline:
        return events.PollUnread("the batch ran out of time before this one was asked for")
    reply = tavus.get_replica(look.account, look.replica_id)
    replica = replica_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
    if replica is not None and replica.id == look.replica_id:
        return _event(replica, look)
    if says_unknown(reply):
        return events.ReplicaMissing(look.replica_id, words_of(reply))
    return _unread(reply)


def _event(replica: Replica, look: PollReplica) -> PollEvent:
    match replica.training(look.model):
        case Training.GOES_ON:
            return events.TrainingContinued(look.replica_id, replica.progress)
        case Training.TRAINED:
            return events.TrainingCompleted(look.replica_id)
        case Training.FAILED:
            return events.TrainingFailed(look.replica_id, failure_of_training(replica.document), _error_of(replica))


def _error_of(replica: Replica) -> str:
    """Where the reason should stand and does not, all that was said: a person may make sense of it."""
    tuning = "the tuning failed" if replica.finetune == "errored" else None
    return shown(replica.error or tuning or f"Tavus gives no reason: {said(replica.document, b'')}")


def _unread(reply: Reply) -> events.PollUnread:
    return events.PollUnread(words_of(reply), retry_after_of(reply), fault_of(reply), was_held(reply))
