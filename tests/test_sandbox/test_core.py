"""The core needs no HTTP, reads no clock, and imports nothing of the product: read from its own source, and driven under a virtual clock."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tests.sandbox
from tests.sandbox.call import Request
from tests.sandbox.faults import Faults
from tests.sandbox.front import Front
from tests.sandbox.rules import Rules
from tests.sandbox.world import World

FOLDER = Path(tests.sandbox.__file__).parent
SHELL = {"__main__", "admin", "clock", "courier", "host", "server", "shell"}
"""Whatever may know a socket, a thread, a clock or a file; all others are the core."""
IMPURE = {"asyncio", "http", "os", "pathlib", "socket", "subprocess", "sys", "threading", "time", "tornado"}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_file_opens_with_its_law_and_imports_no_product_code(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
    assert not {name.partition(".")[0] for name in _imports(path)} & {"worker", "scheduler"}


@pytest.mark.parametrize("path", [path for path in sorted(FOLDER.glob("*.py")) if path.stem not in SHELL], ids=lambda path: path.stem)
def test_the_core_is_pure(path: Path) -> None:
    names = _imports(path)
    assert not {name.partition(".")[0] for name in names} & IMPURE
    assert not {name.removeprefix("tests.sandbox.") for name in names} & SHELL
    assert ".now(" not in path.read_text()


def test_a_whole_life_runs_under_a_virtual_clock_in_one_process() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    front = Front(World(Rules(seed=3)), Faults([{"on": "create_replica", "kind": "cut", "moment": "after", "times": 1}]))
    body = b'{"train_image_url": "https://pictures.example/me.jpg", "voice_name": "anna", "callback_url": "https://caller.example/"}'
    visit = front.receive(Request("POST", "/v2/replicas", key="k", body=body))
    assert visit.is_worked
    sent = front.spoil(visit, front.work(visit, now))
    front.delivered(visit, sent, now)
    assert sent is None
    now += timedelta(hours=6)
    front.world.settle(now)
    (callback,) = front.world.take_callbacks()
    assert callback.body["status"] == "ready"
    visit = front.receive(Request("GET", "/v2/replicas", {"replica_type": "user"}, "k"))
    answer = front.work(visit, now)
    assert answer.shows == (callback.body["replica_id"],)


def test_the_same_seed_gives_the_same_world() -> None:
    def ids(seed: int) -> list[str]:
        world = World(Rules(seed=seed))
        return [world.new_id("r") for _ in range(5)]

    assert ids(1) == ids(1) != ids(2)
