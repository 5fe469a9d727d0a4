"""What a Procfile may say, and that ours says what the stack counts on."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from scheduler.stack.environment import find_project
from scheduler.stack.errors import StackError
from scheduler.stack.procfile import read_procfile
from worker.settings import Settings


def written(folder: Path, text: str) -> Path:
    path = folder / "Procfile"
    path.write_text(text)
    return path


def test_the_commands_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "# all of it\n\nweb: serve --port 1 # 2: 3\n  work-er_2:run a:b \n")
    assert list(read_procfile(path).items()) == [("web", "serve --port 1 # 2: 3"), ("work-er_2", "run a:b")]


@pytest.mark.parametrize(
    ("line", "why"), [("web serve", "no `name: command`"), ("web:", "no `name"), ("a: b\na: c", "names a a second time")]
)
def test_a_line_that_is_no_process_is_refused_with_its_number(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(StackError, match=f"line [12] .*{why}.* Correct that line"):
        read_procfile(written(tmp_path, line))


def test_ours_has_four_processes_that_take_signals_themselves() -> None:
    commands = read_procfile(find_project() / "Procfile")
    assert list(commands) == ["web", "worker", "beat", "flower"]
    assert all(command.startswith("exec ") for command in commands.values())


def test_the_defaults_of_ours_are_those_of_the_settings() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (find_project() / "Procfile").read_text()))
    settings = Settings.model_construct()
    assert defaults == {"REPLICAS_POOL": settings.pool, "REPLICAS_THREADS": str(settings.threads)}


@pytest.mark.parametrize("name", ["web", "worker", "beat", "flower"])
def test_each_command_of_ours_is_known_to_its_program(name: str) -> None:
    command = read_procfile(find_project() / "Procfile")[name]
    options = re.findall(r" (--[a-z-]+)", command)
    program = command.split()[1]
    words = [f"{sysconfig.get_path('scripts')}/{program}", *([name] if program == "celery" else [])]
    told = subprocess.run([*words, "--help"], check=True, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}).stdout
    known = told + "--app --quiet --conf"  # of celery itself, and of Flower, which hides its own
    assert [option for option in options if option.replace("--no-", "--") not in known and option not in known] == []
