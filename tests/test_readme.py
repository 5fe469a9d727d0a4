"""The README is true: its commands work, and its generated parts are what the code says."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from scheduler.reference import renewed
from scheduler.requests import Door
from scheduler.sheets import COLUMNS
from tests.running import ROOT, Stack, running
from tests.scheduler.commands import Commands, Said
from tests.scheduler.made import OURS
from tests.worker.vision.portraits import PORTRAIT
from worker.preflight import Limits, Preflight
from worker.store.clock import utc_now
from worker.store.migrate import prepare

README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
REQUEST = re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0]
[PEOPLE] = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
# These start something that stays, or this very run; each has a test of its own below.
_RESEAL = "REPLICAS_ENCRYPTION_KEY=NEW,OLD .venv/bin/replicas reseal"  # the running stack has no key, and could not read what it seals
_APART = ("make run", "make test", "TAVUS_API_KEY=... .venv/bin/replicas run", _RESEAL)
_ASSIGNED = re.compile(r"[A-Z_]+=.*", re.DOTALL)
_OF_THE_SHELL = re.compile(r"[|<>;$`]| & | && ")
LOOKS = [command for command in COMMANDS if command not in _APART]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`make run`, up and with its conversation."""
    with running(["make", "run"], tmp_path_factory.mktemp("demo")) as stack:
        stack.wait_for("From a headshot to a conversation")
        yield stack


def as_typed(command: str, stack: Stack, folder: Path) -> str:
    """The command with this stack's home, port and job, which the README cannot know."""
    request = folder / "request.json"
    request.write_text(REQUEST)
    batch, people = folder / "batch.json", folder / "people.csv"
    batch.write_text(f'{{"jobs": [{REQUEST}]}}')
    people.write_text(PEOPLE)
    job = httpx.get(f"http://127.0.0.1:{stack.ports['REPLICAS_PORT']}/v1/jobs?state=done", trust_env=False).json()["jobs"][0]["id"]
    typed = command.replace(":8000", f":{stack.ports['REPLICAS_PORT']}").replace("var/demo", str(stack.home / "demo"))
    typed = typed.replace("request.json", str(request)).replace("batch.json", str(batch)).replace("people.csv", str(people))
    return re.sub(r"\bID\b", job, typed.replace("headshot.jpg", str(PORTRAIT)) if "check" in typed else typed)


def entered(line: str, environment: dict[str, str]) -> Said:
    """What a line of the README leaves behind. `replicas` itself runs in this process: a start of its own takes longer than what it does."""
    words, own = shlex.split(line), dict[str, str]()
    while _ASSIGNED.fullmatch(words[0]):
        name, own[name] = words[0].split("=", 1)[0], words.pop(0).split("=", 1)[1]
    if words[0] == ".venv/bin/replicas" and not _OF_THE_SHELL.search(line):
        ours = {name: text for name, text in environment.items() if name.startswith(OURS)}
        return Commands(Path(environment["REPLICAS_HOME"]), ours)(*words[1:], **own)
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def test_the_readme_has_the_commands_that_these_tests_run() -> None:
    assert set(_APART) < set(COMMANDS)
    assert len(LOOKS) >= 7


@pytest.mark.parametrize("command", LOOKS)
def test_every_command_of_the_readme_works(command: str, demo: Stack, tmp_path: Path) -> None:
    said = entered(as_typed(command, demo, tmp_path), dict(demo.environment) | {"REPLICAS_HOME": str(demo.home / "demo")})
    assert said.status == 0, said.err
    assert said.out.strip()


def test_make_run_shows_a_conversation_within_a_minute_and_where_to_look(demo: Stack) -> None:
    screen = demo.seen()
    took = re.search(r"From a headshot to a conversation in (\d+)s: (https://\S+)", screen)
    assert took is not None
    assert int(took[1]) < 60
    for place in (
        f":{demo.ports['REPLICAS_PORT']}/board",
        f":{demo.ports['REPLICAS_PORT']}/docs",
        f":{demo.ports['FLOWER_PORT']}",
        "stack.log",
    ):
        assert place in screen


def test_ctrl_c_leaves_no_process_and_no_port(demo: Stack) -> None:
    demo.press_ctrl_c()
    assert demo.leftovers() == []
    assert "Traceback" not in demo.seen()


def test_replicas_run_says_in_one_line_that_it_is_ready_and_answers(tmp_path: Path) -> None:
    with running(
        [".venv/bin/replicas", "run"], tmp_path, TAVUS_API_KEY="no-such-key", TAVUS_PUBLIC_API_BASE_URL="http://127.0.0.1:9/v2"
    ) as stack:
        stack.wait_for("ready: ")
        assert httpx.get(f"http://127.0.0.1:{stack.ports['REPLICAS_PORT']}/livez", trust_env=False).status_code == 200
        stack.press_ctrl_c()
        assert stack.leftovers() == []


def test_a_key_is_put_in_the_place_of_another_as_the_readme_says(tmp_path: Path) -> None:
    prepare(f"sqlite:///{tmp_path / 'ledger.db'}")
    typed = _RESEAL.replace("NEW,OLD", ",".join(Fernet.generate_key().decode() for _ in range(2)))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "REPLICAS_HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", typed], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "0 rows sealed anew" in done.stdout


def test_make_test_is_what_the_gate_runs() -> None:
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()
    planned = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports", "pytest"):
        assert tool in planned


def test_the_generated_parts_are_what_the_code_says() -> None:
    assert renewed(README) == README, "renew them: .venv/bin/python -m scheduler.reference README.md"


def test_the_example_request_is_let_in() -> None:
    door = Door(frozenset({"default"}), lambda _account: frozenset({"anna"}), Preflight(Limits()), "phoenix-4")
    assert door.read(json.loads(REQUEST), utc_now()).idempotency_key == "headshot-4711"


def test_every_column_of_a_csv_is_named() -> None:
    assert all(f"`{name}`" in README for name in COLUMNS)


def test_the_procfile_is_explained_line_by_line() -> None:
    processes = re.findall(r"^(\w+):", (ROOT / "Procfile").read_text(), re.MULTILINE)
    assert processes == re.findall(r"^\| `(\w+)` \| .* \| .* \|$", README.split("## The Procfile")[1].split("##")[0], re.MULTILINE)
