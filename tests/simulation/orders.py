"""What is asked of the system in a seed: jobs of every kind, some of them scripted to fail. It may not know what must become of them."""

import random
from collections.abc import Iterator
from datetime import datetime

from pydantic import SecretStr

from tests.sandbox import messages
from worker.core.failures import Failure
from worker.core.job import Job
from worker.core.marks import new_job_id
from worker.core.request import AutoFix, Request, Start

MAIN, OTHER = "main", "other"
KEYS = {MAIN: SecretStr("key-of-main"), OTHER: SecretStr("key-of-other")}
# A room stays open for longer than a job is watched here, so that what was opened is there to be found.
_DAY = 86_400
_TALK = {"conversation_name": "Interview", "properties": {"participant_absent_timeout": _DAY, "max_call_duration": _DAY}}
_ONCE, _FIXABLE = "sandbox_once=1", "sandbox_fixable=1"
_IMAGE, _VIDEO = True, False
# (weight, outcome, what else the script says, whether it is an image)
_SCRIPTS = (
    (60, None, "", _IMAGE),
    (6, Failure.AUDIO_PROCESSING.value, "", _VIDEO),
    (6, Failure.AUDIO_PROCESSING.value, _ONCE, _VIDEO),
    (6, Failure.IMAGE_QUALITY.value, _FIXABLE, _IMAGE),
    (3, Failure.IMAGE_QUALITY.value, "", _IMAGE),
    (3, Failure.CELEBRITY_FOUND.value, "", _IMAGE),
    (3, Failure.OTHER_QUALITY_ISSUE.value, _ONCE, _VIDEO),
    (4, messages.UNKNOWN, _ONCE, _IMAGE),
    (3, messages.UNKNOWN, "", _IMAGE),
    (3, messages.TUNING, "", _IMAGE),
    (1, messages.NEVER, "", _IMAGE),
)


def jobs(chance: random.Random, now: datetime) -> Iterator[Job]:
    """The jobs of a seed, new and due."""
    accounts = (MAIN, OTHER) if chance.random() < 0.2 else (MAIN,)
    for number in range(chance.choices((1, 2, 3, 4), (50, 30, 12, 8))[0]):
        _, outcome, script, is_image = chance.choices(_SCRIPTS, [weight for weight, *_ in _SCRIPTS])[0]
        model = "phoenix-4.5" if outcome == messages.TUNING or chance.random() < 0.1 else "phoenix-4"
        yield a_job(
            number, now, chance.randbytes(10), outcome, script, is_image=is_image, model=model, account=chance.choice(accounts),
            start=chance.choice((Start.ON_READY, Start.ON_READY, Start.ON_DEMAND, Start.NONE)), auto_fix=chance.choice(tuple(AutoFix)),
        )  # fmt: skip


def a_job(
    number: int, now: datetime, entropy: bytes = bytes(10), outcome: str | None = None, script: str = "", *, is_image: bool = True,
    model: str = "phoenix-4", account: str = MAIN, start: Start = Start.ON_READY, auto_fix: AutoFix = AutoFix.NEVER,
) -> Job:  # fmt: skip
    """One job. Its address is its own, so that Tavus' books can be read by it."""
    words = [word for word in (script, f"sandbox_outcome={outcome}" if outcome else "") if word]
    url = f"https://pictures.example/{number}?{'&'.join(words)}"
    source = {"train_image_url": url, "voice_name": "anna"} if is_image else {"train_video_url": url}
    request = Request(replica={**source, "model_name": model}, conversation=_TALK, start=start, auto_fix=auto_fix)
    return Job(id=new_job_id(now, entropy), account=account, caller="simulation", request=request, created_at=now)


def url_of(job: Job) -> str:
    """The address by which Tavus' books know the job."""
    return str(job.request.replica.get("train_image_url") or job.request.replica["train_video_url"])
