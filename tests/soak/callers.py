"""Those who use the system while it soaks: services that ask for jobs, people and machines that look. They may not judge what they are answered."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import httpx
from celery import Celery
from kombu.exceptions import OperationalError
from typing_extensions import override

from tests.receiver import Receiver
from tests.soak.tavus import ACCOUNTS

_BY_MESSAGE = 5  # every so many-th job is sent through Celery; the rest over HTTP
_STARTS = ("on_ready",) * 17 + ("none", "none", "on_demand")
# Nobody comes to any. One that is over is not in the list in which it is looked for, and an hour is over in seconds here, where a line is not faster.
_LASTING = {"participant_absent_timeout": 10_800, "max_call_duration": 10_800}
_LOOK_SECONDS = 5.0
_PATIENCE_SECONDS = 30.0
_TOLD = 200  # characters of a refusal
_UNWELL = 20  # every so many-th notification is answered with an error


class Told(Receiver):
    """A caller's server that remembers how many notifications it was sent, and none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: Counter[int] = Counter()

    @override
    def hear(self, headers: Mapping[str, str], body: bytes) -> int:
        with self.lock:
            status = HTTPStatus.SERVICE_UNAVAILABLE if self.answers.total() % _UNWELL == 0 else HTTPStatus.NO_CONTENT
            self.answers[status] += 1
        return status


@contextmanager
def told_server() -> Iterator[Told]:
    """One, for as long as a `with` lasts."""
    with Told() as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one
        one.shutdown()


class Services(threading.Thread):
    """Asks for `rate` jobs a second, by HTTP and by message, until `stop`."""

    def __init__(self, api: str, broker: str, pictures: str, told: str, rate: float) -> None:
        super().__init__(name="services", daemon=True)
        self.sent, self.failed = 0, Counter[str]()
        self._api, self._broker, self._pictures, self._told, self._rate = api, broker, pictures, told, rate
        self._enough = threading.Event()

    @override
    def run(self) -> None:
        began = time.monotonic()
        with (
            httpx.Client(base_url=self._api, timeout=_PATIENCE_SECONDS, trust_env=False) as client,
            Celery("another-service", broker=self._broker, set_as_current=False) as app,
        ):
            while not self._enough.wait(1 / self._rate):
                due = int((time.monotonic() - began) * self._rate)
                for number in range(self.sent, due):
                    if number % _BY_MESSAGE:
                        self._post(client, self._document(number))
                    else:
                        self._send(app, self._document(number))
                self.sent = max(due, self.sent)

    def stop(self) -> None:
        """Ask for no more."""
        self._enough.set()
        self.join()

    def _send(self, app: Celery, document: dict[str, object]) -> None:
        try:
            app.send_task("replicas.create", kwargs=document, queue="replicas.create")
        except OperationalError as error:
            self.failed[type(error).__name__] += 1

    def _post(self, client: httpx.Client, document: dict[str, object]) -> None:
        try:
            answer = client.post("/v1/jobs", json=document)
        except httpx.HTTPError as error:
            self.failed[type(error).__name__] += 1
            return
        if not answer.is_success:
            self.failed[f"{answer.status_code}: {answer.text[:_TOLD]}"] += 1

    def _document(self, number: int) -> dict[str, object]:
        accounts, start = list(ACCOUNTS), _STARTS[number % len(_STARTS)]
        return {
            "replica": {"train_image_url": f"{self._pictures}?job=soak-{number}", "voice_name": "anna"},
            "conversation": {"start": start} if start == "none" else {"start": start, "properties": _LASTING},
            "account": accounts[number % len(accounts)],
            "notify_url": self._told,
            "idempotency_key": f"soak-{number}",
        }


class Lookers(threading.Thread):
    """Prometheus, a load balancer, and people at the board: each page every few seconds, until `stop`. The board is also followed for a while."""

    _PAGES = ("/livez", "/readyz", "/board", "/v1/jobs?limit=50", "/v1/jobs?state=held")

    def __init__(self, api: str) -> None:
        super().__init__(name="lookers", daemon=True)
        self.answers: Counter[str] = Counter()
        self._api, self._enough = api, threading.Event()

    @override
    def run(self) -> None:
        with httpx.Client(base_url=self._api, timeout=_PATIENCE_SECONDS, trust_env=False) as client:
            while not self._enough.wait(_LOOK_SECONDS):
                for page in self._PAGES:
                    self._look(client, page)
                self._follow(client)

    def stop(self) -> None:
        """Look no more."""
        self._enough.set()
        self.join()

    def _look(self, client: httpx.Client, page: str) -> None:
        try:
            self.answers[f"{page} {client.get(page).status_code}"] += 1
        except httpx.HTTPError as error:
            self.answers[f"{page} {type(error).__name__}"] += 1

    def _follow(self, client: httpx.Client) -> None:
        """Until its first words, as somebody who opens the board and leaves."""
        try:
            with client.stream("GET", "/board/live") as answer:
                next(answer.iter_raw(), None)
                self.answers[f"/board/live {answer.status_code}"] += 1
        except httpx.HTTPError as error:
            self.answers[f"/board/live {type(error).__name__}"] += 1
