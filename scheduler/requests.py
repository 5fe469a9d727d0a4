"""The door: reads a request, names every problem of it at once, or gives the order that is stored. It may not store, fetch or pay anything."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from scheduler.fields import RequestFields
from scheduler.keepable import Found, keepable
from scheduler.refusals import MOST, Problem, RequestInvalidError, problem_of, refused
from scheduler.sources import SOURCES, consent_problems, source_problems
from worker.core.request import Request, Start
from worker.preflight import Preflight
from worker.settings import DEFAULT_ACCOUNT

__all__ = ["Door", "Order", "Problem", "RequestInvalidError"]

_ADDRESSES = tuple((f"replica.{name}", name) for name in ("train_image_url", "train_video_url", "consent_video_url"))
_PROVIDER, _PASSED_ON = "source_url_provider", ("notify_conversation_url", "notify_conversation_events")
_LENIENT, _SORTED = json.JSONEncoder(default=str), json.JSONEncoder(sort_keys=True, default=str)
_MOST_METADATA = 16_384  # bytes of JSON: a note about the job, not a place to keep files


@dataclass(frozen=True, slots=True)
class Order:
    """A request that may be stored. `fingerprint` is the same for requests that mean the same."""

    request: Request
    account: str
    priority: int
    idempotency_key: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Door:
    """What the door must know. `accounts` empty: not known here, any is let in. `voices`: the stock voices of an account, empty if not known."""

    accounts: frozenset[str]
    voices: Callable[[str], frozenset[str]]
    preflight: Preflight
    model: str
    needs_consent: bool = False

    def read(self, document: object, now: datetime, key: str | None = None) -> Order:
        """The order in `document`, under the idempotency key that came beside it. Raises RequestInvalidError with every problem of both."""
        [read] = self.read_many([(document, key)], now)
        if isinstance(read, RequestInvalidError):
            raise read
        return read

    def read_many(self, asked: Sequence[tuple[object, str | None]], now: datetime) -> list[Order | RequestInvalidError]:
        """The same for many documents and their keys, each by itself; what is wrong with one is answered in its place.

        All go through a step before any goes through the next: what a step needs stays in the processor's caches, which is a quarter of its time.
        """
        found: list[Found] = [[] for _ in asked]
        kept = [_kept(document, key, unkept) for (document, key), unkept in zip(asked, found, strict=True)]
        parsed = [_parsed(one) for one in kept]
        across = [list(self._across(one, now)) if isinstance(one, Mapping) else [] for one in kept]
        wrong = [
            _all(problems, unkept, between) if isinstance(document, Mapping) else [Problem("request", "is not a JSON object")]
            for (document, _), unkept, (problems, _), between in zip(asked, found, parsed, across, strict=True)
        ]
        return [
            refused(problems) if problems or fields is None else self._order(fields)
            for (_, fields), problems in zip(parsed, wrong, strict=True)
        ]

    def order_of(self, document: object, key: str | None = None) -> Order | None:
        """The order that `document` was, if it was let in before: without what changes, such as how long an address still lives."""
        unkept: Found = []
        _, fields = _parsed(_kept(document, key, unkept))
        return None if unkept or fields is None else self._order(fields)

    def _order(self, fields: RequestFields) -> Order:
        account = fields.account or DEFAULT_ACCOUNT
        given = fields.model_dump(mode="json", exclude_none=True)
        replica = {"model_name": self.model} | given["replica"]
        conversation = {name: value for name, value in given.get("conversation", {}).items() if name != "start"}
        request = Request(
            replica=replica,
            conversation=conversation,
            start=fields.conversation.start,
            auto_fix=fields.auto_fix,
            notify_url=fields.notify_url,
            notify_conversation_url=fields.notify_conversation_url,
            notify_conversation_events=fields.notify_conversation_events,
            metadata=fields.metadata,
            source_url_provider=fields.source_url_provider,
            consent=given.get("consent"),
        )
        return Order(request, account, fields.priority, fields.idempotency_key, _fingerprint(request, account, fields.priority))

    def _across(self, given: Mapping[str, Any], now: datetime) -> Iterator[Problem]:
        replica = _plain(given.get("replica"))
        has_provider = given.get("source_url_provider") is not None
        yield from (Problem(*one) for one in source_problems(replica, has_provider=has_provider))
        yield from self._voice_problems(replica, str(given.get("account") or DEFAULT_ACCOUNT), has_provider=has_provider)
        yield from self._address_problems(given, replica, now)
        consent = given.get("consent")
        if consent is not None or self.needs_consent:
            yield from (Problem(*one) for one in consent_problems(consent, now))
        account = given.get("account") or DEFAULT_ACCOUNT
        if self.accounts and isinstance(account, str) and account not in self.accounts:
            yield Problem("account", f"{account[:60]!r} has no key here; there are: {', '.join(sorted(self.accounts))}")
        conversation = _plain(given.get("conversation"))
        if conversation.get("start") == Start.NONE and set(conversation) - {"start"}:
            yield Problem(
                "conversation.start", "is none, but fields for a conversation are given: choose on_ready or on_demand, or leave them out"
            )
        for asked in _PASSED_ON:
            if given.get(asked) is True and given.get("notify_url") is None:
                yield Problem(asked, "is asked for, but there is no notify_url to send it to")
        if (metadata := given.get("metadata")) and _is_long(metadata):
            yield Problem("metadata", f"is longer than {_MOST_METADATA} bytes of JSON")

    def _voice_problems(self, replica: Mapping[str, Any], account: str, *, has_provider: bool) -> Iterator[Problem]:
        voice, own = replica.get("voice_name"), replica.get("default_voice_id")
        is_picture = replica.get("train_image_url") or (has_provider and not replica.get("train_video_url"))
        if is_picture and not voice and not own:
            yield Problem(
                "replica.voice_name", "is missing: a picture has no voice of its own, so name a stock voice (or a default_voice_id)"
            )
        if voice and own:
            yield Problem("replica.default_voice_id", "stands beside voice_name: send one of the two")
        known = self.voices(account)
        if isinstance(voice, str) and voice and known and voice.lower() not in known:
            some = ", ".join(sorted(known)[:10])
            yield Problem("replica.voice_name", f"{voice[:60]!r} is no stock voice of this account; there are {len(known)}, such as {some}")

    def _address_problems(self, given: Mapping[str, Any], replica: Mapping[str, Any], now: datetime) -> Iterator[Problem]:
        named = [(field, name, replica.get(name)) for field, name in _ADDRESSES]
        named.append(("conversation.callback_url", "callback_url", _plain(given.get("conversation")).get("callback_url")))
        named.append(("notify_url", "notify_url", given.get("notify_url")))
        if (provider := given.get("source_url_provider")) is not None:
            named.append((_PROVIDER, _PROVIDER, provider))
        for field, name, address in named:
            lasts = provider is None or name not in SOURCES  # a fresh one takes its place before it is used
            if isinstance(address, str) and address and (problem := self.preflight.problem_of(name, address, now, lasts=lasts)):
                yield Problem(field, problem.removeprefix(f"{name} "))


def _all(problems: list[Problem], unkept: Found, across: list[Problem]) -> list[Problem]:
    """One for each field: what is wrong with one must not hide what is wrong between others."""
    if not unkept and not across:
        return problems
    named: dict[str, Problem] = {}
    others = (Problem(path or "request", what) for path, what in unkept)
    for problem in chain(others, across):
        named.setdefault(problem.field, problem)
    known = {problem.field for problem in problems}
    return problems + [problem for field, problem in named.items() if field not in known]


def _kept(document: object, key: str | None, found: Found) -> object:
    """What of the document can be kept, under the key that came beside it."""
    kept = keepable(document, found)
    if key is None or not isinstance(kept, dict):
        return kept
    inside = kept.get("idempotency_key")
    if inside not in (None, key):  # a tuple: what stands there need not be hashable
        found.append(("idempotency_key", "differs from the key that came beside the request: send one of them"))
    return {**kept, "idempotency_key": key}


def _parsed(document: object) -> tuple[list[Problem], RequestFields | None]:
    try:
        return [], RequestFields.model_validate(document)
    except ValidationError as wrong:
        if (count := wrong.error_count()) > MOST:
            return [Problem("request", f"is wrong in {count} places, too many to name: is it meant for here?")], None
        return [problem_of(error) for error in wrong.errors(include_url=False, include_input=False)], None


def _plain(value: object) -> Mapping[str, Any]:
    return value if type(value) is dict or isinstance(value, Mapping) else {}


def _is_long(metadata: object) -> bool:
    """Whether it is longer than a note may be, in ASCII and with spaces. The shortest JSON is made sooner, and is a sixth of that at least."""
    try:
        if 6 * len(to_json(metadata)) <= _MOST_METADATA:
            return False
    except ValueError:  # something that it does not know
        pass
    return len(_LENIENT.encode(metadata)) > _MOST_METADATA


def _fingerprint(request: Request, account: str, priority: int) -> str:
    """What two requests have in common that mean the same."""
    parts: list[Any] = [
        request.replica,
        request.conversation,
        request.start,
        request.auto_fix,
        request.notify_url,
        request.metadata,
        account,
        priority,
    ]
    # Whoever does not send these means what he meant before they could be sent.
    parts += [name for name in _PASSED_ON if getattr(request, name)]
    later = {_PROVIDER: request.source_url_provider, "consent": request.consent}
    parts += [{name: value} for name, value in later.items() if value is not None]
    return hashlib.sha256(_SORTED.encode(parts).encode()).hexdigest()
