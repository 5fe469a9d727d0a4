"""Takes secrets out of text before anybody sees it: addresses lose their queries, keys and tokens their values.

It may not guess at what looks random: it knows the shapes that occur here, plain or escaped for JSON, a query or HTML.
"""

import re

from worker.presigned import without_query

_COLON = r"(?::|%(?:25)*3a|&#(?:58|x3a);|\\u003a)"
_SLASH = r"(?:\\*/|%(?:25)*2f|&#(?:47|x2f);|\\u002f)"
_EQUALS = rf"(?:{_COLON}|=>?|>|%(?:25)*3d|&#(?:61|x3d);|\\u003d)"
_QUOTE = r"(?:\\*[\"']|%(?:25)*2[27]|&quot;|&#(?:34|39|x22|x27);)"
_SPACE = r"(?:\s|%(?:25)*20)*"

_STOP = r"\s\"'<"  # and a quote that is escaped ends what it would end unescaped: a line of JSON stays one

# No `\b` in front: an address may follow a letter, a digit or an underscore.
_ADDRESS = re.compile(rf"[a-z][a-z0-9+.-]{{0,20}}{_COLON}{_SLASH}{{2}}(?:(?!\\+[\"'])[^{_STOP}>`|])+", re.IGNORECASE)
_TOKEN_PATH = re.compile(rf"(hooks{_SLASH}tavus{_SLASH})[^{_STOP}>/?#\\&%]+", re.IGNORECASE)
_LINK = re.compile(rf"({_SLASH}c{_SLASH})[0-9a-z]{{26}}(?:\.|%(?:25)*2e)[0-9a-f]+", re.IGNORECASE)  # what opens a conversation
_NAME = (
    r"(?:credential|api[_-]?key(?:__\w{1,50})?|api[_-]?token|meeting_token|security-token|token|secret|password"
    r"|signature(?:provided)?|sig|authorization)"
)
# Between name and value as they occur in JSON, headers, queries and XML.
_GAP = rf"{_QUOTE}?{_SPACE}{_EQUALS}{_SPACE}(?:b?{_QUOTE})?"
# Never a name and its gap: that one's value would be left behind. Nor what JSON has for a value that is none.
_VALUE = rf"(?!(?:null|true|false)[{_STOP},}}\]])(?:(?!{_NAME}{_GAP}|\\+[\"'])[^{_STOP},;&}}])+"
_AUTHORIZATION = re.compile(rf"(authorization{_GAP})(?:[\w-]+\s+)?{_VALUE}", re.IGNORECASE)
_PAIR = re.compile(rf"({_NAME}{_GAP})(?:bearer\s+)?{_VALUE}", re.IGNORECASE)
_HEADER = re.compile(rf"((?:x-api-key|authorization){_QUOTE}\s*,\s*b?{_QUOTE})(?:[\w-]+\s+)?{_VALUE}", re.IGNORECASE)  # in a repr
_CALLERS = re.compile(r"(rwt_)[\w-]{8,}")  # how callers' tokens begin, wherever one was pasted
_BEARER = re.compile(r"\b(bearer\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
_SIGNING = re.compile(r"(whsec_)[\w+/=-]+")
# Nothing is found where none of these occurs, and to look for them takes a twentieth of the time: most lines of a log hold none.
_SLASHES = ("/", "2f", "&#", "u002f")
_WORDS = ("rwt_", "credential", "key", "token", "secret", "password", "sig", "authorization", "bearer", "hooks", "whsec_")


def redacted(text: str) -> str:
    """The text as it may be logged, stored or shown: no query of any address, no key, signature, or token of a callback or a link."""
    folded = text.casefold()  # as the patterns see it, for which a Kelvin sign is a k
    has_slashes = any(sign in folded for sign in _SLASHES)
    shown = _LINK.sub(r"\1...", _ADDRESS.sub(_address, text)) if has_slashes else text
    if any(word in folded for word in _WORDS):
        for secret in (_AUTHORIZATION, _HEADER, _PAIR, _BEARER, _TOKEN_PATH, _CALLERS, _SIGNING):
            shown = secret.sub(r"\1...", shown)
    return shown


def _address(found: re.Match[str]) -> str:
    scheme, slashes, rest = without_query(found[0]).partition("://")
    return scheme + slashes + rest.partition("://")[0]  # an address in the path of another may hold a password of its own
