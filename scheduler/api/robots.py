"""Tells programs that only look at a link from people who follow it. It may err: whom it takes for a program is shown a button, and presses it.

Messengers and mail gateways fetch every link that is sent through them, to preview or to scan it; a conversation that they opened would bill with
nobody in it. What gives a browser away is that since 2020 (Safari: 2023) all of them say of each request what it is for (W3C, Fetch Metadata); those
who only claim to be one do not.
"""

import re
from collections.abc import Mapping

# Slackbot, LinkedInBot, TelegramBot, Googlebot and so on; SkypeUriPreview (Teams), BingPreview; facebookexternalhit, WhatsApp; scanners.
_NAMES = re.compile(
    r"bot\b|bot/|crawl|spider|preview|externalhit|whatsapp|headless|scan|slurp|fetcher|unfurl|embed|validator|monitor|skype", re.IGNORECASE
)
_AHEAD_OF_TIME = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Headers that say that somebody may come later: a prefetch, a prerender, a preview."""


def only_looks(headers: Mapping[str, str]) -> bool:
    """Whether a GET is not a person's who follows the link now."""
    agent = headers.get("user-agent", "")
    if not agent or _NAMES.search(agent) or any(headers.get(name) for name in _AHEAD_OF_TIME):
        return True
    mode, target = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    if mode is None:
        return agent.startswith("Mozilla/")  # a program that says honestly what it is comes on somebody's behalf
    return mode != "navigate" or target not in {None, "document"}
