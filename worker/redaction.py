"""Takes secrets out of text before anybody sees it: addresses lose their queries, keys and tokens their values.

It may not guess at what looks random: it knows the shapes that occur here.
"""

import re

from worker.presigned import without_query

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>`|]+", re.IGNORECASE)
_TOKEN_PATH = re.compile(r"(/hooks/tavus/)[^\s\"'/?#]+")
# Key-value pairs as they occur in JSON, headers, queries and reprs.
_PAIR = re.compile(
    r"(?P<name>x-api-key|authorization|api[_-]?key|api[_-]?token|meeting_token|x-amz-signature|x-amz-credential|x-amz-security-token|signature|sig)"
    r"(?P<gap>[\"']?\s*[:=]\s*[\"']?)(?:bearer\s+)?(?P<value>[^\s\"',;&}]+)",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text as it may be logged, stored or shown: no query of any address, no key, signature or callback token."""
    shown = _ADDRESS.sub(lambda found: without_query(found[0]), text)
    shown = _PAIR.sub(lambda found: f"{found['name']}{found['gap']}...", shown)
    return _TOKEN_PATH.sub(r"\1...", shown)
