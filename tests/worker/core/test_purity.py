"""The core is pure: the standard library and itself, no clock, chance, files, network or log."""

import ast
import sys
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

import worker.core

CORE = Path(str(worker.core.__file__)).parent
FILES = sorted(CORE.rglob("*.py"))
IMPURE = {
    "asyncio", "builtins", "ctypes", "http", "importlib", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select",
    "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "warnings",
}  # fmt: skip
CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "globals", "breakpoint", "id", "hash"}
CLOCK = {"now", "utcnow", "today"}
"""Methods that read the clock; `hash` of a str differs from process to process, so it counts as chance."""


def _imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


def _impurities(tree: ast.AST) -> list[str]:
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [func.id for func in called if isinstance(func, ast.Name) and func.id in CALLS]
    return named + [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in CLOCK]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_a_room_of_the_core_imports_only_the_pure_part_of_the_standard_library_and_the_core(file: Path) -> None:
    for name in _imports(ast.parse(file.read_text())):
        top = name.partition(".")[0]
        assert name == "worker.core" or name.startswith("worker.core.") or top in sys.stdlib_module_names - IMPURE, name


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_a_room_of_the_core_reads_no_clock_and_touches_nothing_outside(file: Path) -> None:
    assert _impurities(ast.parse(file.read_text())) == []


def test_the_whole_core_was_looked_at() -> None:
    assert {"decide.py", "submission.py", "training.py", "opening.py", "policy.py", "marks.py"} <= {file.name for file in FILES}


def test_an_impure_line_would_be_seen() -> None:
    assert _impurities(ast.parse("from datetime import datetime\nx = datetime.now()\nwith open('a') as f: pass")) == ["open", "now"]
    assert _imports(ast.parse("import random\nfrom . import x\nfrom os import path")) == {"random", ".", "os"}


def _module(file: Path) -> str:
    return ".".join(("worker.core", *file.relative_to(CORE).with_suffix("").parts)).removesuffix(".__init__")


def _values() -> list[type]:
    """Every dataclass of the core."""
    modules = [import_module(_module(file)) for file in FILES]
    own = [one for module in modules for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return sorted((one for one in own if is_dataclass(one)), key=lambda one: one.__qualname__)


@pytest.mark.parametrize("value", _values(), ids=lambda value: str(value.__name__))
def test_a_value_of_the_core_is_frozen_and_has_no_room_for_more(value: type) -> None:
    assert vars(value)["__dataclass_params__"].frozen
    assert "__slots__" in vars(value)


def test_every_kind_of_value_was_looked_at() -> None:
    assert {"Job", "Attempt", "Row", "Policy", "Plan", "Decision", "FellDue", "SubmitReplica"} <= {value.__name__ for value in _values()}
