"""What the client of the HTTP API says and hears: its requests, its errors, and how often it tries again. It may not open a connection.

For another process: nothing of the server's is imported here.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

Document = Mapping[str, Any]

RESTING = frozenset({"ready", "done", "held", "abandoned", "cancelled"})
"""States in which nothing happens by itself: the caller has what was asked for, or somebody must do something."""
TRIES = 4  # of a request that may be sent again
AGAIN = frozenset({429, 503})  # nothing was done, and it may be tried again
TIMEOUT = 30.0
STREAM = httpx.Timeout(TIMEOUT, read=60.0)  # the server says something every fifteen seconds
_PAUSE = 0.5  # seconds before the second try; doubled each time
_LONGEST_PAUSE = 30.0


class ApiError(Exception):
    """The API answered with a problem (RFC 9457). `kind` is the stable end of its type, such as `invalid-request`."""

    def __init__(self, status: int, document: Document) -> None:
        """Keep what was said."""
        self.status, self.document = status, document
        self.kind = str(document.get("type", "")).rpartition(":")[2]
        super().__init__(f"{status} {self.kind or 'no problem document'}: {document.get('detail', '')}")


class InvalidError(ApiError):
    """Something in the request is wrong; `problems` names all of it, each with its field. Nothing was stored."""

    @property
    def problems(self) -> list[Document]:
        """One for each thing that is wrong."""
        return list(self.document.get("problems", ()))


class NotAllowedError(ApiError):
    """The token is missing, not accepted, or not for this."""


class NotFoundError(ApiError):
    """There is no such job."""


class NotPossibleError(ApiError):
    """It cannot be done to the job as it is; `detail` says why."""


_ERRORS: Mapping[int, type[ApiError]] = {
    401: NotAllowedError, 403: NotAllowedError, 404: NotFoundError, 409: NotPossibleError, 422: InvalidError,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was when it was asked for. `document`: everything that the API says of it."""

    id: str
    state: str
    conversation_url: str | None
    document: Document = field(repr=False)

    @property
    def rests(self) -> bool:
        """Whether nothing happens to it by itself."""
        return self.state in RESTING


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job's story. `number` counts from 1."""

    number: int
    event: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and whether it may be sent again after an answer that never came."""

    method: str
    path: str
    body: object = None
    key: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """For httpx."""
        headers = {"Idempotency-Key": self.key} if self.key is not None else {}
        return {"headers": headers} | ({"json": self.body} if self.body is not None else {})


def enqueue(request: Document, key: str | None) -> Ask:
    """One job."""
    # A key of its own where the caller has none: the request can then be sent again, and is one job.
    known = key or request.get("idempotency_key") or secrets.token_hex(16)
    return Ask("POST", "/v1/jobs", request, str(known))


def enqueue_many(requests: Sequence[Document]) -> Ask:
    """Many; each with a key, so that all of it can be sent again."""
    keyed = [{"idempotency_key": secrets.token_hex(16), **request} for request in requests]
    return Ask("POST", "/v1/jobs:batch", {"jobs": keyed})


def get(job_id: str) -> Ask:
    """A look."""
    return Ask("GET", f"/v1/jobs/{job_id}")


def read(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    """The document. Raises ApiError."""
    try:
        document = answer.json()
    except ValueError:
        document = {"detail": "the answer is no JSON: is this the address of the API?"}
        raise ApiError(answer.status_code, document) from None
    if answer.is_success:
        return document
    raise _ERRORS.get(answer.status_code, ApiError)(answer.status_code, document if isinstance(document, Mapping) else {})


def job_of(document: Document) -> Job:
    """The job in an answer."""
    return Job(document["id"], document["state"], (document["conversation"] or {}).get("url"), document)


def outcomes(document: Document) -> list[str | ApiError]:
    """What became of each request of a batch."""
    return [_outcome(result) for result in document["results"]]


def _outcome(result: Document) -> str | ApiError:
    if "id" in result:
        return str(result["id"])
    return _ERRORS.get(result["status"], ApiError)(result["status"], result)


def pause(number: int, answer: httpx.Response | None) -> float:
    """Seconds before the next try: what the server says, else more each time, with chance in it so that callers do not come together."""
    said = answer.headers.get("retry-after", "") if answer is not None else ""
    if said.isdecimal():
        return min(float(said), _LONGEST_PAUSE)
    return float(_PAUSE * 2**number * (0.5 + secrets.randbelow(1000) / 1000))


class Lines:
    """Puts a stream of events together, line by line; remembers where it is."""

    def __init__(self, after: int) -> None:
        self.number, self.is_over = after, False
        self._event, self._data, self._id = "", "", ""

    def feed(self, line: str) -> Step | None:
        """The step that is whole with this line, if one is."""
        name, _, value = line.partition(": ")
        match name:
            case "event":
                self._event = value
            case "data":
                self._data = value
            case "id":
                self._id = value
            case "" if not line:
                return self._whole()
        return None

    def _whole(self) -> Step | None:
        event, data, number = self._event, self._data, self._id
        self._event = self._data = self._id = ""
        self.is_over = self.is_over or event == "end"
        if event != "line":
            return None
        told = json.loads(data)
        self.number = int(number)
        return Step(self.number, told["event"], told["to_state"], told["why"])


def headers_of(lines: Lines) -> dict[str, str]:
    """Where a stream is to go on."""
    return {"Last-Event-ID": str(lines.number), "Accept": "text/event-stream"}


def rests_already(answer: httpx.Response) -> bool:
    """204: there is nothing after that line, and there will not be."""
    return answer.status_code == httpx.codes.NO_CONTENT


def next_failure(failures: int, error: Exception) -> int:
    """One more in a row. Raises the error when it is no use to come again."""
    if (isinstance(error, ApiError) and error.status not in AGAIN) or failures >= TRIES:
        raise error
    return failures + 1


def patience(number: int, until: float | None) -> float:
    """Seconds between two looks at a job: it takes hours, so ever longer, up to half a minute."""
    pause = min(0.5 * 1.5 ** min(number, 20), _LONGEST_PAUSE)
    return pause if until is None else max(min(pause, until - time.monotonic()), 0.0)
