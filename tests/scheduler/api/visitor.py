"""A person at a link, and programs that only look at it; an API with links, and what the sandbox has opened for it. It asserts nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.api.served import Api, serving
from tests.scheduler.made import a_job_in, at_tavus, paid, settings_in, trained
from tests.worker.store.made import changed
from worker.core.job import Job, Outcome
from worker.core.request import Request, Start
from worker.core.states import State
from worker.store.clock import utc_now

CHROME = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}
PREVIEWS = {
    "Slack": {"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
    "Teams": {"user-agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"},
    "WhatsApp": {"user-agent": "WhatsApp/2.23.20.0"},
    "Facebook": {"user-agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"},
    "a search engine": {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    | {"sec-fetch-mode": "navigate"},
    "a prefetch": CHROME | {"sec-purpose": "prefetch"},
    "an old prefetch": CHROME | {"purpose": "prefetch"},
    "a script": CHROME | {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
    "a picture": CHROME | {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    "who claims to be a browser": {"user-agent": CHROME["user-agent"]},
    "nobody": {"user-agent": ""},
}


@contextmanager
def door(home: Path, broker: Broker, tavus: Sandbox, **changes: Any) -> Iterator[Api]:  # noqa: ANN401 - fields of Settings
    """The API with links, and a worker's hand that opens what is due."""
    settings = settings_in(home, redis_url=broker.url, secret=SecretStr("s"), retry_base=timedelta(seconds=0.2), **changes)
    with serving(at_tavus(settings, tavus)) as api:
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.05):
                for job in api.parts.ledger.recent(100, State.OPENING):
                    api.parts.engine.advance(job.id)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield api
        stop.set()
        thread.join()


def ready(api: Api, tavus: Sandbox, **conversation: Any) -> Job:  # noqa: ANN401 - fields of a conversation
    """A job whose replica is trained, and whose conversation is opened on demand."""
    job = trained(api.parts, tavus)
    request = replace(job.request, conversation=conversation)
    return changed(api.parts.ledger, job, request=request)


def path_of(api: Api, job: Job) -> str:
    """The path of the job's link."""
    return f"/c/{api.parts.links.token_of(job.id)}"


def visit(api: Api, job: Job, query: str = "", **headers: str) -> httpx.Response:
    """A person follows the link."""
    return api.client.get(path_of(api, job) + query, headers=CHROME | headers)


def in_state(api: Api, state: State, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job on demand in this state."""
    stranger = a_job_in(api.parts, State.CANCELLED)
    request = Request(replica={"model_name": "phoenix-4", "train_image_url": "https://p.example/a.jpg"}, start=Start.ON_DEMAND)
    outcome = {State.TRAINING: Outcome.CHARGED, State.SUBMITTING: Outcome.RESERVED}.get(state, Outcome.TRAINED)
    plain: dict[str, Any] = {
        "request": request,
        "attempts": () if state is State.QUEUED else paid(stranger, outcome, intended_at=utc_now()),
    }
    return a_job_in(api.parts, state, **(plain | changes))


def opened(tavus: Sandbox, job: Job) -> int:
    """How many conversations its replica has had, by Tavus' books."""
    return len(tavus.ledger()["conversations"].get(job.replica_id, ()))


def is_guarded(answer: httpx.Response) -> bool:
    """Whether nobody keeps it, and nobody is told the address."""
    headers = answer.headers
    strict = "default-src 'none'" in headers["content-security-policy"] and "unsafe" not in headers["content-security-policy"]
    kept = (headers["cache-control"], headers["referrer-policy"], headers["x-robots-tag"])
    return strict and kept == ("no-store", "no-referrer", "noindex, nofollow") and "<script" not in answer.text


def active(tavus: Sandbox) -> list[Any]:
    """The conversations that go on."""
    headers = {"x-api-key": "key-of-default"}
    shown = httpx.get(f"{tavus.url}/conversations?status=active&limit=100", headers=headers, trust_env=False).json()
    return list(shown["data"])


def forget(api: Api) -> None:
    """As if the API had not asked Tavus just now."""
    app: Any = api.app
    app.state.visits._open.clear()


def until(holds: Callable[[], bool]) -> None:
    """Wait for what comes by itself. Raises TimeoutError."""
    end = time.monotonic() + 60
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)
