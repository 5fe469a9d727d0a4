"""Is the input worth paying for: fetches the picture once and judges it, and knocks at the videos, before anything is paid.

It may not pay, retry, keep what it fetched, raise for what a caller or their server does, or show the query of an address.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpcore
import httpx

from worker.addresses import AddressNotAllowedError, GuardedNetwork, Resolve, refusal_of, system_addresses
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.job import Request
from worker.durations import show_duration
from worker.pictures import UnfitPictureError, judge
from worker.presigned import ExpiryUnreadableError, expires_at, expires_by, without_query


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an input may cost us, and what it must offer Tavus."""

    timeout: timedelta = timedelta(seconds=10)  # for one job's addresses together, names, TLS and redirects included: a worker waits on it
    max_bytes: int = 25 * 1024 * 1024  # bytes; the largest JPEG of a phone camera, nearly twice. It is held in memory
    max_pixels: int = 52_000_000  # pixels; the largest common phone pictures have 8160x6144. Decoded at 4 bytes a pixel, some 200 MB
    max_redirects: int = 3  # hops; http to https, a bare domain to its www, that one to a CDN
    min_side: int = 512  # pixels, both sides; Tavus' own rule for image training
    min_url_life: timedelta = timedelta(hours=24)  # Tavus asks for it: a training takes hours, and may wait in line before
    allow_http: bool = False  # a picture of a person does not travel in the clear; the sandbox's does
    allow_private: bool = False  # see worker.addresses; True only for the sandbox


_PICTURE, _VIDEO = b"image/jpeg, image/png, */*;q=0.1", b"video/mp4, */*;q=0.1"  # no image/webp: some CDNs convert to what is accepted
_FIELDS = (("train_image_url", _PICTURE), ("train_video_url", _VIDEO), ("consent_video_url", _VIDEO))
_LONGEST_URL = 8192  # characters; what common servers and CDNs take at most, so a longer one cannot be fetched by Tavus either
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 425, 429})  # "not now", in the range of "never"
_HOST = re.compile(rb"(?=.{1,253}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|[0-9a-f.]*:[0-9a-f:.]+", re.IGNORECASE)  # a name, or IPv6
# What nearly every address looks like: fit by its form, whoever reads it. To parse it properly takes longer than all else at the door.
_PLAIN = re.compile(
    r"https://(?=[^/?#]{1,253}(?:[/?#]|\Z))(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!xn--)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?:[/?#].{0,7900})?"
)


