"""Whom the board's tests are about: people who are logged in, and jobs of theirs. It asserts nothing."""

from datetime import timedelta
from typing import Any

from tests.scheduler.api.callers import a_caller, a_job_of
from tests.scheduler.api.served import Api
from tests.scheduler.board.conftest import OWNER
from tests.scheduler.board.person import Person
from tests.scheduler.made import paid
from tests.worker.store.made import changed
from worker.core.failures import Failure
from worker.core.job import Job, Outcome
from worker.core.states import State
from worker.store.clock import utc_now
from worker.store.tokens import Scope


def owner(api: Api) -> Person:
    """The owner, logged in."""
    person = Person(api)
    person.log_in(OWNER)
    return person


def someone(api: Api, name: str, *scopes: Scope) -> Person:
    """A caller, logged in with a token of these scopes; to look, if none is said."""
    person = Person(api)
    person.log_in(a_caller(api, name, scopes or [Scope.READ]).token)
    return person


def held(api: Api, caller: str, failure: Failure = Failure.ADDRESS_UNKNOWN, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A held job of that caller."""
    return a_job_of(api.parts, caller, State.HELD, failure=failure, release_to=State.QUEUED, **changes)


def training(api: Api, caller: str, minutes: float = 60, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job of that caller whose training began so many minutes ago."""
    job, begun = a_job_of(api.parts, caller), utc_now() - timedelta(minutes=minutes)
    return changed(api.parts.ledger, job, state=State.TRAINING, attempts=paid(job, Outcome.CHARGED, intended_at=begun), **changes)
