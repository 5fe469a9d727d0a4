"""Reads the deploy files as their own tools understand them: what each process of theirs is started with. It asserts nothing."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scheduler.stack.procfile import read_procfile
from tests.running import ROOT

DEPLOY = ROOT / "deploy"
PROCFILE = read_procfile(ROOT / "Procfile")
BIN = Path(sys.executable).parent
MIGRATE = "exec replicas migrate"
_QUEUES = re.compile(r" --(queues|exclude-queues) (\S+)\Z")


def documents(file: Path) -> list[dict[str, Any]]:
    """The YAML documents of a file."""
    return [one for one in yaml.safe_load_all(file.read_text()) if one is not None]


def compose_in(folder: Path) -> dict[str, Any]:
    """compose.yaml as Compose itself understands it, with the files and passwords beside it that its head asks for."""
    shutil.copytree(DEPLOY, folder / "deploy")
    (folder / "deploy" / "metrics-token").touch()
    shutil.copy(DEPLOY / "env.example", folder / "deploy" / "replicas.env")
    (folder / "deploy" / ".env").write_text("POSTGRES_PASSWORD=one\nVALKEY_PASSWORD=two\nGRAFANA_PASSWORD=three\n")
    words: list[str | Path] = [BIN / "docker-compose", "config", "--format", "json"]
    done = subprocess.run(words, cwd=folder / "deploy", env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(json.loads(done.stdout))


def kustomized(overlay: Path) -> Iterator[dict[str, Any]]:
    """Every resource that an overlay names, from the files that its kustomization and its base name."""
    [kustomization] = documents(overlay / "kustomization.yaml")
    for name in kustomization["resources"]:
        found = overlay / name
        yield from kustomized(found) if found.is_dir() else documents(found)


def started(command: Any) -> str:  # noqa: ANN401 - a list of words, or a line of systemd's
    """The line of shell that a process is started with, as the Procfile would have it."""
    words = shlex.split(command) if isinstance(command, str) else list(command)
    shell, option, line = words
    assert (shell, option) == ("/bin/sh", "-c")
    return str(line)


def process_of(line: str) -> tuple[str, tuple[str, frozenset[str]] | None]:
    """The process of the Procfile that the line starts, and the queues that it names. Raises StopIteration for a line that is none of them."""
    chosen = _QUEUES.search(line)
    bare = line[: chosen.start()] if chosen else line
    name = next(name for name, command in {**PROCFILE, "migrate": MIGRATE}.items() if command == bare)
    return name, (chosen[1], frozenset(chosen[2].split(","))) if chosen else None


def served(every: frozenset[str], choice: tuple[str, frozenset[str]] | None) -> frozenset[str]:
    """The queues that a worker with this choice takes from."""
    if choice is None:
        return every
    how, named = choice
    return named if how == "queues" else every - named


def unit(file: Path) -> Mapping[str, list[str]]:
    """A systemd unit's settings, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in file.read_text().splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found