class Preflight:
    """One for a process, used from any number of threads. `resolve` and `network` are for whoever has another internet, such as a test."""

    def __init__(self, limits: Limits, *, resolve: Resolve = system_addresses, network: httpcore.NetworkBackend | None = None) -> None:
        self._limits, self._resolve, self._network = limits, resolve, network

    def check(self, request: Request, now: datetime) -> InputPassed | InputRejected | InputUnread:
        """Whether paying for this request's picture or videos makes sense. `now`: aware. Blocks for `timeout`, and as long again to decode.

        Expiry is asked of the caller's own addresses only: what they redirect to is often signed anew for each visitor.
        """
        sent = [(name, str(request.replica[name]), accept) for name, accept in _FIELDS if request.replica.get(name) is not None]
        if not sent:
            return InputRejected(Failure.URL_NOT_ALLOWED, "There is neither train_image_url nor train_video_url. Send one of them.")
        limits = self._limits
        network = GuardedNetwork(within=limits.timeout, allow_private=limits.allow_private, resolve=self._resolve, network=self._network)
        try:
            # A pool for each check, so that threads share nothing, not even a TLS context: httpcore sets the ALPN of a shared one at each
            # connect, while another thread may be copying it outside CPython's lock. It makes its own (some 50 ms) only when there is TLS.
            # Nothing is kept alive: each job has another host, and what redirects to itself is resolved and checked again.
            with httpcore.ConnectionPool(max_keepalive_connections=0, network_backend=network) as pool:
                for name, address, accept in sent:
                    self._look(pool, name, address, accept, now)
        except _StoppedError as stopped:
            return stopped.event
        return InputPassed()

    def close(self) -> None:
        """For the owner that closes whatever it opened: nothing is open between checks."""

    def problem_of(self, name: str, address: str, now: datetime) -> str | None:
        """What is wrong with an address at first sight, without asking any network; None when it is worth a look."""
        if _PLAIN.fullmatch(address) and not _is_odd(address) and self._lives(address, now):
            return None
        try:
            self._require_plausible(name, address, now)
        except _StoppedError as stopped:
            return stopped.event.detail
        return None

    def _look(self, pool: httpcore.ConnectionPool, name: str, address: str, accept: bytes, now: datetime) -> None:
        url = self._require_plausible(name, address, now)
        body = self._fetch(pool, name, url, accept)
        if accept is _PICTURE:
            _judge_picture(f"{name} {without_query(address)}", body, self._limits)

    def _require_plausible(self, name: str, address: str, now: datetime) -> httpx.URL:
        found = f"{name} {without_query(address)}"
        if len(address) > _LONGEST_URL:
            raise _rejected(Failure.URL_NOT_ALLOWED, found, f"is longer than {_LONGEST_URL} characters", "Send a shorter address.")
        if _is_odd(address):
            raise _rejected(Failure.URL_NOT_ALLOWED, found, "holds a space, backslash or control character", "Send it percent-encoded.")
        url = _parsed(found, address)
        self._require_form(found, url)
        self._require_life(found, address, now)
        return url

    def _require_form(self, found: str, url: httpx.URL) -> None:
        """That the address looks as it should. Where it leads is asked at the moment of dialling, by the guard."""
        schemes = ("https", "http") if self._limits.allow_http else ("https",)
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
            raise _rejected(Failure.URL_NOT_ALLOWED, found, problem, "Send a plain https:// address of a public host.")
        # An address that is written as a number needs no resolver; "not an address" is a name, which the guard looks into.
        # As it stands in the address: httpx reads international names (`xn--...`) and raises for odd ones.
        reason = None if self._limits.allow_private else refusal_of(url.raw_host.decode("ascii"))
        if reason not in {None, "not an address"}:
            problem, todo = f"leads to an address that is not public ({reason})", "Send an address that anybody on the internet can reach."
            raise _rejected(Failure.ADDRESS_NOT_ALLOWED, found, problem, todo)

    def _lives(self, address: str, now: datetime) -> bool:
        """Whether a plain address still lives long enough."""
        try:
            expires = expires_by(address.partition("#")[0].partition("?")[2])
        except ExpiryUnreadableError:
            return False
        return expires is None or expires >= now + self._limits.min_url_life

    def _require_life(self, found: str, address: str, now: datetime) -> None:
        needed = self._limits.min_url_life
        todo = f"Send one that lives for {show_duration(needed)} or more from now."
        try:
            expires = expires_at(address)
        except ExpiryUnreadableError as error:
            problem = f"is presigned, but does not say until when: {error}"
            raise _rejected(Failure.URL_EXPIRES_TOO_SOON, found, problem, todo) from error
        if expires is not None and expires < now + needed:
            left = f"in {show_duration(expires - now)}" if expires > now else "already over"
            problem = f"expires at {expires.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({left})"
            raise _rejected(Failure.URL_EXPIRES_TOO_SOON, found, problem, todo)

    def _fetch(self, pool: httpcore.ConnectionPool, name: str, url: httpx.URL, accept: bytes) -> bytes:
        """The picture's bytes; of a video nothing, only that a GET is answered with success."""
        found = f"{name} {without_query(str(url))}"
        for _ in range(self._limits.max_redirects + 1):
            with _as_answers(found), pool.stream("GET", _for_httpcore(url), headers=_headers(url, accept)) as response:
                location = _header(response, b"location")
                if response.status not in _REDIRECTS or not location:
                    _require_success(found, response.status)
                    return _body(found, response, self._limits.max_bytes) if accept is _PICTURE else b""
            url = _parsed(found, location, base=url)
            found = f"{found} -> {without_query(str(url))}"
            self._require_form(found, url)
        problem = f"redirects more than {self._limits.max_redirects} times"
        raise _rejected(Failure.IMAGE_NOT_FOUND, found, problem, "Send the address at which they end.")


