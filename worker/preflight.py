"""Is the input worth paying for: fetches the picture once and judges it, and knocks at the videos, before anything is paid.

It may not pay, retry, keep what it fetched, raise for what a caller or their server does, or show the query of an address.
"""

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import NoReturn

import httpcore
import httpx
from PIL import Image, UnidentifiedImageError

from worker.addresses import AddressNotAllowedError, GuardedNetwork, Resolve, system_addresses
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.job import Request
from worker.presigned import ExpiryUnreadableError, expires_at, without_query


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an input may cost us and must offer Tavus."""

    timeout: timedelta = timedelta(seconds=10)  # for one job's addresses together, names, TLS and redirects included: a worker waits on it
    max_bytes: int = 25 * 1024 * 1024  # bytes; the largest PNG of a phone camera, twice over. It is held in memory
    max_pixels: int = 52_000_000  # pixels; the largest phone pictures have 8160x6144. Decoded at 4 bytes a pixel, some 200 MB
    max_redirects: int = 3  # hops; http to https, a bare domain to its www, that one to a CDN
    min_side: int = 512  # pixels, both sides; Tavus' own rule for image training
    min_url_life: timedelta = timedelta(hours=24)  # Tavus asks for it: a training takes hours and may wait in line before
    allow_http: bool = False  # a picture of a person does not travel in the clear; the sandbox's does
    allow_private: bool = False  # see worker.addresses; True only for the sandbox


_PICTURE, _VIDEO = b"image/jpeg, image/png, */*;q=0.1", b"video/mp4, */*;q=0.1"  # no image/webp: some CDNs convert to what is accepted
_FIELDS = (("train_image_url", _PICTURE), ("train_video_url", _VIDEO), ("consent_video_url", _VIDEO))
_LONGEST_URL = 8192  # characters; what common servers and CDNs take at most, so a longer one cannot be fetched by Tavus either
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 425, 429})  # "not now", in the range of "never"
_HOST = re.compile(rb"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}\.)*[a-z0-9_-]{0,62}\.?|[0-9a-f:.]+", re.IGNORECASE)
_MOST_SCANS = 64  # passes over a progressive JPEG: encoders write about ten, and each costs 50 ms of a core at 50 megapixels
# Every marker that is followed by a length: not stuffing, TEM, RST or SOI.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_END_OF_IMAGE, _START_OF_SCAN = b"\xd9", b"\xda"
_PLAIN = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_KINDS = (
    (re.compile(rb"GIF8"), "a GIF"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "a WebP"),
    (re.compile(rb"....ftyp(hei|mif|msf)", re.DOTALL), "a HEIC, as phones make them"),
    (re.compile(rb"....ftypavi", re.DOTALL), "an AVIF"),
    (re.compile(rb"....ftyp", re.DOTALL), "a video"),
    (re.compile(rb"\s*(\xef\xbb\xbf)?\s*<"), "a web page or XML"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb"\x1f\x8b"), "compressed (gzip)"),
    (re.compile(rb"\Z"), "empty"),
)


class Preflight:
    """One for a process, used from any number of threads. `resolve` and `network` are for whoever has another internet, such as a test."""

    def __init__(self, limits: Limits, *, resolve: Resolve = system_addresses, network: httpcore.NetworkBackend | None = None) -> None:
        self._limits = limits
        self._resolve, self._network = resolve, network
        # A TLS context for each thread: httpcore sets the ALPN of the context it is given at each connect, while CPython may be copying
        # it in another thread without the lock. Making one takes 60 ms, so they are kept.
        self._tls = threading.local()

    def check(self, request: Request, now: datetime) -> InputPassed | InputRejected | InputUnread:
        """Whether paying for this request's picture or videos makes sense. `now`: aware. Blocks for `timeout`, and then for the decoding.

        Expiry is asked of the caller's own address only: what it redirects to is often signed anew for each visitor.
        """
        network = GuardedNetwork(
            within=self._limits.timeout, allow_private=self._limits.allow_private, resolve=self._resolve, network=self._network
        )
        looked = False
        try:
            # Nothing is kept alive: each job has another host, and an idle connection is one more to be hung up on.
            with httpcore.ConnectionPool(self._context(), max_keepalive_connections=0, network_backend=network) as pool:
                for name, accept in _FIELDS:
                    if (address := request.replica.get(name)) is not None:
                        self._look(pool, name, str(address), accept, now)
                        looked = True
        except _StoppedError as stopped:
            return stopped.event
        nothing = "There is neither train_image_url nor train_video_url. Send one of them."
        return InputPassed() if looked else InputRejected(Failure.URL_NOT_ALLOWED, nothing)

    def close(self) -> None:
        """Nothing is open between checks; what is kept is let go."""
        self._tls = threading.local()

    def _context(self) -> ssl.SSLContext:
        if not hasattr(self._tls, "context"):
            self._tls.context = httpcore.default_ssl_context()
        context: ssl.SSLContext = self._tls.context
        return context

    def _look(self, pool: httpcore.ConnectionPool, name: str, address: str, accept: bytes, now: datetime) -> None:
        found = f"{name} {without_query(address)}"
        if len(address) > _LONGEST_URL:
            _reject(Failure.URL_NOT_ALLOWED, found, f"is longer than {_LONGEST_URL} characters", "Send a shorter address.")
        # A browser drops these or reads them as a slash: what Tavus would fetch is then not what was looked at here.
        if any(c.isspace() or not c.isprintable() or c == "\\" for c in address):
            _reject(Failure.URL_NOT_ALLOWED, found, "holds a space, a backslash or a control character", "Send it percent-encoded.")
        url = self._allowed(name, found, address)
        self._require_life(found, address, now)
        body = self._fetch(pool, name, url, accept)
        if accept is _PICTURE:
            _judge_picture(found, body, self._limits)

    def _allowed(self, name: str, found: str, address: str, base: httpx.URL | None = None) -> httpx.URL:
        """The parsed address, if its form is allowed. Where it leads is asked at the moment of dialling, by the guard."""
        schemes = ("https", "http") if self._limits.allow_http else ("https",)
        problem = None
        try:
            url = base.join(address) if base else httpx.URL(address)
        except (httpx.InvalidURL, ValueError):  # their text may quote a password
            _reject(Failure.URL_NOT_ALLOWED, found, "cannot be read as an address", "Send a plain https:// address.")
        if url.scheme not in schemes:
            problem = f"does not start with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        elif url.userinfo:
            problem = "holds a user or a password"
        elif not _HOST.fullmatch(url.raw_host) or b".." in url.raw_host:
            problem = "does not name a host"
        elif url.port == 0 or (url.port or 0) > 65535:  # noqa: PLR2004 - TCP's own number
            problem = "names a port that does not exist"
        if problem:
            shown = f"{name} redirects to {without_query(str(url))}, which" if base else found
            _reject(Failure.URL_NOT_ALLOWED, shown, problem, "Send a plain https:// address of a public host.")
        return url

    def _require_life(self, found: str, address: str, now: datetime) -> None:
        needed = self._limits.min_url_life
        todo = f"Send one that lives for {_hours(needed)} or more from now."
        try:
            expires = expires_at(address)
        except ExpiryUnreadableError as error:
            _reject(Failure.URL_EXPIRES_TOO_SOON, found, f"is presigned, but does not say until when: {error}", todo)
        if expires is not None and expires < now + needed:
            when = f"{expires.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            left = f"in {_hours(expires - now)}" if expires > now else "already over"
            _reject(Failure.URL_EXPIRES_TOO_SOON, found, f"expires at {when} ({left})", todo)

    def _fetch(self, pool: httpcore.ConnectionPool, name: str, url: httpx.URL, accept: bytes) -> bytes:
        """The picture's bytes; of a video only that a GET is answered with success."""
        found = f"{name} {without_query(str(url))}"
        for _ in range(self._limits.max_redirects + 1):
            here = f"{name} {without_query(str(url))}"
            with _as_verdicts(here), pool.stream("GET", _for_httpcore(url), headers=_headers(url, accept)) as response:
                location = _header(response, b"location")
                if response.status not in _REDIRECTS or not location:
                    _require_success(here, response.status)
                    return self._body(here, response) if accept is _PICTURE else b""
            url = self._allowed(name, here, location, base=url)
        problem = f"redirects more than {self._limits.max_redirects} times"
        _reject(Failure.IMAGE_NOT_FOUND, found, problem, "Send the address at which they end.")

    def _body(self, found: str, response: httpcore.Response) -> bytes:
        limit = self._limits.max_bytes
        todo = f"Send a file of at most {limit} bytes."
        declared = _header(response, b"content-length")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
            _reject(Failure.IMAGE_TOO_LARGE, found, f"is {declared[:20]} bytes long", todo)
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > limit:
                _reject(Failure.IMAGE_TOO_LARGE, found, f"is longer than {limit} bytes", todo)
        return bytes(body)


