"""Ends a conversation, if a fresh look shows that it is the one we opened. It may not end somebody else's."""

from collections.abc import Mapping

from worker.core import events
from worker.core.effects import EndConversation
from worker.core.job import ConversationId
from worker.core.marks import mark_in
from worker.tavus.client import Answer, Reply, Tavus
from worker.tavus.refusals import fault_of, retry_after_of, words_of
from worker.tavus.wire import conversation_of

_UNKNOWN = "invalid conversation_id"  # 400: how Tavus says that there is no such conversation


def end(tavus: Tavus, effect: EndConversation) -> events.ConversationEnded | events.ConversationEndDeclined | events.ConversationEndUnread:
    """Look, then end. One that Tavus no longer knows is over."""
    talk = effect.conversation_id
    reply = tavus.get_conversation(effect.account, talk)
    if says_unknown(reply):
        return events.ConversationEnded(talk)
    seen = conversation_of(reply.document) if isinstance(reply, Answer) and reply.ok else None
    if seen is None or seen.id != talk:
        return _unread(talk, reply)
    if seen.name is not None and mark_in(seen.name) != effect.mark:  # without a name the id must do: it was the answer to our own POST
        return events.ConversationEndDeclined(talk, "it carries another name than the one we opened")
    reply = tavus.end_conversation(effect.account, talk)
    if (isinstance(reply, Answer) and reply.ok) or says_unknown(reply):
        return events.ConversationEnded(talk)
    return _unread(talk, reply)


def says_unknown(reply: Reply) -> bool:
    """Whether Tavus says that there is no such conversation."""
    if not isinstance(reply, Answer) or not isinstance(reply.document, Mapping):  # a proxy's page is no word of Tavus
        return False
    return reply.status == 404 or (reply.status == 400 and _UNKNOWN in reply.said.lower())  # noqa: PLR2004 - HTTP's numbers


def _unread(talk: ConversationId, reply: Reply) -> events.ConversationEndUnread:
    return events.ConversationEndUnread(talk, words_of(reply), retry_after_of(reply), fault_of(reply))
