"""What Flower shows, and to whom. The file is executed as Flower executes it: by the same parser, over the same options."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scheduler.stack.environment import find_project

CONFIG = find_project() / "deploy" / "flowerconfig.py"
JOB = "01hx5zk9m3q8r7w2t4v6y0abcd"
# As Flower's own command does it: the environment first, then the file.
_APPLY = """
import sys
from flower.command import apply_env_options, apply_options
from flower.options import options
apply_env_options()
apply_options("flower", ["--conf=" + sys.argv[1]])
print(options.address, options.port, options.basic_auth, options.read_only, options.max_tasks, options.persistent, bool(options.format_task))
"""


def applied(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    base = {name: text for name, text in os.environ.items() if not name.startswith(("REPLICAS_", "FLOWER_"))}
    words = [sys.executable, "-c", _APPLY, str(CONFIG)]
    return subprocess.run(words, cwd=folder, env=base | environment, capture_output=True, text=True, check=False)


def test_by_itself_it_listens_on_loopback_and_only_shows(tmp_path: Path) -> None:
    assert applied(tmp_path).stdout == "127.0.0.1 5555 [] True 10000 False True\n"


def test_the_environment_and_the_env_file_change_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FLOWER_BASIC_AUTH=ann:one,bob:two\nFLOWER_PORT=7\n")
    changed = applied(tmp_path, FLOWER_READ_ONLY="false", FLOWER_MAX_TASKS="5", FLOWER_PERSISTENT="1")
    assert changed.stdout == "127.0.0.1 7 ['ann:one', 'bob:two'] False 5 True True\n"


def test_beyond_loopback_it_wants_a_password_and_says_so(tmp_path: Path) -> None:
    open_to_all = {"REPLICAS_HOST": "0.0.0.0", "REPLICAS_API_TOKEN": "t"}  # noqa: S104 - refused is what it is to be
    refused = applied(tmp_path, **open_to_all)
    assert refused.returncode != 0
    assert refused.stderr.startswith("flower: FLOWER_BASIC_AUTH=user:password is needed to listen on 0.0.0.0")
    assert applied(tmp_path, **open_to_all, FLOWER_BASIC_AUTH="ann:one").returncode == 0


def test_the_tasks_are_never_opened_to_web_pages(tmp_path: Path) -> None:
    assert "FLOWER_UNAUTHENTICATED_API" in applied(tmp_path, FLOWER_UNAUTHENTICATED_API="true").stderr


def test_a_wrong_setting_is_a_sentence(tmp_path: Path) -> None:
    assert applied(tmp_path, REPLICAS_PORT="many").stderr.startswith("flower: REPLICAS_PORT: ")


def test_of_a_tasks_arguments_only_job_ids_are_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    secret = "https://bucket.example/a.jpg?X-Amz-Signature=hush"  # noqa: S105 - what must not be seen
    task = SimpleNamespace(
        args=f"(['{JOB}', '{JOB[::-1]}'],)", kwargs=f"{{'replica': {{'train_image_url': '{secret}'}}}}", result=f"'{JOB} {secret}'",
        exception=f"ValueError('{secret}')", traceback=f"line 1\n  get('{secret}')\n",
    )  # fmt: skip
    shown = runpy.run_path(str(CONFIG))["format_task"](task)
    assert "hush" not in str(vars(shown))
    assert (shown.args, shown.kwargs, shown.result) == (f"{JOB}, {JOB[::-1]}", "", JOB)
    assert shown.exception == "ValueError('https://bucket.example/a.jpg')"
