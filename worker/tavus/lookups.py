"""Finds what was lost, by its mark: one pass over an account's list answers for every mark that is looked for. It may not take a gap for absence."""

from collections.abc import Sequence
from datetime import timedelta

from worker.core import events
from worker.core.effects import LookUpConversation, LookUpMark, VerifyWitness
from worker.core.job import Mark, ReplicaId
from worker.core.marks import mark_in
from worker.tavus.client import Answer, Tavus
from worker.tavus.refusals import fault_of, retry_after_of, says_unknown, words_of
from worker.tavus.scan import Scanned, Unread, active_conversations, own_replicas
from worker.tavus.wire import RemoteConversation, Replica, conversation_of, replica_of


def look_up(tavus: Tavus, looks: Sequence[LookUpMark], patience: timedelta) -> dict[Mark, events.Event]:
    """What a pass over the account's replicas says of each mark. All looks are of one account."""
    if not looks:
        return {}
    marks = {look.mark for look in looks}
    found = own_replicas(tavus, looks[0].account, patience, lambda replica: mark_in(replica.name or "") in marks)
    if isinstance(found, Unread):
        return {look.mark: events.LookupUnread(look.mark, found.detail, found.retry_after, found.fault) for look in looks}
    carriers = _carriers(found)
    return {look.mark: _of_mark(look.mark, carriers.get(look.mark, [])) for look in looks}


def _carriers(found: Scanned[Replica]) -> dict[Mark, list[ReplicaId]]:
    """The replicas by the mark that they carry, oldest first: as their dates say; without dates as the list stands, which is newest first."""
    carriers: dict[Mark, list[ReplicaId]] = {}
    oldest_first = found.rows[::-1]
    for replica in sorted(oldest_first, key=lambda row: row.created_at or ""):
        mark = mark_in(replica.name or "")
        if mark is not None:
            carriers.setdefault(mark, []).append(replica.id)
    return carriers


def _of_mark(mark: Mark, ids: Sequence[ReplicaId]) -> events.Event:
    match ids:
        case []:
            return events.MarkAbsent(mark)
        case [replica_id]:
            return events.MarkFound(mark, replica_id)
        case _:
            return events.MarkAmbiguous(mark, tuple(ids))


def verify(tavus: Tavus, effect: VerifyWitness) -> events.Event:
    """Whether the replica that a callback named carries the mark: Tavus' answer is believed, the callback is not."""
    reply = tavus.get_replica(effect.account, effect.replica_id)
    replica = replica_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
    if says_unknown(reply):
        return events.WitnessRejected(effect.mark, effect.replica_id, words_of(reply))
    if replica is None or replica.id != effect.replica_id or replica.name is None:
        return events.LookupUnread(effect.mark, words_of(reply), retry_after_of(reply), fault_of(reply))
    if mark_in(replica.name) == effect.mark:
        return events.MarkFound(effect.mark, replica.id)
    return events.WitnessRejected(effect.mark, effect.replica_id, "it carries another name")


def look_up_conversations(tavus: Tavus, looks: Sequence[LookUpConversation], patience: timedelta) -> dict[Mark, events.Event]:
    """The same for conversations, among the active ones."""
    if not looks:
        return {}
    found = active_conversations(tavus, looks[0].account, patience)
    if isinstance(found, Unread):
        return {look.mark: events.ConversationUnread(look.mark, found.detail, found.retry_after, found.fault) for look in looks}
    return {look.mark: _of_conversation(tavus, look, found) for look in looks}


def _of_conversation(tavus: Tavus, look: LookUpConversation, found: Scanned[RemoteConversation]) -> events.Event:
    # Two with one mark cannot come from us; whichever is oldest is the one that the caller may have seen. Lists are newest first.
    for conversation in reversed(found.rows):
        if conversation.name is not None and mark_in(conversation.name) == look.mark:
            return _found(tavus, look, conversation)
    if any(conversation.name is None for conversation in found.rows):
        return events.ConversationUnread(look.mark, "a conversation whose name is not shown")
    return events.ConversationAbsent(look.mark)


def _found(tavus: Tavus, look: LookUpConversation, conversation: RemoteConversation) -> events.Event:
    """A list need not show where a conversation is held; one without an address is there all the same."""
    if conversation.url is not None:
        return events.ConversationFound(look.mark, conversation.id, conversation.url)
    reply = tavus.get_conversation(look.account, conversation.id)
    seen = conversation_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
    if seen is not None and seen.id == conversation.id and seen.url is not None:
        return events.ConversationFound(look.mark, seen.id, seen.url)
    detail = f"{conversation.id} carries the mark, but its address is not shown: {words_of(reply)}"
    return events.ConversationUnread(look.mark, detail, retry_after_of(reply), fault_of(reply))
