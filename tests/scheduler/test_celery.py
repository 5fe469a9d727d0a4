"""What `celery --app scheduler` finds: every task under its promised name, none that waits in the broker, and one sentence for wrong settings."""

import ast
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

import scheduler
import worker
from scheduler.sweep import sweep
from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.made import apart, opened, settings_in
from tests.scheduler.workers import variables_of, wait_until, working
from worker.app import SWEEP
from worker.core.states import State

NAMES = {
    "replicas.create", "replicas.cancel", "replicas.submit", "replicas.look_up", "replicas.poll", "replicas.delete", "replicas.clean_up",
    "conversations.start", "conversations.open", "notifications.deliver", "scheduler.sweep", "scheduler.read_voices", "scheduler.learn",
    "scheduler.canary", "scheduler.recur", "scheduler.audit", "scheduler.tidy", "scheduler.retain",
}  # fmt: skip
_LATER = {"eta", "countdown"}
"""Arguments by which a task would be put off inside the broker."""
_CANVAS = {"apply_async", "delay", "retry", "chord", "chain", "group"}
"""Calls by which it could be, or would wait for another one."""
_AT_ONCE = 12
"""Rings that come together, for a worker of one thread."""
_TWENTY_LINES = """
import sys
from celery import Celery
app = Celery(broker=sys.argv[1])
replica = {"train_image_url": sys.argv[2], "voice_name": "anna"}
app.send_task("replicas.create", kwargs={"replica": replica, "conversation": {"start": "on_ready"}}, queue="replicas.create")
"""


def test_every_task_is_there_under_its_promised_name(tmp_path: Path) -> None:
    with apart(tmp_path, TAVUS_API_KEY="k"):
        from scheduler.celery import wire  # noqa: PLC0415 - importing it reads the environment
        from worker.settings import read_settings  # noqa: PLC0415 - the same

        app, _ = wire(read_settings())
    assert {name for name in app.tasks if not name.startswith("celery.")} == NAMES
    assert set(app.conf.task_routes) == NAMES


@pytest.mark.parametrize("package", [scheduler, worker], ids=["scheduler", "worker"])
def test_no_task_is_put_off_in_the_broker(package: object) -> None:
    for file in Path(str(package.__file__)).parent.rglob("*.py"):  # type: ignore[attr-defined]
        tree = list(ast.walk(ast.parse(file.read_text())))
        calls = [node for node in tree if isinstance(node, ast.Call)]
        assert not {keyword.arg for call in calls for keyword in call.keywords} & _LATER, file
        if any(isinstance(node, ast.ImportFrom) and node.module == "celery" for node in tree):
            assert not {_name(call) for call in calls} & _CANVAS, file


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def test_wrong_settings_end_the_program_in_one_sentence(tmp_path: Path) -> None:
    variables = variables_of(REPLICAS_LEASE="soon", REPLICAS_LEESE="1s")
    said = subprocess.run(
        [sys.executable, "-c", "import scheduler.celery"], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    assert said.stderr.startswith("replicas: ")
    assert all(name in said.stderr for name in ("REPLICAS_LEASE", "REPLICAS_LEESE"))
    assert "Traceback" not in said.stderr


def test_a_stranger_that_knows_only_celery_gets_a_conversation(home: Path, broker: Broker) -> None:
    with Sandbox(speed=20_000) as tavus, opened(settings_in(home, redis_url=broker.url, sweep_interval=timedelta(seconds=0.2))) as parts:
        own = {"REDIS_URL": broker.url, "REPLICAS_HOME": str(home), "TAVUS_API_KEY": "k", "TAVUS_PUBLIC_API_BASE_URL": tavus.url}
        open_doors = {"REPLICAS_ALLOW_HTTP": "true", "REPLICAS_ALLOW_PRIVATE_ADDRESSES": "true", "REPLICAS_TRAINING_TYPICAL": "1s"}

        def is_done() -> bool:
            sweep(parts)
            return [job.state for job in parts.ledger.recent(9)] == [State.DONE]

        with working(home, **own, **open_doors):
            subprocess.run([sys.executable, "-c", _TWENTY_LINES, broker.url, tavus.picture()], cwd=home, check=True)
            wait_until(is_done)
        [job] = parts.ledger.recent(9)
        assert job.conversation is not None
        assert job.submissions == 1
        assert str(job.conversation.url).startswith("http")


def test_a_worker_whose_threads_were_all_at_work_goes_on_as_soon_as_one_is_free(home: Path, broker: Broker) -> None:
    own = {"REDIS_URL": broker.url, "REPLICAS_HOME": str(home), "TAVUS_API_KEY": "k"}
    with opened(settings_in(home, redis_url=broker.url)) as parts, working(home, options="--concurrency 1", **own) as worker:
        wait_until(lambda: " ready." in worker.said)
        began = time.monotonic()
        for _ in range(_AT_ONCE):
            parts.bell.post.send((SWEEP, ()))
        wait_until(lambda: broker.waiting(SWEEP) == 0)
        assert time.monotonic() - began < _AT_ONCE / 3  # each waited for whatever else wakes who listens: some seconds
