"""Is the input worth paying for: fetches the picture once and judges it, and knocks at the videos, before anything is paid.

It may not pay, retry, keep what it fetched, raise for what a caller or their server does, or show the query of an address.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore

from worker.addresses import Resolve, system_addresses
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.failures import Failure
from worker.core.request import Request
from worker.core.vision import Finding, refused
from worker.durations import show_duration
from worker.guarded import Answer, Guard, NotAllowedError, Session, TooLongError, UnansweredError, is_odd
from worker.pictures import UnfitPictureError, judge
from worker.presigned import ExpiryUnreadableError, expires_at, expires_by, without_query
from worker.vision import Eyes


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


_PICTURE, _VIDEO = "image/jpeg, image/png, */*;q=0.1", "video/mp4, */*;q=0.1"  # no image/webp: some CDNs convert to what is accepted
_FIELDS = (("train_image_url", _PICTURE), ("train_video_url", _VIDEO), ("consent_video_url", _VIDEO))
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 425, 429})  # "not now", in the range of "never"
# What nearly every address looks like: fit by its form, whoever reads it. To parse it properly takes longer than all else at the door.
_PLAIN = re.compile(
    r"https://(?=[^/?#]{1,253}(?:[/?#]|\Z))(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!xn--)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?:[/?#].{0,7900})?"
)


class Preflight:
    """One for a process, used from any number of threads. `resolve` and `network` are for whoever has another internet, such as a test."""

    def __init__(
        self,
        limits: Limits,
        *,
        eyes: Eyes | None = None,
        is_gate: bool = False,
        resolve: Resolve = system_addresses,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        """`eyes`: to look for what Tavus would reject. `is_gate`: such a picture is refused, and not only spoken of."""
        self._limits, self._eyes, self._is_gate = limits, eyes, is_gate
        self._guard = Guard(
            allow_http=limits.allow_http,
            allow_private=limits.allow_private,
            agent="replica-worker (input check)",
            resolve=resolve,
            network=network,
        )

    def check(self, request: Request, now: datetime) -> InputPassed | InputRejected | InputUnread:
        """Whether paying for this request's picture or videos makes sense. `now`: aware. Blocks for `timeout`, and as long again to decode.

        Expiry is asked of the caller's own addresses only: what they redirect to is often signed anew for each visitor.
        """
        sent = [(name, str(request.replica[name]), accept) for name, accept in _FIELDS if request.replica.get(name) is not None]
        if not sent:
            return InputRejected(Failure.URL_NOT_ALLOWED, "There is neither train_image_url nor train_video_url. Send one of them.")
        advice: list[str] = []
        try:
            with self._guard.session(self._limits.timeout) as session:
                for name, address, accept in sent:
                    body = self._look(session, name, address, accept, now)
                    advice += self._judged(f"{name} {without_query(address)}", body, request) if accept is _PICTURE else []
        except _StoppedError as stopped:
            return stopped.event
        return InputPassed(advice=tuple(advice))

    def check_file(self, file: Path) -> InputPassed | InputRejected | InputUnread:
        """The same for a picture that lies here. Raises OSError where there is none."""
        limit = self._limits.max_bytes
        with file.open("rb") as stream:
            body = stream.read(limit + 1)
        try:
            if len(body) > limit:
                raise _rejected(Failure.IMAGE_TOO_LARGE, file.name, f"is longer than {limit} bytes", "Send a smaller file.")
            return InputPassed(advice=tuple(self._judged(file.name, body, Request(replica={}))))
        except _StoppedError as stopped:
            return stopped.event

    def close(self) -> None:
        """For the owner that closes whatever it opened: nothing is open between checks."""

    def problem_of(self, name: str, address: str, now: datetime, *, lasts: bool = True) -> str | None:
        """What is wrong with an address at first sight, without asking any network; None when it is worth a look.

        `lasts`: whether it must live as long as a training may have to wait.
        """
        if _PLAIN.fullmatch(address) and not is_odd(address) and (not lasts or self._lives(address, now)):
            return None
        try:
            self._require_plausible(name, address, now, lasts=lasts)
        except _StoppedError as stopped:
            return stopped.event.detail
        return None

    def _look(self, session: Session, name: str, address: str, accept: str, now: datetime) -> bytes:
        self._require_plausible(name, address, now, lasts=True)
        return self._fetch(session, name, address, accept)

    def _judged(self, found: str, body: bytes, request: Request) -> list[str]:
        """What may be said of the picture, when nothing stops it."""
        _judge_picture(found, body, self._limits)
        findings = _seen(found, body, self._eyes) if self._eyes else []
        if self._is_gate and (grave := refused(findings, uses_fixer=request.uses_fixer)):
            said = " ".join(finding.said for finding in grave)
            raise _StoppedError(InputRejected(Failure.LIKELY_REJECTED, f"{found}: {said}"))
        return [finding.said for finding in findings]

    def _require_plausible(self, name: str, address: str, now: datetime, *, lasts: bool) -> None:
        found = f"{name} {without_query(address)}"
        with _as_answers(found):
            self._guard.read(address)
        if lasts:
            self._require_life(found, address, now)

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

    def _fetch(self, session: Session, name: str, address: str, accept: str) -> bytes:
        """The picture's bytes; of a video nothing, only that a GET is answered with success."""
        url, most = self._guard.read(address), self._limits.max_bytes if accept is _PICTURE else 0
        found = f"{name} {without_query(str(url))}"
        for _ in range(self._limits.max_redirects + 1):
            with _as_answers(found):
                answer = session.call("GET", url, headers={"Accept": accept}, most=most)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                _require_success(found, answer)
                return answer.body
            with _as_answers(found):
                url = self._guard.read(location, base=url)
            found = f"{found} -> {without_query(str(url))}"
        problem = f"redirects more than {self._limits.max_redirects} times"
        raise _rejected(Failure.IMAGE_NOT_FOUND, found, problem, "Send the address at which they end.")


