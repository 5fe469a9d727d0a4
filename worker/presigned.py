"""What a presigned URL says of itself: when it expires, and how to show it without its secrets. It may not ask a network or a clock.

An address that is signed but whose expiry cannot be read is an error, not "no expiry": refusing it costs the caller one corrected
request, while taking it for everlasting could cost a paid training whose picture is gone. An address that names no expiry at all has none
that we could know of (a public object, an Azure stored access policy), and is answered with None.
"""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import unquote_plus, urlsplit

# `Expires` alone is an ordinary word; beside one of these it is a signature's: S3 v2, Aliyun, CloudFront, GCS v2, Cloud CDN.
_SIGNERS = ("signature", "awsaccesskeyid", "googleaccessid", "key-pair-id")
_NAMES = frozenset({"x-amz-date", "x-amz-expires", "x-goog-date", "x-goog-expires", "expires", "se", "policy"})
_ASKED = _NAMES | {*_SIGNERS, "sig"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BASIC = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SHOWN = 200  # characters of an address that are shown: enough to know it again, too few to flood a log line
# Where an address begins to be secret. `&` and `%3F`: a query that was pasted without its `?`, or was escaped twice, is still a signature.
# A backslash: readers differ on whether what stands before it is a password.
_SECRET = re.compile(r"[?#&\\]|%3f", re.IGNORECASE)
_URL_FOR_SHOW = re.compile(r"([a-z][a-z0-9+.-]{0,20})://([^/\\]*)(.*)", re.IGNORECASE | re.DOTALL)
_HOST_FOR_SHOW = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:\[\]]+)(:\d*)?", re.IGNORECASE)


class ExpiryUnreadableError(ValueError):
    """The address is presigned, but what it says of its expiry cannot be read. The text names the parameter, never its value."""


def expires_at(url: str) -> datetime | None:
    """When the presigned address stops working, by its own words (UTC); the earliest when it says several; None when it says nothing.

    Knows S3 v4 and v2, GCS v4 and v2, Azure SAS and CloudFront (canned and custom policy). Raises ExpiryUnreadableError.
    """
    try:
        return expires_by(urlsplit(url).query)
    except ValueError as error:
        if isinstance(error, ExpiryUnreadableError):
            raise
        raise ExpiryUnreadableError("its query cannot be read") from error


def expires_by(text: str) -> datetime | None:
    """The same, of an address' query."""
    query: dict[str, str] = {}
    for name, value in _pairs(text):
        if query.setdefault(name, value) != value and name in _NAMES:
            raise ExpiryUnreadableError(f"{name} is there twice")
    return min(_expiries(query), default=None)


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    """Its names, in lower case, and values, as `parse_qsl` reads them; without those that nobody here asks for."""
    for pair in query.split("&"):
        written, _, value = pair.partition("=")
        name = _unquoted(written).lower()
        if name in _ASKED:
            yield name, _unquoted(value)


def _unquoted(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def without_query(url: str) -> str:
    """The address as it may be shown: scheme, host and path, at most 200 plain characters; no query, fragment, user or password."""
    if not (parts := _URL_FOR_SHOW.fullmatch(url)):
        return "(not an address)"  # nobody can say which part of it is secret
    scheme, authority, path = parts.groups()
    public, *rest = _SECRET.split(authority, maxsplit=1)
    host = public.rpartition("@")[2]
    if not _HOST_FOR_SHOW.fullmatch(host):
        host, path = "...", ""  # such as `user:pass`, left over when a password has a slash in it
    shown = f"{scheme.lower()}://{host}" + ("" if rest else _SECRET.split(path, maxsplit=1)[0])
    short = shown[:_SHOWN]
    return short if short.isprintable() else "".join(c if c.isprintable() else "?" for c in short)


def _expiries(query: dict[str, str]) -> Iterator[datetime]:
    for date, life in (("x-amz-date", "x-amz-expires"), ("x-goog-date", "x-goog-expires")):
        if date in query or life in query:
            yield _from_date_and_life(query.get(date), query.get(life), f"{date} and {life}")
    if "expires" in query and any(name in query for name in _SIGNERS):
        yield _from_epoch(query["expires"])
    if "se" in query and "sig" in query:
        yield _from_azure(query["se"])
    if "policy" in query and ("key-pair-id" in query or "signature" in query):
        yield _from_policy(query["policy"])


@lru_cache(maxsize=16)  # addresses that come together were signed together
def _from_date_and_life(date: str | None, life: str | None, names: str) -> datetime:
    try:
        return _basic(date or "") + timedelta(seconds=_digits(life or ""))
    except (ValueError, OverflowError) as error:
        raise ExpiryUnreadableError(f"{names} do not make a date") from error


def _basic(text: str) -> datetime:
    if _BASIC.fullmatch(text):
        return datetime.fromisoformat(text)  # the same, in a twentieth of the time
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _from_epoch(value: str) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=_digits(value))
    except (ValueError, OverflowError) as error:
        raise ExpiryUnreadableError("Expires is not a number of seconds since 1970") from error


def _from_azure(value: str) -> datetime:
    try:
        # An unescaped plus sign of the zone was read as a space. A bare date is midnight UTC, as Azure has it.
        expires = datetime.fromisoformat(value.strip().replace(" ", "+"))
        return (expires if expires.tzinfo else expires.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ExpiryUnreadableError("se is not a date") from error


def _from_policy(value: str) -> datetime:
    try:
        policy = json.loads(base64.b64decode(value.translate(str.maketrans("-_~", "+=/")), validate=True))
        times = [statement["Condition"]["DateLessThan"]["AWS:EpochTime"] for statement in policy["Statement"]]
        return min(_EPOCH + timedelta(seconds=_whole(seconds)) for seconds in times)
    # RecursionError: a policy of ten thousand brackets.
    except (ValueError, OverflowError, LookupError, TypeError, RecursionError) as error:
        raise ExpiryUnreadableError("Policy holds no DateLessThan that can be read") from error


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value


def _digits(value: str) -> int:
    if not (value.isascii() and value.isdigit()):  # int() would also take " 1_000" and digits of other scripts
        raise ValueError("not a number")
    return int(value)
