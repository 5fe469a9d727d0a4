"""The parts of the README that are made from the code: the state diagram and the settings. It may not write prose.

`python -m scheduler.reference README.md` renews them in place, between their marks; a test fails when they differ.
"""

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from worker.core.decide import TABLE
from worker.core.states import FINAL, State
from worker.durations import show_duration
from worker.settings import Settings

_SCRIPTS = Path(__file__).parents[1] / "tests" / "acceptance"
_CLIENT = Path(__file__).parents[1] / "tests" / "scheduler" / "follow_with_the_client.py"
_PART = re.compile(r"(<!-- (?P<name>\w+) -->\n).*?(<!-- /(?P=name) -->)", re.DOTALL)


def diagram() -> str:
    """The table of `decide` as a Mermaid state diagram: every arrow is a row."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, rows in TABLE.items():
        for event, row in rows.items():
            for target in row.to - {state} if row.handler else ():
                arrows.setdefault((state, target), []).append(event.__name__)
    order = list(State)
    lines = ["    [*] --> queued"]
    for (state, target), names in sorted(arrows.items(), key=lambda arrow: (order.index(arrow[0][0]), order.index(arrow[0][1]))):
        lines.append(f"    {state} --> {target}: {', '.join(names)}")
    lines += [f"    {state} --> [*]" for state in State if state in FINAL]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"]) + "\n"


def settings_table() -> str:
    """Every setting with its default and what it is for."""
    rows = [
        f"| `{variable_of(name, field)}` | {f'`{value}`' if (value := default_of(field)) else ''} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows]) + "\n"


def script(name: str = "enqueue_from_another_service") -> str:
    """A script that the tests run as another service."""
    return f"```python\n{(_SCRIPTS / f'{name}.py').read_text()}```\n"


def cancel() -> str:
    """The one that no longer wants its job."""
    return script("cancel_from_another_service")


def start() -> str:
    """The one that wants its conversation."""
    return script("start_from_another_service")


def receiver() -> str:
    """The one that is told what became of its jobs."""
    return script("receive_notifications")


def client() -> str:
    """The script that the tests run as a service that would rather have HTTP."""
    return f"```python\n{_CLIENT.read_text()}```\n"


def renewed(text: str) -> str:
    """The text with its generated parts as they should be. Raises KeyError for a mark that nobody knows."""
    parts = {
        "diagram": diagram,
        "script": script,
        "cancel": cancel,
        "start": start,
        "client": client,
        "receiver": receiver,
        "settings": settings_table,
    }
    return _PART.sub(lambda found: f"{found[1]}{parts[found['name']]()}{found[3]}", text)


def variable_of(name: str, field: FieldInfo) -> str:
    """The variable that a setting is read from."""
    return {"accounts": "TAVUS_API_KEY"}.get(name) or str(field.validation_alias or f"REPLICAS_{name.upper()}")


def default_of(field: FieldInfo) -> str:
    """A setting's default as it is written in the environment; empty when there is none."""
    value: Any = field.default
    if value in (None, PydanticUndefined, ""):
        return ""
    if isinstance(value, timedelta):
        return show_duration(value).replace(" ", "")
    return str(value).lower() if isinstance(value, bool) else str(value)


def main() -> None:
    """Renew the file that is named."""
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text()))


if __name__ == "__main__":
    main()
