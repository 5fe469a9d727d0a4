"""Effects to events: does what was decided and reports what happened. It may not decide, retry, or take silence for an answer."""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from worker.core import events
from worker.core.effects import DeleteReplica, LookUpConversation, LookUpMark, OpenConversation, PollReplica, SubmitReplica
from worker.core.failures import Failure
from worker.core.job import Mark
from worker.core.marks import mark_in
from worker.tavus.callbacks import Callbacks
from worker.tavus.client import Answer, Tavus
from worker.tavus.deletion import delete
from worker.tavus.polls import poll
from worker.tavus.refusals import fault_of, refusal_of, retry_after_of, words_of
from worker.tavus.scan import Unread, active_conversations, own_replicas
from worker.tavus.wire import RemoteConversation, conversation_of, replica_of

TavusEffect = SubmitReplica | LookUpMark | PollReplica | OpenConversation | LookUpConversation | DeleteReplica


@dataclass(frozen=True, slots=True)
class Performer:
    """Performs effects on Tavus. `patience`: after it no new call of the same effect begins, so that an effect of many calls stays in its lease."""

    tavus: Tavus
    callbacks: Callbacks
    patience: timedelta

    def perform(self, effect: TavusEffect) -> events.Event:
        """Do it, and say what happened. Never raises for what the network or Tavus does."""
        match effect:
            case SubmitReplica():
                return self._submit(effect)
            case LookUpMark():
                return self._look_up_mark(effect)
            case PollReplica():
                return poll(self.tavus, [effect], self.patience)[effect.replica_id]
            case OpenConversation():
                return self._open(effect)
            case LookUpConversation():
                return self._look_up_conversation(effect)
            case DeleteReplica():
                return delete(self.tavus, effect, self.patience)
            case _:
                assert_never(effect)

    def _submit(self, effect: SubmitReplica) -> events.Event:
        callback = self.callbacks.url_for(effect.mark)
        body = dict(effect.body) | ({"callback_url": callback} if callback else {})
        reply = self.tavus.create_replica(effect.account, body)
        replica = replica_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
        if replica is not None:
            return events.SubmissionAccepted(effect.mark, replica.id)
        refusal = refusal_of(reply, Failure.SUBMISSION_REFUSED)
        if refusal is not None:
            return events.SubmissionRefused(effect.mark, refusal.failure, refusal.detail, refusal.retry_after)
        return events.SubmissionLost(effect.mark, words_of(reply))

    def _look_up_mark(self, effect: LookUpMark) -> events.Event:
        found = own_replicas(self.tavus, effect.account, self.patience)
        if isinstance(found, Unread):
            return events.LookupUnread(effect.mark, found.detail, found.retry_after, found.fault)
        ids = tuple(replica.id for replica in found.rows if _carries(replica.name, effect.mark))
        match ids:
            case ():
                return events.MarkAbsent(effect.mark)
            case (replica_id,):
                return events.MarkFound(effect.mark, replica_id)
            case _:
                return events.MarkAmbiguous(effect.mark, ids)

    def _open(self, effect: OpenConversation) -> events.Event:
        reply = self.tavus.create_conversation(effect.account, effect.body)
        conversation = conversation_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
        if conversation is not None and conversation.url is not None:
            return events.ConversationOpened(effect.mark, conversation.id, conversation.url)
        refusal = refusal_of(reply, Failure.CONVERSATION_REFUSED)
        if refusal is not None:
            return events.ConversationRefused(effect.mark, refusal.failure, refusal.detail, refusal.retry_after)
        return events.ConversationLost(effect.mark, words_of(reply))

    def _look_up_conversation(self, effect: LookUpConversation) -> events.Event:
        found = active_conversations(self.tavus, effect.account, self.patience)
        if isinstance(found, Unread):
            return events.ConversationUnread(effect.mark, found.detail, found.retry_after, found.fault)
        # Two with one mark cannot come from us; whichever is oldest is the one that the caller may have seen. Lists are newest first.
        for conversation in reversed(found.rows):
            if _carries(conversation.name, effect.mark):
                return self._found(effect, conversation)
        if any(conversation.name is None for conversation in found.rows):
            return events.ConversationUnread(effect.mark, "a conversation whose name is not shown")
        return events.ConversationAbsent(effect.mark)

    def _found(self, effect: LookUpConversation, conversation: RemoteConversation) -> events.Event:
        """A list need not show where a conversation is held; one without an address is there all the same."""
        if conversation.url is not None:
            return events.ConversationFound(effect.mark, conversation.id, conversation.url)
        reply = self.tavus.get_conversation(effect.account, conversation.id)
        seen = conversation_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
        if seen is not None and seen.id == conversation.id and seen.url is not None:
            return events.ConversationFound(effect.mark, seen.id, seen.url)
        detail = f"{conversation.id} carries the mark, but its address is not shown: {words_of(reply)}"
        return events.ConversationUnread(effect.mark, detail, retry_after_of(reply), fault_of(reply))


def _carries(name: str | None, mark: Mark) -> bool:
    return name is not None and mark_in(name) == mark
