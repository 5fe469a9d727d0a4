"""A person who deletes what has failed, over and over and always too early: the door of deletion is to say when. It forces nothing."""

import random
import threading
from collections import Counter
from http import HTTPStatus

import httpx

from tests.chaos.ground import Ground
from worker.core.job import Job, Outcome
from worker.core.states import State

_EACH_SECONDS = 0.5
_HTTP_SECONDS = 5.0


class Tidy(threading.Thread):
    """Asks for the deletion of one failed replica after the other, until `stop`."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(name="tidy", daemon=True)
        self._ground, self._enough = ground, threading.Event()
        self._chance = random.Random("tidy")
        self._answers: Counter[str] = Counter()

    def run(self) -> None:
        """Ask."""
        while not self._enough.wait(_EACH_SECONDS):
            failed = [job for job in self._ground.jobs().values() if _is_failed(job)]
            if failed:
                self._ask(self._chance.choice(failed))

    def stop(self) -> Counter[str]:
        """Ask no more. How often it was said yes and no."""
        self._enough.set()
        self.join()
        return self._answers

    def _ask(self, job: Job) -> None:
        try:
            answer = httpx.delete(f"{self._ground.api}/v1/jobs/{job.id}/replica", timeout=_HTTP_SECONDS, trust_env=False)
        except httpx.HTTPError:
            self._answers["not answered"] += 1
            return
        known = {HTTPStatus.ACCEPTED: "let through", HTTPStatus.CONFLICT: "too early"}
        self._answers[known.get(HTTPStatus(answer.status_code), str(answer.status_code))] += 1


def _is_failed(job: Job) -> bool:
    if job.state not in {State.ABANDONED, State.HELD} or not job.attempts:
        return False
    return job.attempt.outcome is Outcome.FAILED and job.attempt.deleted_at is None