class _StoppedError(Exception):
    """The look is over before its end; `event` is the answer."""

    def __init__(self, event: InputRejected | InputUnread) -> None:
        super().__init__(event.detail)
        self.event = event


def _reject(failure: Failure, found: str, problem: str, todo: str) -> NoReturn:
    raise _StoppedError(InputRejected(failure, f"{found} {problem}. {todo}"))


@contextmanager
def _as_verdicts(found: str) -> Iterator[None]:
    """What goes wrong on the way, as an answer. None of these texts quotes the error: it may name an address inside a network."""
    try:
        yield
    except AddressNotAllowedError as error:
        problem = f"leads to an address that is not public ({error.reason})"
        _reject(Failure.ADDRESS_NOT_ALLOWED, found, problem, "Send an address that anybody on the internet can reach.")
    except httpcore.TimeoutException as error:
        raise _StoppedError(InputUnread(f"{found} was not answered in time. See that its server answers quickly.")) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
        kind = "its TLS certificate is not valid" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "the connection failed"
        raise _StoppedError(InputUnread(f"{found} could not be read: {kind}. See that its server works.")) from error


def _require_success(found: str, status: int) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - the protocol's own numbers
        return
    if 300 <= status < 500 and status not in _TRANSIENT:  # noqa: PLR2004
        why = " (expired or not public)" if status in {401, 403} else ""
        _reject(Failure.IMAGE_NOT_FOUND, found, f"answers {status}{why}", "Send an address that answers a plain GET with the file.")
    raise _StoppedError(InputUnread(f"{found} answers {status}. See that its server works."))


