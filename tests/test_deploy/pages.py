"""The runbook as its reader meets it: pages with their commands, and a terminal in which they are typed. It asserts nothing."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from tests.scheduler.commands import Commands, Said
from tests.test_deploy.files import DEPLOY

TEXT = (DEPLOY / "runbook.md").read_text()
_PAGE = re.compile(r"^## (.+?)\n(.*?)(?=^##? |\Z)", re.MULTILINE | re.DOTALL)
PAGES: Mapping[str, str] = dict(_PAGE.findall(TEXT))
ALERTS = [name for name in PAGES if re.fullmatch(r"Replicas\w+", name)]
BACK_UP, RESTORE = "Back up", "Restore, with jobs in flight"


def blocks(page: str, language: str = "sh") -> list[list[str]]:
    """The lines of each block of code on a page."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found]


def commands(page: str) -> list[str]:
    """Every command on a page, in its order."""
    return [line for block in blocks(page) for line in block]


@dataclass(frozen=True)
class Terminal:
    """Where commands are typed. `variables`: on top of those of `replicas`; the folder is the one that files are named in."""

    replicas: Commands
    folder: Path
    variables: Mapping[str, str]
    programs: str

    def type(self, line: str, **ids: str) -> Said:
        """Type a line of the runbook, with these for its ID and TOKEN_ID."""
        words = shlex.split(re.sub(r"\b(ID|TOKEN_ID)\b", lambda found: ids.get(found[1], found[1]), line))
        if words[0] == "replicas":
            return self.replicas(*(Template(word).safe_substitute(self.variables) for word in words[1:]), **self.variables)
        paths = {"PATH": f"{self.programs}:/usr/bin:/bin"}
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=paths | dict(self.variables), capture_output=True, text=True, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def having(self, **variables: str) -> "Terminal":
        """The same with more variables."""
        return replace(self, variables={**self.variables, **variables})
