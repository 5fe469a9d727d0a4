"""Reads a Procfile: which processes make the running system. It may not start them."""

import re
from pathlib import Path

from scheduler.stack.errors import StackError

_LINE = re.compile(r"([A-Za-z][\w-]*):\s*(\S.*)", re.ASCII)


def read_procfile(path: Path) -> dict[str, str]:
    """The shell commands by name, in the file's order. Empty lines and comments count for nothing; anything else must be `name: command`."""
    commands: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        if found is None or found[1] in commands:
            wrong = "is no `name: command`" if found is None else f"names {found[1]} a second time"
            raise StackError(f"{path} cannot be used: line {number} {wrong}. Correct that line.")
        commands[found[1]] = found[2]
    return commands
