"""env.example has every variable that the program reads, and none that it does not, each explained: as generated, and as its readers read it."""

import re
import sysconfig
from pathlib import Path

import pytest
from dotenv import dotenv_values

from scheduler.example import LIBRARIES, example, flowers_variables
from scheduler.reference import variable_of
from tests.running import ROOT
from tests.scheduler.made import apart
from worker.settings import Settings, read_settings

FILE = ROOT / "deploy" / "env.example"
SITE = Path(sysconfig.get_path("purelib"))
NAMED = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", FILE.read_text(), re.MULTILINE)
READ = {variable_of(name, field) for name, field in Settings.model_fields.items()}
# How code asks for a variable by its name.
_ASKED = re.compile(r"(?:environ|environment\(\)|_GIVEN|getenv)(?:\.get\(|\.setdefault\(|\[|\()\s*\"([A-Z][A-Z0-9_]+)\"")
ELSEWHERE = {"PATH", "PYTHONUNBUFFERED", "MALLOC_ARENA_MAX"}
"""Python's, the shell's and the C library's own: not for whoever runs this to set."""


def test_the_file_is_what_the_code_says() -> None:
    assert example() == FILE.read_text(), "renew it: .venv/bin/python -m scheduler.example deploy/env.example"


def test_every_setting_is_in_the_file_and_nothing_else_but_what_flower_and_libraries_read() -> None:
    others = {"TAVUS_API_KEY__STUDIO", *flowers_variables(), *LIBRARIES}
    assert set(NAMED) == READ | others
    assert len(NAMED) == len(set(NAMED))


def test_whatever_the_code_asks_the_environment_for_is_in_the_file() -> None:
    sources = [file for folder in ("worker", "scheduler", "deploy") for file in (ROOT / folder).rglob("*.py")]
    asked = {name for file in sources for name in _ASKED.findall(file.read_text())}
    assert {"FLOWER_BASIC_AUTH", "REPLICAS_HOME"} <= asked
    assert asked <= set(NAMED) | ELSEWHERE


READERS = {
    "FORWARDED_ALLOW_IPS": SITE / "uvicorn" / "config.py",
    "OTEL_EXPORTER_OTLP_ENDPOINT": ROOT / ".venv" / "traces" / "opentelemetry" / "sdk" / "environment_variables" / "__init__.py",
}
"""Whose own variables these are."""


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_s_variable_is_read_by_it(name: str) -> None:
    assert name in READERS[name].read_text()


def test_every_variable_has_its_explanation_above_it() -> None:
    lines = FILE.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#?[A-Z][A-Z0-9_]+=", line):
            assert re.match(r"# \S", lines[number - 1]), line


def test_the_file_as_it_is_changes_nothing_and_uncommented_it_says_the_defaults(tmp_path: Path) -> None:
    with apart(tmp_path):
        before = read_settings()
        (tmp_path / ".env").write_text(FILE.read_text())
        assert read_settings() == before
        uncommented = re.sub(r"^#(?=[A-Z][A-Z0-9_]+=)", "", FILE.read_text(), flags=re.MULTILINE)
        (tmp_path / ".env").write_text(uncommented)
        assert dotenv_values(".env").keys() == set(NAMED)
        assert read_settings() == before