class _StoppedError(Exception):
    """The look is over before its end; `event` is the answer."""

    def __init__(self, event: InputRejected | InputUnread) -> None:
        super().__init__(event.detail)
        self.event = event


def _rejected(failure: Failure, found: str, problem: str, todo: str) -> _StoppedError:
    return _StoppedError(InputRejected(failure, f"{found} {problem}. {todo}"))


@contextmanager
def _as_answers(found: str) -> Generator[None]:
    """What is wrong with an address, or goes wrong on the way, as an answer."""
    try:
        yield
    except NotAllowedError as error:
        failure = Failure.ADDRESS_NOT_ALLOWED if error.leads_inside else Failure.URL_NOT_ALLOWED
        raise _rejected(failure, found, error.problem, error.todo) from error
    except TooLongError as error:
        raise _rejected(Failure.IMAGE_TOO_LARGE, found, error.problem, error.todo) from error
    except UnansweredError as error:
        raise _StoppedError(InputUnread(f"{found} {error}")) from error


def _require_success(found: str, answer: Answer) -> None:
    status = answer.status
    if answer.succeeded:
        return
    if 300 <= status < 500 and status not in _TRANSIENT:  # noqa: PLR2004 - the protocol's own numbers
        why = " (expired, or not public)" if status in {401, 403} else ""
        raise _rejected(Failure.IMAGE_NOT_FOUND, found, f"answers {status}{why}", "Send an address that answers a plain GET with the file.")
    raise _StoppedError(InputUnread(f"{found} answers {status}. See that its server works."))


def _seen(found: str, body: bytes, eyes: Eyes) -> list[Finding]:
    try:
        return eyes.findings(body)
    except MemoryError as error:
        raise _StoppedError(InputUnread(f"{found} took too much memory to look at. Save the picture anew.")) from error


def _judge_picture(found: str, body: bytes, limits: Limits) -> None:
    try:
        judge(body, min_side=limits.min_side, max_pixels=limits.max_pixels, within=limits.timeout)
    except UnfitPictureError as unfit:
        raise _rejected(unfit.failure, found, unfit.problem, unfit.todo) from unfit
    except (MemoryError, TimeoutError) as error:  # a busy worker looks like this too: nothing was learned of the picture
        raise _StoppedError(InputUnread(f"{found} took too much time or memory to decode. Save the picture anew.")) from error
