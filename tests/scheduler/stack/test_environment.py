"""What the processes are started with, wherever the command was typed. In processes of their own, since they change what they are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.stack.environment import with_whole_paths

_SHOW = (
    "import json, os, sys; from pathlib import Path; from scheduler.stack.environment import enter; enter(Path(sys.argv[1]));"
    "print(json.dumps(dict(os.environ) | {'CWD': os.getcwd()}))"
)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Where the command is typed, and the project."""
    here, project = tmp_path / "here", tmp_path / "project"
    here.mkdir()
    project.mkdir()
    return here, project


def entered(here: Path, project: Path, **environment: str) -> dict[str, str]:
    base = {name: text for name, text in os.environ.items() if not name.startswith(("REPLICAS_", "DATABASE_"))}
    shown = subprocess.run(
        [sys.executable, "-c", _SHOW, str(project)], check=True, capture_output=True, cwd=here, env=base | environment, text=True
    ).stdout
    found: dict[str, str] = json.loads(shown)
    return found


def test_the_environment_wins_over_the_nearer_file_and_that_over_the_projects(folders: tuple[Path, Path]) -> None:
    here, project = folders
    (here / ".env").write_text("A=here\nB=here\n")
    (project / ".env").write_text("A=project\nB=project\nC=project\n")
    found = entered(here, project, A="environment")
    assert (found["A"], found["B"], found["C"]) == ("environment", "here", "project")
    assert found["CWD"] == str(project)


def test_paths_mean_what_they_meant_where_they_were_written(folders: tuple[Path, Path]) -> None:
    here, project = folders
    assert entered(here, project)["REPLICAS_HOME"] == str(here / "var")
    (project / ".env").write_text("REPLICAS_HOME=data\nDATABASE_URL=sqlite:///data/a.db\n")
    found = entered(here, project)
    assert found["REPLICAS_HOME"] == str(project / "data")
    assert found["DATABASE_URL"] == f"sqlite:///{project}/data/a.db"
    found = entered(here, project, REPLICAS_HOME="mine", DATABASE_URL="sqlite:///b.db")
    assert found["REPLICAS_HOME"] == str(here / "mine")
    assert found["DATABASE_URL"] == f"sqlite:///{here}/b.db"


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "sqlite:////abs/a.db", "sqlite://", "sqlite:///:memory:", ""])
def test_other_databases_are_left_as_they_are(tmp_path: Path, url: str) -> None:
    assert with_whole_paths({"DATABASE_URL": url, "X": "y"}, tmp_path) == {"DATABASE_URL": url, "X": "y"}


def test_the_commands_of_the_venv_come_first_without_activating_it(folders: tuple[Path, Path]) -> None:
    assert entered(*folders, PATH="/usr/bin:/bin")["PATH"].split(":")[0] == str(Path(sys.executable).parent)
