"""What every process of the stack is started with, so that all of them read the same settings. It may not interpret a setting."""

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

import scheduler
from scheduler.stack.errors import StackError
from worker.settings import environment

PROCFILE = "Procfile"
_HOME = "REPLICAS_HOME"
_DATABASE = "DATABASE_URL"
_SQLITE = "sqlite:///"


def find_project() -> Path:
    """The folder with the Procfile: the clone that the package is installed from, whatever folder the command was typed in."""
    project = Path(scheduler.__file__).resolve().parents[1]
    if (project / PROCFILE).is_file():
        return project
    raise StackError(
        f"there is no {PROCFILE} in {project}: the package was installed without its project, and the {PROCFILE} says what to start. "
        "Run it from a clone (`make run`), or start web, worker, beat and flower as the README shows."
    )


def enter(project: Path) -> None:
    """Make this process what its children will be: in the project's folder, with one environment."""
    settle(project)
    # The venv's commands first, whether or not it was activated: `celery` must be the one that this interpreter's packages belong to.
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    os.environ["PYTHONUNBUFFERED"] = "1"  # a line that a process wrote before it died must not die with it
    # glibc gives every thread a heap of its own, which the decoding of pictures leaves full of holes: two heaps grow half as fast as sixteen.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    os.chdir(project)


def settle(project: Path) -> None:
    """Have every command read the settings that the stack reads, wherever it is typed.

    The processes run in `project` and read its `.env`; the person may have typed the command in another folder with another `.env`. Both
    count, the nearer one first, and a relative path means what it meant where it was written.
    """
    here = with_whole_paths(environment(), Path.cwd())
    there = with_whole_paths({name: text for name, text in dotenv_values(project / ".env").items() if text is not None}, project)
    os.environ.update({_HOME: str(Path.cwd() / "var"), **there, **here})


def with_whole_paths(values: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The values, with the home and the SQLite file that are named in them resolved against `folder`."""
    whole = dict(values)
    if home := whole.get(_HOME):
        whole[_HOME] = str(folder / Path(home).expanduser())
    path = whole.get(_DATABASE, "").removeprefix(_SQLITE)
    if whole.get(_DATABASE, "").startswith(_SQLITE) and path and not path.startswith((":memory:", "file:")):
        whole[_DATABASE] = f"{_SQLITE}{folder / path}"
    return whole
