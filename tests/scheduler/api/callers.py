"""Callers with tokens of their own, for tests: an API that asks for them, and clients that bear them. It asserts nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from scheduler.producers import Asked, enqueue_many
from scheduler.tokens import make_token
from tests.scheduler.api.served import Api
from tests.scheduler.made import a_request
from tests.worker.store.made import changed
from worker.assembly import Parts
from worker.core.job import Job
from worker.core.states import State
from worker.store.jobs import Added
from worker.store.tokens import Scope


@dataclass(frozen=True)
class Bearer:
    """A caller at an API."""

    api: Api
    token: str
    id: str

    def call(self, method: str, path: str, document: object = None, **headers: str) -> httpx.Response:
        """Call with the token; POST, PATCH and so on as JSON."""
        given = {name.replace("_", "-"): value for name, value in headers.items()} | {"authorization": f"Bearer {self.token}"}
        return self.api.client.request(method, path, json=document, headers=given)


def a_caller(api: Api, name: str, scopes: Iterable[Scope] = tuple(Scope), **more: Any) -> Bearer:  # noqa: ANN401 - see `make_token`
    """A new token of that caller."""
    token, text = make_token(api.parts, name, frozenset(scopes), **more)
    return Bearer(api, text, token.id)


def a_job_of(parts: Parts, caller: str, state: State = State.QUEUED, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job of that caller, brought to this state."""
    request = {name: changes.pop(name) for name in ("idempotency_key", "metadata", "notify_url") if name in changes}
    [added] = enqueue_many(parts, [Asked(a_request(**request), caller=caller)])
    if not isinstance(added, Added):
        raise added
    return changed(parts.ledger, added.job, state=state, due_at=None, **changes)
