"""Deletes a replica, if a fresh look agrees with what the ledger believes. It may act only on what the door let through."""

from datetime import timedelta

from worker.core import events
from worker.core.effects import ConfirmFailure, DeleteReplica
from worker.core.job import ReplicaId
from worker.tavus.client import Answer, Reply, Tavus
from worker.tavus.refusals import fault_of, retry_after_of, says_unknown, words_of
from worker.tavus.scan import Unread, active_conversations
from worker.tavus.wire import Replica, Training, replica_of, shown


def confirm(
    tavus: Tavus, effect: ConfirmFailure
) -> events.FailureConfirmed | events.ReplicaDeleted | events.DeletionDeclined | events.DeletionUnread:
    """Look whether Tavus still says that the training failed. A replica that is gone already counts as deleted."""
    seen = _look(tavus, effect.account, effect.replica_id)
    if not isinstance(seen, Replica):
        return seen
    if seen.training("") is not Training.FAILED:
        return _declined(effect.replica_id, _contradiction(seen, Training.FAILED))
    return events.FailureConfirmed(effect.replica_id)


def delete(
    tavus: Tavus, effect: DeleteReplica, patience: timedelta
) -> events.ReplicaDeleted | events.DeletionDeclined | events.DeletionUnread:
    """Look, then delete. A replica that is gone already counts as deleted."""
    seen = _look(tavus, effect.account, effect.replica_id)
    if not isinstance(seen, Replica):
        return seen
    believed = Training.FAILED if effect.failed else Training.TRAINED
    if seen.training("") is not believed:
        return _declined(effect.replica_id, _contradiction(seen, believed))
    talk = _conversation_with(tavus, effect, patience) if seen.is_usable else None
    if talk is not None:
        return talk
    reply = tavus.delete_replica(effect.account, effect.replica_id, hard=effect.hard)
    if (isinstance(reply, Answer) and reply.ok) or says_unknown(reply):
        return events.ReplicaDeleted(effect.replica_id)
    return _unread(effect.replica_id, reply)


def _look(tavus: Tavus, account: str, replica_id: ReplicaId) -> Replica | events.ReplicaDeleted | events.DeletionUnread:
    reply = tavus.get_replica(account, replica_id)
    if says_unknown(reply):
        return events.ReplicaDeleted(replica_id)
    replica = replica_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
    return replica if replica is not None and replica.id == replica_id else _unread(replica_id, reply)


def _contradiction(seen: Replica, believed: Training) -> str:
    return f"Tavus says {shown(seen.status)!r} of it, the ledger {believed}"


def _conversation_with(tavus: Tavus, effect: DeleteReplica, patience: timedelta) -> events.DeletionDeclined | events.DeletionUnread | None:
    """Why the replica may be in use; None when it is certainly not."""
    found = active_conversations(tavus, effect.account, patience)
    if isinstance(found, Unread):
        detail = f"nobody knows whether it is in a conversation: {found.detail}"
        return events.DeletionUnread(effect.replica_id, detail, found.retry_after, found.fault)
    talking = [row.id for row in found.rows if row.replica_id in {effect.replica_id, None}]
    return _declined(effect.replica_id, f"it is in the conversation {talking[0]}: end that first") if talking else None


def _declined(replica_id: ReplicaId, detail: str) -> events.DeletionDeclined:
    return events.DeletionDeclined(replica_id, detail)


def _unread(replica_id: ReplicaId, reply: Reply) -> events.DeletionUnread:
    return events.DeletionUnread(replica_id, words_of(reply), retry_after_of(reply), fault_of(reply))
