"""What is going to run, decided before anything is started: settings, processes, and whether this is the demonstration. It starts nothing."""

import os
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from scheduler.stack.child import Program
from scheduler.stack.environment import PROCFILE, enter, find_project
from scheduler.stack.ports import as_seen_from_here
from scheduler.stack.procfile import read_procfile
from scheduler.stack.sandbox import Sandbox, home_of
from worker.settings import Settings, read_settings

_GRACE = timedelta(seconds=10)
_MARGIN = timedelta(seconds=5)  # to write down the answer of a call that was waited for


@dataclass(frozen=True, slots=True)
class Plan:
    """The stack to be. `sandbox`: the Tavus of the demonstration, None outside one. `redis_url`: None for the embedded broker."""

    settings: Settings
    programs: tuple[Program, ...]
    sandbox: Sandbox | None
    redis_url: str | None
    is_demo: bool
    flower_path: str
    """FLOWER_URL_PREFIX, for a Flower behind a proxy: it serves nothing outside it."""
    flower_login: tuple[str, str] | None = field(default=None, repr=False)
    """The first of FLOWER_BASIC_AUTH: with one, Flower's metrics are for those alone who have it."""
    flower_by_oauth: bool = False

    @property
    def web(self) -> str:
        """The API's base URL on this host."""
        return as_seen_from_here(self.settings.host, self.settings.port)

    @property
    def board(self) -> str:
        """Where people look at jobs."""
        return f"{self.web}/board"

    @property
    def flower(self) -> str:
        """Flower's base URL on this host."""
        return as_seen_from_here(self.settings.host, self.settings.flower_port) + self.flower_path


def make_plan(project: Path | None, *, is_demo: bool) -> Plan:
    """Read the project and the settings, and turn this process' environment into that of its children. Raises StackError and SettingsError."""
    project = project or find_project()
    enter(project)
    if os.environ.get("REPLICAS_PUBLIC_URL") and not os.environ.get("REPLICAS_SECRET"):
        os.environ["REPLICAS_SECRET"] = kept_secret(Path(os.environ["REPLICAS_HOME"]))
    settings = read_settings()
    sandbox = None
    if is_demo and not settings.accounts:
        sandbox = Sandbox(project, os.environ)
        os.environ.update(sandbox.environment | {"REPLICAS_HOME": str(home_of(settings.home))})
        settings = read_settings()
    # Said in full, so that a default of the Procfile can never differ from the one that this process checks and asks at.
    os.environ["REPLICAS_HOST"], os.environ["REPLICAS_PORT"] = settings.host, str(settings.port)
    os.environ["FLOWER_PORT"] = str(settings.flower_port)
    os.environ["REPLICAS_POOL"], os.environ["REPLICAS_THREADS"] = settings.pool, str(settings.threads)
    programs = tuple(Program(name, line, _grace(name, settings)) for name, line in read_procfile(project / PROCFILE).items())
    prefix = os.environ.get("FLOWER_URL_PREFIX", "").strip("/")
    user, _, password = os.environ.get("FLOWER_BASIC_AUTH", "").partition(",")[0].partition(":")
    return Plan(
        settings, programs, sandbox, os.environ.get("REDIS_URL") or None, is_demo, f"/{prefix}" if prefix else "",
        flower_login=(user, password) if user else None, flower_by_oauth=bool(os.environ.get("FLOWER_AUTH")),
    )  # fmt: skip


def kept_secret(home: Path) -> str:
    """What signs callback tokens on a host where nobody chose it: made once, and the same at the next start."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = home / "secret"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe())
    return file.read_text()


def _grace(name: str, settings: Settings) -> timedelta:
    # A call that has left may have been paid for. Its answer is worth waiting for: without it the job is looked for through the settle time.
    return settings.http_timeout + _MARGIN if name == "worker" else _GRACE
