"""Deletes a replica, if a fresh look agrees with what the ledger believes. It may act only on a `DeleteReplica` that the door let through."""

from datetime import timedelta

from worker.core import events
from worker.core.effects import DeleteReplica
from worker.tavus.client import Answer, Tavus
from worker.tavus.refusals import says_unknown, words_of
from worker.tavus.scan import Unread, active_conversations
from worker.tavus.wire import Training, replica_of, shown


def delete(tavus: Tavus, effect: DeleteReplica, patience: timedelta) -> events.ReplicaDeleted | events.DeletionDeclined:
    """Look, then delete. A replica that is gone already counts as deleted."""
    reply = tavus.get_replica(effect.account, effect.replica_id)
    if says_unknown(reply):
        return events.ReplicaDeleted(effect.replica_id)
    replica = replica_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
    if replica is None or replica.id != effect.replica_id:
        return _declined(effect, words_of(reply))
    believed = Training.FAILED if effect.failed else Training.TRAINED
    if replica.training("") is not believed:
        return _declined(effect, f"Tavus says {shown(replica.status)!r} of it, the ledger {believed}")
    talk = _conversation_with(tavus, effect, patience) if replica.is_usable else None
    if talk is not None:
        return _declined(effect, talk)
    reply = tavus.delete_replica(effect.account, effect.replica_id, hard=effect.hard)
    if (isinstance(reply, Answer) and reply.ok) or says_unknown(reply):
        return events.ReplicaDeleted(effect.replica_id)
    return _declined(effect, words_of(reply))


def _conversation_with(tavus: Tavus, effect: DeleteReplica, patience: timedelta) -> str | None:
    """Why the replica may be in use; None when it is certainly not."""
    found = active_conversations(tavus, effect.account, patience)
    if isinstance(found, Unread):
        return f"nobody knows whether it is in a conversation: {found.detail}"
    talking = [row.id for row in found.rows if row.replica_id in {effect.replica_id, None}]
    return f"it is in the conversation {talking[0]}: end that first" if talking else None


def _declined(effect: DeleteReplica, detail: str) -> events.DeletionDeclined:
    return events.DeletionDeclined(effect.replica_id, detail)
