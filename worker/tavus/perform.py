"""Effects to events: does what was decided and reports what happened. It may not decide, retry, or take silence for an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import assert_never

from worker.core import events
from worker.core.effects import (
    ConfirmFailure,
    DeleteReplica,
    EndConversation,
    LookAtConversation,
    LookUpConversation,
    LookUpMark,
    OpenConversation,
    PollReplica,
    Question,
    RenameReplica,
    SubmitReplica,
    TavusEffect,
    VerifyWitness,
)
from worker.core.failures import Failure
from worker.links import Links
from worker.tavus.batches import Batches
from worker.tavus.callbacks import Callbacks
from worker.tavus.client import Answer, Tavus
from worker.tavus.deletion import confirm, delete
from worker.tavus.ending import end
from worker.tavus.lookups import look_up, look_up_conversations, verify
from worker.tavus.polls import poll
from worker.tavus.refusals import refusal_of, words_of
from worker.tavus.talks import look
from worker.tavus.wire import conversation_of, replica_of


@dataclass(frozen=True, slots=True)
class Performer:
    """Performs effects on Tavus. `patience`: after it no new call of the same effect begins, so that an effect of many calls stays in its lease."""

    tavus: Tavus
    callbacks: Callbacks
    patience: timedelta
    links: Links = field(default_factory=lambda: Links(None, None))
    batches: Batches = field(default_factory=Batches)

    def perform(self, effect: TavusEffect) -> events.Event:  # noqa: PLR0911 - one for each effect
        """Do it, and say what happened. Never raises for what the network or Tavus does."""
        match effect:
            case SubmitReplica():
                return self._submit(effect)
            case LookUpMark() | PollReplica() | LookUpConversation():
                return self.ask([effect])[0]
            case VerifyWitness():
                return verify(self.tavus, effect)
            case RenameReplica():
                return self._rename(effect)
            case OpenConversation():
                return self._open(effect)
            case ConfirmFailure():
                return confirm(self.tavus, effect)
            case DeleteReplica():
                return delete(self.tavus, effect, self.patience)
            case EndConversation():
                return end(self.tavus, effect)
            case LookAtConversation():
                return look(self.tavus, effect)
            case _:
                assert_never(effect)

    def ask(self, questions: Sequence[Question]) -> list[events.Event]:
        """The answers, in order: one call or one pass over a list answers all. The questions are of one kind and one account."""
        polls = [one for one in questions if isinstance(one, PollReplica)]
        marks = [one for one in questions if isinstance(one, LookUpMark)]
        talks = [one for one in questions if isinstance(one, LookUpConversation)]
        news = poll(self.tavus, polls, self.patience, self.batches)
        found = look_up(self.tavus, marks, self.patience) | look_up_conversations(self.tavus, talks, self.patience)
        return [news[one.replica_id] if isinstance(one, PollReplica) else found[one.mark] for one in questions]

    def _rename(self, effect: RenameReplica) -> events.Event:
        reply = self.tavus.rename_replica(effect.account, effect.replica_id, effect.name)
        if isinstance(reply, Answer) and reply.ok:
            return events.ReplicaRenamed(effect.replica_id)
        return events.RenameFailed(effect.replica_id, words_of(reply))

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

    def _open(self, effect: OpenConversation) -> events.Event:
        callback = self.callbacks.url_for_conversation(effect.job_id, effect.mark)
        # A caller may want to be called himself.
        ours = {"callback_url": callback} if callback and not effect.body.get("callback_url") else {}
        reply = self.tavus.create_conversation(effect.account, dict(effect.body) | ours)
        conversation = conversation_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
        if conversation is not None and conversation.url is not None:
            return events.ConversationOpened(effect.mark, conversation.id, conversation.url, self.links.seal(conversation.meeting_token))
        refusal = refusal_of(reply, Failure.CONVERSATION_REFUSED)
        if refusal is not None:
            return events.ConversationRefused(effect.mark, refusal.failure, refusal.detail, refusal.retry_after)
        return events.ConversationLost(effect.mark, words_of(reply))