def _judge_picture(found: str, body: bytes, limits: Limits) -> None:
    try:
        with Image.open(BytesIO(body), formats=("JPEG", "PNG")) as picture:
            _judge_size(found, picture.size, limits)
            if picture.format != "PNG" and _has_too_many_scans(body):
                _reject(Failure.IMAGE_DAMAGED, found, f"is a JPEG of more than {_MOST_SCANS} scans", "Save the picture anew.")
            picture.draft(None, (picture.width // 8, picture.height // 8))  # a JPEG is still read to its end, at 1/64 of the memory
            picture.load()
    except _StoppedError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        _reject(Failure.IMAGE_TOO_LARGE, found, "declares a size that no camera makes", f"Send at most {limits.max_pixels} pixels.")
    except MemoryError as error:  # ours to mend: nothing was learned of the picture
        raise _StoppedError(InputUnread(f"{found} could not be decoded: the worker has too little memory.")) from error
    except Exception as error:  # noqa: BLE001 - a decoder that meets hostile bytes raises anything, and all of it means this
        if isinstance(error, UnidentifiedImageError) and not body.startswith(_PLAIN):
            kind = next((kind for start, kind in _KINDS if start.match(body)), "something else")
            _reject(Failure.IMAGE_FORMAT, found, f"is {kind}, neither JPG nor PNG, whatever its name", "Send a JPG or PNG.")
        _reject(Failure.IMAGE_DAMAGED, found, "does not decode to its end", "Send a picture that opens without errors.")


def _judge_size(found: str, size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if min(size) < limits.min_side:
        todo = f"Send at least {limits.min_side}x{limits.min_side}; do not enlarge a small picture."
        _reject(Failure.IMAGE_TOO_SMALL, found, f"is {width}x{height} pixels", todo)
    if width * height > limits.max_pixels:
        _reject(Failure.IMAGE_TOO_LARGE, found, f"is {width}x{height} pixels", f"Send at most {limits.max_pixels} pixels.")


def _has_too_many_scans(body: bytes) -> bool:
    """Walks the markers of a JPEG: a small file of a million empty scans keeps a decoder busy for an hour, and nothing can stop it."""
    scans, at = 0, 2
    while (marker := _MARKER.search(body, at)) and marker[1] != _END_OF_IMAGE and scans <= _MOST_SCANS:
        scans += marker[1] == _START_OF_SCAN
        at = marker.end() + int.from_bytes(body[marker.end() : marker.end() + 2])
    return scans > _MOST_SCANS


def _headers(url: httpx.URL, accept: bytes) -> list[tuple[bytes, bytes]]:
    # identity: what is unpacked is not bounded by what was sent.
    plain = [(b"Accept", accept), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"replica-worker (input check)")]
    return [(b"Host", url.netloc), *plain]


def _for_httpcore(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("utf-8", "replace").strip() for key, value in response.headers if key.lower() == name), "")


def _hours(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
