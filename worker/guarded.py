"""The one client for addresses that strangers name: inputs, notifications, providers of URLs. It may not follow a redirect, retry, or show a query.

An address is read by its form first, then dialled only where every address of its host is public, and exactly there (`worker.addresses`); TLS and the
Host header keep the name. Time and bytes are bounded.

    answer = Guard().call("POST", "https://example.com/told", within=timedelta(seconds=10), headers={...}, body=b"{}")
"""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import httpcore
import httpx

from worker.addresses import AddressNotAllowedError, GuardedNetwork, Resolve, refusal_of, system_addresses
from worker.presigned import without_query

LONGEST_URL = 8192  # characters; what common servers and CDNs take at most, so a longer one cannot be fetched by Tavus either
_NO_ADDRESS = "not an address"  # what `refusal_of` says of a name
_HOST = re.compile(rb"(?=.{1,253}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|[0-9a-f.]*:[0-9a-f:.]+", re.IGNORECASE)  # a name, or IPv6
# Readers differ on 127.1, on 0177.0.0.1 and on a dot at the end. Like browsers we go by the last label: where it is a number, all is an address.
_NUMBER = re.compile(rb"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
# As it is written: readers take ` 80`, `+80` and digits of other scripts for 80.
_PORT = re.compile(r"[^/?#]*//[^/?#]*:([^/?#:\]@]*)(?=[/?#]|\Z)")
_PLAIN_PLEASE, _PUBLIC_PLEASE = "Send a plain https:// address of a public host.", "Send an address that anybody on the internet can reach."


class CallError(Exception):
    """Nothing useful came of it: what is wrong, and what to do. The address is not named: who asked knows which it is."""

    def __init__(self, problem: str, todo: str) -> None:
        super().__init__(f"{problem}. {todo}")
        self.problem, self.todo = problem, todo


class NotAllowedError(CallError):
    """The address may not be called, today or ever; nobody was sent anything. `leads_inside`: for where it leads, and not for its form."""

    def __init__(self, problem: str, todo: str, *, leads_inside: bool = False) -> None:
        super().__init__(problem, todo)
        self.leads_inside = leads_inside


class UnansweredError(CallError):
    """There was no answer: a name that does not resolve, a dead line, a bad certificate, too slow. Whether it was received nobody can say."""


class TooLongError(CallError):
    """The answer is longer than it may be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. `headers`: by their names in lower case. `body`: only of a success, and only if it was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether it is a 2xx; a redirect is none."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the protocol's own numbers


class Session:
    """Calls that share one span of time. Made by `Guard.session`."""

    def __init__(self, guard: "Guard", pool: httpcore.ConnectionPool) -> None:
        self._guard, self._pool = guard, pool

    def call(
        self, method: str, address: str | httpx.URL, *, headers: Mapping[str, str] | None = None, body: bytes | None = None, most: int = 0
    ) -> Answer:
        """One request, and its answer; of a success up to `most` bytes of body, none is read where it is 0. Raises `CallError`, of three kinds."""
        url = self._guard.read(address) if isinstance(address, str) else address
        sent = _headers(url, {"User-Agent": self._guard.agent, **(headers or {})}, body)
        with _in_words(), self._pool.stream(method, _for_httpcore(url), headers=sent, content=body) as response:
            told = {name.decode("ascii", "replace").lower(): _text(value) for name, value in reversed(response.headers)}
            answer = Answer(response.status, told)
            return Answer(answer.status, told, _body(response, told, most)) if most and answer.succeeded else answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What may be called, and how. Used from any number of threads. `resolve`, `network`: for who has another internet, such as a test."""

    allow_http: bool = False  # what is signed, or shows a person, does not travel in the clear; the sandbox's does
    allow_private: bool = False  # see worker.addresses; True only for the sandbox
    agent: str = "replica-worker"
    resolve: Resolve = system_addresses
    network: httpcore.NetworkBackend | None = None

    def call(
        self,
        method: str,
        address: str,
        *,
        within: timedelta,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        most: int = 0,
    ) -> Answer:
        """A session of one call."""
        with self.session(within) as session:
            return session.call(method, address, headers=headers, body=body, most=most)

    @contextmanager
    def session(self, within: timedelta) -> Generator[Session]:
        """Calls that last no longer than this, all together: names, TLS and bodies included. The time starts now."""
        network = GuardedNetwork(within=within, allow_private=self.allow_private, resolve=self.resolve, network=self.network)
        # A pool for each, so that threads share nothing, not even a TLS context: httpcore sets the ALPN of a shared one at each connect, while
        # another thread may be copying it outside CPython's lock. It makes its own (some 50 ms) only when there is TLS. Nothing is kept alive:
        # what redirects to itself is resolved and checked again.
        with httpcore.ConnectionPool(max_keepalive_connections=0, network_backend=network) as pool:
            yield Session(self, pool)

    def read(self, address: str, base: httpx.URL | None = None) -> httpx.URL:
        """The address, if it looks as it should; seen from `base`, if that is given. No network is asked. Raises NotAllowedError.

        Where a name leads is asked at the moment of dialling.
        """
        if base is None:
            _require_plain_text(address)
        if (port := _PORT.match(address)) and port[1] and not (port[1].isascii() and port[1].isdigit()):
            raise NotAllowedError("names a port that does not exist", _PLAIN_PLEASE)
        url = _parsed(address, base)
        self._require_form(url, f"redirects to {without_query(str(url))}, which " if base else "")
        return url

    def _require_form(self, url: httpx.URL, whose: str) -> None:
        schemes = ("https", "http") if self.allow_http else ("https",)
        problem = None
        if url.scheme not in schemes:
            problem = f"does not start with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        elif url.userinfo:
            problem = "holds a user or a password"
        elif not _HOST.fullmatch(url.raw_host):
            problem = "does not name a host"
        elif not 0 < (443 if url.port is None else url.port) < 65536:  # noqa: PLR2004 - TCP's own numbers
            problem = "names a port that does not exist"
        if problem:
            raise NotAllowedError(f"{whose}{problem}", _PLAIN_PLEASE)
        # An address that is written as a number needs no resolver; "not an address" is a name, which the guard looks into.
        # As it stands in the address: httpx reads international names (`xn--...`) and raises for odd ones.
        reason = None if self.allow_private else refusal_of(url.raw_host.decode("ascii"))
        if reason == _NO_ADDRESS and _NUMBER.fullmatch(url.raw_host):
            reason = "a number that is not written as an address"
        if reason not in {None, _NO_ADDRESS}:
            raise NotAllowedError(f"{whose}leads to an address that is not public ({reason})", _PUBLIC_PLEASE, leads_inside=True)


def is_odd(address: str) -> bool:
    """Some readers drop these, some take them for a slash: what others would fetch is then not what was looked at here."""
    return not address.isprintable() or " " in address or "\\" in address


def _require_plain_text(address: str) -> None:
    if len(address) > LONGEST_URL:
        raise NotAllowedError(f"is longer than {LONGEST_URL} characters", "Send a shorter address.")
    if is_odd(address):
        raise NotAllowedError("holds a space, backslash or control character", "Send it percent-encoded.")


def _parsed(address: str, base: httpx.URL | None) -> httpx.URL:
    try:
        return base.join(address) if base else httpx.URL(address)
    except (httpx.InvalidURL, ValueError):  # not quoted: its text may hold a password
        problem = "redirects to what cannot be read as an address" if base else "cannot be read as an address"
        raise NotAllowedError(problem, _PLAIN_PLEASE) from None


@contextmanager
def _in_words() -> Generator[None]:
    """What goes wrong on the way, in words. No error is quoted: it may name an address inside a network."""
    try:
        yield
    except AddressNotAllowedError as error:
        raise NotAllowedError(f"leads to an address that is not public ({error.reason})", _PUBLIC_PLEASE, leads_inside=True) from error
    except httpcore.TimeoutException as error:
        raise UnansweredError("was not answered in time", "See that its server answers quickly.") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
        kind = "its TLS certificate is not valid" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "the connection failed"
        raise UnansweredError(f"could not be read: {kind}", "See that its server works.") from error


def _headers(url: httpx.URL, told: Mapping[str, str], body: bytes | None) -> list[tuple[bytes, bytes]]:
    # identity: what is unpacked is not bounded by what was sent.
    ours = [(b"Host", url.netloc), (b"Accept-Encoding", b"identity")]
    length = [] if body is None else [(b"Content-Length", b"%d" % len(body))]
    return [*ours, *length, *((name.encode("ascii"), value.encode("ascii")) for name, value in told.items())]


def _for_httpcore(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()


def _body(response: httpcore.Response, headers: Mapping[str, str], limit: int) -> bytes:
    todo = f"Send a file of at most {limit} bytes."
    declared = headers.get("content-length", "")[:20]  # digits; whatever else it is, the loop below counts for itself
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise TooLongError(f"is {declared} bytes long", todo)
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > limit:
            raise TooLongError(f"is longer than {limit} bytes", todo)
    return bytes(body)
