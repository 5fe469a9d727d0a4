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

_SCRIPT = Path(__file__).parents[1] / "tests" / "acceptance" / "enqueue_from_another_service.py"
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
    rows = [f"| `{_variable(name, field)}` | {_default(field)} | {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows]) + "\n"


def script() -> str:
    """The script that the tests run as another service."""
    return f"```python\n{_SCRIPT.read_text()}```\n"


def renewed(text: str) -> str:
    """The text with its generated parts as they should be. Raises KeyError for a mark that nobody knows."""
    parts = {"diagram": diagram, "script": script, "settings": settings_table}
    return _PART.sub(lambda found: f"{found[1]}{parts[found['name']]()}{found[3]}", text)


def _variable(name: str, field: FieldInfo) -> str:
    return {"accounts": "TAVUS_API_KEY"}.get(name) or str(field.validation_alias or f"REPLICAS_{name.upper()}")


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value in (None, PydanticUndefined, ""):
        return ""
    if isinstance(value, timedelta):
        return f"`{show_duration(value).replace(' ', '')}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main() -> None:
    """Renew the file that is named."""
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text()))


if __name__ == "__main__":
    main()
