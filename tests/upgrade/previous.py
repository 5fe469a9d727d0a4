"""The previous release: its code, and its migrations. It may not be imported, for its modules have the names of ours: processes run it."""

import re
import zipfile
from pathlib import Path

WHEEL = Path(__file__).with_name("previous.whl")
_MIGRATION = re.compile(r"worker/store/migrations/versions/((\d{4})_\w+\.py)")


def unpacked(folder: Path) -> Path:
    """Its packages in `folder`: a zip would do for Python, but not for Alembic, which reads its migrations from real files."""
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(folder)  # made by us: `make previous`
    return folder


def migrations() -> dict[str, bytes]:
    """Its migrations, oldest first, by the names of their files."""
    with zipfile.ZipFile(WHEEL) as wheel:
        found = {match[1]: wheel.read(match[0]) for match in map(_MIGRATION.fullmatch, wheel.namelist()) if match}
    return dict(sorted(found.items()))


def head() -> str:
    """The newest of its revisions."""
    return list(migrations())[-1].partition("_")[0]
