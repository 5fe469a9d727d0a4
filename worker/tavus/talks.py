"""Looks at a conversation: whether it goes on. It may not take an unanswered question, or a word that nobody knows, for its end."""

from worker.core import events
from worker.core.effects import LookAtConversation
from worker.tavus.client import Answer, Tavus
from worker.tavus.ending import says_unknown
from worker.tavus.refusals import fault_of, retry_after_of, words_of
from worker.tavus.wire import conversation_of

_ENDED = "ended"


def look(tavus: Tavus, effect: LookAtConversation) -> events.ConversationContinued | events.ConversationEnded | events.ConversationUnread:
    """One GET. A conversation that Tavus no longer knows is over: nobody can join it."""
    reply = tavus.get_conversation(effect.account, effect.conversation_id)
    if says_unknown(reply):
        return events.ConversationEnded(effect.conversation_id)
    seen = conversation_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
    if seen is None or seen.id != effect.conversation_id:
        return events.ConversationUnread(effect.mark, words_of(reply), retry_after_of(reply), fault_of(reply))
    is_over = seen.status == _ENDED
    return events.ConversationEnded(seen.id) if is_over else events.ConversationContinued(seen.id)