def _is_odd(address: str) -> bool:
    """Some readers drop these, some take them for a slash: what Tavus would fetch is then not what was looked at here."""
    return not address.isprintable() or " " in address or "\\" in address


class _StoppedError(Exception):
    """The look is over before its end; `event` is the answer."""

    def __init__(self, event: InputRejected | InputUnread) -> None:
        super().__init__(event.detail)
        self.event = event


def _rejected(failure: Failure, found: str, problem: str, todo: str) -> _StoppedError:
    return _StoppedError(InputRejected(failure, f"{found} {problem}. {todo}"))


def _parsed(found: str, address: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        return base.join(address) if base else httpx.URL(address)
    except (httpx.InvalidURL, ValueError):  # not quoted: its text may hold a password
        problem = "redirects to what cannot be read as an address" if base else "cannot be read as an address"
        raise _rejected(Failure.URL_NOT_ALLOWED, found, problem, "Send a plain https:// address of a public host.") from None


@contextmanager
def _as_answers(found: str) -> Generator[None]:
    """What goes wrong on the way, as an answer. No error is quoted: it may name an address inside a network."""
    try:
        yield
    except AddressNotAllowedError as error:
        problem = f"leads to an address that is not public ({error.reason})"
        todo = "Send an address that anybody on the internet can reach."
        raise _rejected(Failure.ADDRESS_NOT_ALLOWED, found, problem, todo) from error
    except httpcore.TimeoutException as error:
        raise _StoppedError(InputUnread(f"{found} was not answered in time. See that its server answers quickly.")) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
        kind = "its TLS certificate is not valid" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "the connection failed"
        raise _StoppedError(InputUnread(f"{found} could not be read: {kind}. See that its server works.")) from error


def _require_success(found: str, status: int) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - the protocol's own numbers
        return
    if 300 <= status < 500 and status not in _TRANSIENT:  # noqa: PLR2004
        why = " (expired, or not public)" if status in {401, 403} else ""
        raise _rejected(Failure.IMAGE_NOT_FOUND, found, f"answers {status}{why}", "Send an address that answers a plain GET with the file.")
    raise _StoppedError(InputUnread(f"{found} answers {status}. See that its server works."))


def _body(found: str, response: httpcore.Response, limit: int) -> bytes:
    todo = f"Send a file of at most {limit} bytes."
    declared = _header(response, b"content-length")[:20]  # digits; whatever else it is, the loop below counts for itself
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise _rejected(Failure.IMAGE_TOO_LARGE, found, f"is {declared} bytes long", todo)
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > limit:
            raise _rejected(Failure.IMAGE_TOO_LARGE, found, f"is longer than {limit} bytes", todo)
    return bytes(body)


def _judge_picture(found: str, body: bytes, limits: Limits) -> None:
    try:
        judge(body, min_side=limits.min_side, max_pixels=limits.max_pixels, within=limits.timeout)
    except UnfitPictureError as unfit:
        raise _rejected(unfit.failure, found, unfit.problem, unfit.todo) from unfit
    except (MemoryError, TimeoutError) as error:  # a busy worker looks like this too: nothing was learned of the picture
        raise _StoppedError(InputUnread(f"{found} took too much time or memory to decode. Save the picture anew.")) from error


def _headers(url: httpx.URL, accept: bytes) -> list[tuple[bytes, bytes]]:
    # identity: what is unpacked is not bounded by what was sent.
    plain = [(b"Accept", accept), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"replica-worker (input check)")]
    return [(b"Host", url.netloc), *plain]


def _for_httpcore(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("utf-8", "replace").strip() for key, value in response.headers if key.lower() == name), "")
