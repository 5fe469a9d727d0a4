"""The page that a visitor of a link sees while there is nothing to be sent on to: plain words, no script. It may not show anything from inside."""

import base64
import hashlib
import html
from datetime import timedelta
from string import Template

from scheduler.visits import How, Standing

_STYLE = (
    ":root{color-scheme:light dark;font:1.1rem/1.6 system-ui,sans-serif}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f6f7f9;color:#1c2430}"
    "main{max-width:32rem;margin:1.5rem;padding:2rem;border-radius:1rem;background:#fff;box-shadow:0 1px 12px #0001}"
    "h1{font-size:1.5rem;line-height:1.3;margin:0 0 .5rem}p{margin:.5rem 0}small{color:#5b6675}"
    "button{font:inherit;font-weight:600;margin-top:1rem;padding:.7rem 1.4rem;border:0;border-radius:.6rem;background:#1e5bd7;color:#fff}"
    "button:focus-visible{outline:3px solid #8fb2ff;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{background:#12161c;color:#e7ebf0}main{background:#1b2129;box-shadow:none}small{color:#9aa6b5}}"
)
_ALLOWED = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    # The button leads on to Tavus, and browsers hold a redirect after it against `form-action` too.
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_ALLOWED}'; form-action 'self' https:; base-uri 'none'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",  # the address is the key
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}
_PAGE = Template(
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    '<meta name="robots" content="noindex,nofollow"><title>$title</title>$refresh<style>$style</style></head>'
    "<body><main><h1>$title</h1>$words$button</main></body></html>"
)
# By itself, and marked as such: a tab that somebody forgot must not open a conversation hours later.
_REFRESH = Template('<meta http-equiv="refresh" content="$seconds;url=?waiting">')
_BUTTON = '<form method="post"><button>Start the conversation</button></form>'
STATUS = {How.OVER: 410, How.SPENT: 429}
"""Where it is not 200."""
_EVERY = {How.PREPARED: 30, How.OPENING: 2, How.SLOW: 10, How.FULL: 5, How.LOCKED: 15, How.STUCK: 60}
"""Seconds between two looks of a page that waits."""


def page_of(standing: Standing) -> str:
    """The page."""
    title, words = _words(standing)
    seconds = _EVERY.get(standing.how)
    return _page(title, words, seconds, has_button=standing.how in {How.READY, How.OPEN})


def page_of_nothing() -> str:
    """The page of a link that is none of ours."""
    return _page("There is nothing here", ["Please check that the link is complete, or ask whoever sent it to you for a new one."], None)


def page_of_trouble() -> str:
    """The page while we ourselves cannot answer."""
    return _page("One moment, please", ["We cannot answer just now. This page tries again by itself."], 10)


def _page(title: str, words: list[str], seconds: int | None, *, has_button: bool = False) -> str:
    return _PAGE.substitute(
        title=html.escape(title),
        words="".join(f"<p>{html.escape(one)}</p>" for one in words),
        refresh=_REFRESH.substitute(seconds=seconds) if seconds else "",
        style=_STYLE,
        button=_BUTTON if has_button else "",
    )


_STAYS = "You can leave this page open: it follows by itself."


def _words(standing: Standing) -> tuple[str, list[str]]:  # noqa: PLR0911 - one for each way that things may stand
    match standing.how:
        case How.READY | How.OPEN:
            return "Ready when you are", ["Your conversation starts as soon as you press the button."]
        case How.PREPARED:
            return "Still being prepared", [_when(standing), _STAYS]
        case How.OPENING:
            again = f" We try again {_within(standing.after)}." if standing.late else ""
            return "Your conversation is being opened", [f"This takes a few seconds.{again}", _STAYS]
        case How.SLOW:
            return "Your conversation is being opened", [f"This takes longer than usual: up to {_span(standing.before)}.", _STAYS]
        case How.FULL:
            return "All rooms are taken", [*_in_line(standing), _STAYS]
        case How.LOCKED:
            return "Your room is being prepared", ["This takes a few minutes.", _STAYS]
        case How.SPENT:
            when = f" It opens again at {standing.until:%H:%M} UTC on {standing.until:%d %B}." if standing.until else ""
            return "Not again today", [f"This link has been used very often.{when}"]
        case How.STUCK:
            return "Not quite ready", [
                "Somebody has to look at this first, and there is nothing that you need to do. Please come back later."
            ]
        case How.OVER:
            return "This conversation is not available", ["Please ask whoever sent you the link."]


def _when(standing: Standing) -> str:
    if standing.late:
        return "This takes longer than usual, which happens, and is looked into."
    return f"It is likely to be ready in {_span(standing.after)} to {_span(standing.before)}."


def _in_line(standing: Standing) -> list[str]:
    ahead = {0: "You are the first in line.", 1: "One other is waiting before you."}.get(
        standing.ahead, f"{standing.ahead} are before you."
    )
    longest = f"A conversation lasts {_span(standing.longest)} at most, and a room is free as soon as one ends."
    return [f"{ahead} We try again {_within(standing.after)}.", longest]


def _within(span: timedelta | None) -> str:
    return "at once" if span is None or span < timedelta(seconds=1) else f"within {_span(span)}"


def _span(span: timedelta | None) -> str:
    """In the words of a person who does not look at the seconds."""
    minutes = max(round((span or timedelta(0)).total_seconds() / 60), 1)
    if minutes < 60:  # noqa: PLR2004 - of an hour
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    hours, rest = divmod(5 * round(minutes / 5), 60)
    whole = "an hour" if hours == 1 else f"{hours} hours"
    return f"{whole} and {rest} minutes" if rest else whole
