"""Brings the database to the schema of this code, as a process of its own that can be stopped. It may not start anything else."""

from worker import loading  # isort: split

import sys

from worker.settings import read_settings
from worker.store.migrate import LedgerUnusableError, prepare

loading.is_over_for_good()


def main() -> int:
    """Migrate DATABASE_URL. The exit status is 1, with one sentence on standard error, when the database refuses or is not there."""
    try:
        prepare(read_settings().ledger_url)
    except LedgerUnusableError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
