"""What Flower shows, and to whom. The file is executed as Flower executes it: by the same parser, over the same options."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from flower.views.monitor import Metrics

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
print(options.db, options.url_prefix, options.auth, options.auth_provider, options.oauth2_key, options.tasks_columns)
"""
OAUTH = {
    "FLOWER_AUTH": ".*@example.com",
    "FLOWER_AUTH_PROVIDER": "flower.views.auth.GithubLoginHandler",
    "FLOWER_OAUTH2_KEY": "key",
    "FLOWER_OAUTH2_SECRET": "secret",
    "FLOWER_OAUTH2_REDIRECT_URI": "https://flower.example.com/login",
}


def applied(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    base = {name: text for name, text in os.environ.items() if not name.startswith(("REPLICAS_", "FLOWER_"))}
    words = [sys.executable, "-c", _APPLY, str(CONFIG)]
    return subprocess.run(words, cwd=folder, env=base | environment, capture_output=True, text=True, check=False)


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return done.stdout.splitlines()


def test_by_itself_it_listens_on_loopback_only_shows_and_remembers(tmp_path: Path) -> None:
    first, second = lines(applied(tmp_path))
    assert first == "127.0.0.1 5555 [] True 10000 True True"
    assert second == "var/flower None  None None name,args,state,received,runtime,worker,uuid"


def test_the_environment_and_the_env_file_change_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FLOWER_BASIC_AUTH=ann:one,bob:two\nFLOWER_PORT=7\n")
    changed = applied(tmp_path, FLOWER_READ_ONLY="false", FLOWER_MAX_TASKS="5", FLOWER_PERSISTENT="0", FLOWER_DB="seen")
    assert lines(changed)[0] == "127.0.0.1 7 ['ann:one', 'bob:two'] False 5 False True"
    assert lines(changed)[1].startswith("seen ")


def test_a_prefix_and_people_whom_another_vouches_for_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={text}\n" for name, text in OAUTH.items()) + "FLOWER_URL_PREFIX=/flower/\n")
    beyond = applied(tmp_path, REPLICAS_HOST="0.0.0.0", REPLICAS_API_TOKEN="t")  # noqa: S104, S106 - it listens nowhere here
    assert lines(beyond)[1].startswith("var/flower flower .*@example.com flower.views.auth.GithubLoginHandler key")


def test_where_nobody_could_log_in_it_says_what_is_missing(tmp_path: Path) -> None:
    refused = applied(tmp_path, FLOWER_AUTH=OAUTH["FLOWER_AUTH"], FLOWER_OAUTH2_KEY="key")
    assert refused.returncode != 0
    assert "could log in without FLOWER_AUTH_PROVIDER, FLOWER_OAUTH2_SECRET, FLOWER_OAUTH2_REDIRECT_URI. Set" in refused.stderr


@pytest.mark.parametrize("wrong", ["ann:", "ann:one,bob"])
def test_a_login_without_a_name_or_a_password_is_refused(tmp_path: Path, wrong: str) -> None:
    refused = applied(tmp_path, FLOWER_BASIC_AUTH=wrong)
    assert refused.returncode != 0
    assert refused.stderr.startswith("flower: FLOWER_BASIC_AUTH is user:password")


def test_where_nothing_can_be_written_it_goes_without_a_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert lines(applied(tmp_path, REPLICAS_HOME="file/home"))[0].split()[5] == "False"


def test_its_metrics_are_for_those_who_may_see_its_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = Metrics.get
    try:
        runpy.run_path(str(CONFIG))
        assert Metrics.get.__wrapped__ is before  # tornado's `authenticated` is around it
    finally:
        Metrics.get = before


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
    format_task = runpy.run_path(str(CONFIG))["format_task"]
    shown = format_task(task)
    assert "hush" not in str(vars(shown))
    assert (shown.args, shown.kwargs, shown.result) == (f"{JOB}, {JOB[::-1]}", "", JOB)
    many = format_task(SimpleNamespace(args=repr([JOB] * 100), kwargs="", result=""))
    assert many.args == f"{', '.join([JOB] * 2)}, and 98 more"
    assert shown.exception == "ValueError('https://bucket.example/a.jpg')"
