"""The wheel of the previous release is that: code of ours, on a schema that this code can come from, and was not changed after its release."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.upgrade import previous
from worker.store import migrate

_VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"


def test_its_newest_migration_is_one_of_ours_and_ours_go_on_from_there() -> None:
    newest_first = migrate.revisions()
    assert previous.head() in newest_first[1:], "run `make previous COMMIT=...` with the commit of the last release"


def test_no_migration_was_changed_after_its_release() -> None:
    ours = {name: (_VERSIONS / name).read_bytes() for name in previous.migrations()}
    assert ours == previous.migrations()


def test_a_process_that_has_it_in_front_runs_it_and_not_ours(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import scheduler, worker; print(scheduler.__file__, worker.__file__)"]
    environment = os.environ | {"PYTHONPATH": str(previous.unpacked(tmp_path / "old"))}
    said = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(tmp_path / "old" / name / "__init__.py") for name in ("scheduler", "worker")]


def test_it_holds_our_two_packages_and_nothing_else() -> None:
    with zipfile.ZipFile(previous.WHEEL) as wheel:
        assert {name.partition("/")[0].partition("-")[0] for name in wheel.namelist()} == {"worker", "scheduler", "replica_worker"}
