"""The locks name versions and hashes and nothing else, so that any index that has the files will do; and no other lock is kept."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
LOCKS = [PROJECT / "requirements.lock", PROJECT / "tests" / "requirements.lock", PROJECT / "tests" / "benchmarks" / "requirements.lock"]
APART = PROJECT / "tests" / "tavus_cli" / "requirements.lock"
NAMES = ["shipped", "tested", "measured", "apart"]
PINNED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)(\[[a-z0-9,-]+\])?==(?P<version>[0-9][0-9a-z.+!]*)( ; [^#]+?)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)


def requirements(lock: Path) -> list[str]:
    """The requirements of a lock, each in one line, without comments."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [line.strip() for line in joined.splitlines() if line.strip()]


@pytest.mark.parametrize("lock", [*LOCKS, APART], ids=NAMES)
def test_every_requirement_is_one_version_with_its_hashes(lock: Path) -> None:
    found = requirements(lock)
    assert found
    assert [line for line in found if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("lock", [*LOCKS, APART], ids=NAMES)
def test_no_lock_says_where_anything_comes_from(lock: Path) -> None:
    text = lock.read_text().lower()
    assert [mark for mark in ("://", "index-url", "find-links", "trusted-host", " @ ", "-e ", "file:", "git+") if mark in text] == []


def test_tests_and_benchmarks_run_on_the_versions_that_are_shipped() -> None:
    shipped, tested, measured = (
        {match["name"]: match["version"] for line in requirements(lock) if (match := PINNED.fullmatch(line))} for lock in LOCKS
    )
    assert shipped.items() <= tested.items() <= measured.items()


def test_the_lock_that_records_addresses_is_not_kept() -> None:
    assert "uv.lock" in (PROJECT / ".gitignore").read_text().splitlines()
