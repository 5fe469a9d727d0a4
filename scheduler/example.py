"""`deploy/env.example`: every variable that the program reads, explained, with its default. It may not name one that nobody reads.

`python -m scheduler.example deploy/env.example` writes it anew; a test fails when it differs.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from pydantic_settings import BaseSettings

from scheduler.reference import default_of, variable_of
from worker.settings import Settings
from worker.settings.doors import Doors
from worker.settings.places import Places
from worker.settings.times import Times
from worker.settings.work import Work

_WIDTH = 118
_ROOT = Path(__file__).parents[1]
_FLOWERS_FILES = (_ROOT / "deploy" / "flowerconfig.py", _ROOT / "scheduler" / "stack" / "plan.py")  # the latter to find Flower
_ABOUT = """\
Every variable that the program reads. What is commented out shows its default; Flower's are in
deploy/flowerconfig.py. For compose.yaml this file becomes replicas.env, for Kubernetes the
Secret `replicas`, for systemd /etc/replicas/env, and beside the Procfile `.env` (but REPLICAS_POOL and REPLICAS_THREADS, which
the shell reads there): NAME=value lines, without quotes and without `export`."""
_KEY = "TAVUS_API_KEY"
_ANOTHER_KEY = "The key of one more account, `studio` here: any name, in capitals. As many as there are accounts."
FLOWER = {
    "FLOWER_BASIC_AUTH": "user:password, or several, comma-separated: whom Flower lets in. Needed beyond loopback, unless FLOWER_AUTH is there.",
    "FLOWER_AUTH": "Whom Flower lets in by OAuth: a regular expression of e-mail addresses.",
    "FLOWER_AUTH_PROVIDER": "Who vouches for them: flower.views.auth.GoogleAuth2LoginHandler, or another of Flower's.",
    "FLOWER_OAUTH2_KEY": "The OAuth client's id.",
    "FLOWER_OAUTH2_SECRET": "The OAuth client's secret.",
    "FLOWER_OAUTH2_REDIRECT_URI": "Where the provider sends people back to: https://.../login.",
    "FLOWER_URL_PREFIX": "The path under which a proxy shows Flower, which then serves nothing outside it.",
    "FLOWER_READ_ONLY": "Whether Flower only shows. Whoever acts on a job does so with `replicas`, which knows what must not be done to one.",
    "FLOWER_MAX_TASKS": "How many tasks Flower remembers, at 8 KB each.",
    "FLOWER_PERSISTENT": "Whether Flower's view outlives a restart.",
    "FLOWER_DB": "The file of that view.",
    "FLOWER_TASKS_COLUMNS": "What Flower's list of tasks shows.",
    "FLOWER_NATURAL_TIME": "Times as people say them.",
    "FLOWER_UNAUTHENTICATED_API": "Must stay unset: it would open the tasks to any web page, and Flower does not start with it.",
}
"""What is told of a variable, where Flower's settings file reads it."""
LIBRARIES = {
    "FORWARDED_ALLOW_IPS": "The proxies before the API, by address or network, comma-separated: uvicorn believes them who really asks.",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "Where REPLICAS_TRACES sends traces, over HTTP: http://collector:4318.",
}
"""Variables that a library reads by itself, and that matter here."""


def example() -> str:
    """The whole file."""
    parts = [_comment(_ABOUT.replace("\n", " "))]
    for group in (Places, Doors, Times, Work):
        parts += [_heading(group), *_settings_of(group)]
    parts += ["# ---- Flower", *(_entry(name, FLOWER[name]) for name in flowers_variables())]
    parts += ["# ---- What libraries read by themselves", *(_entry(name, about) for name, about in LIBRARIES.items())]
    return "\n\n".join(parts) + "\n"


def flowers_variables() -> list[str]:
    """What is asked of the environment for Flower, in its order, beside our own settings."""
    own = {variable_of(name, field) for name, field in Settings.model_fields.items()}
    named = [name for file in _FLOWERS_FILES for name in re.findall(r'"(FLOWER_[A-Z0-9_]+)"', file.read_text())]
    return [name for name in dict.fromkeys(named) if name not in own]


def _heading(group: type[BaseSettings]) -> str:
    return f"# ---- {(group.__doc__ or '').strip().rstrip('.')}"


def _settings_of(group: type[BaseSettings]) -> Iterator[str]:
    for name, field in group.model_fields.items():
        variable = variable_of(name, field)
        about, value = field.description or "", default_of(field)
        if variable == _KEY:  # the one that everybody fills in
            yield f"{_comment(about)}\n{_KEY}="
            yield _entry(f"{_KEY}__STUDIO", _ANOTHER_KEY)
        else:
            yield _entry(variable, about, value)


def _entry(variable: str, about: str, value: str = "") -> str:
    return f"{_comment(about)}\n#{variable}={value}"


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False))


def main() -> None:
    """Write the file that is named."""
    Path(sys.argv[1]).write_text(example())


if __name__ == "__main__":
    main()
