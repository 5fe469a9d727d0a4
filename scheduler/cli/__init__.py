"""`replicas ...`: the command line, for people at a terminal. It may not know what an action means: the engine decides, as it does for the API.

It works on the ledger itself and not through the API, so that it still answers at 3 a.m. when the API does not.
"""

from worker import loading  # isort: split

from contextlib import suppress

from scheduler.accounts import UnknownAccountError
from scheduler.cli import (
    accounts,
    acting,
    check,
    doctor,
    jobs,
    notifications,
    recurring,
    restoring,
    schedule,
    sealing,
    system,
    tokens,
    watching,
)
from scheduler.cli.shown import cli, fail
from scheduler.recurring import UnknownRecurringError
from scheduler.requests import RequestInvalidError
from scheduler.stack.environment import find_project, settle
from scheduler.stack.errors import StackError
from worker.core.decision import IllegalTransition
from worker.core.deletion import DeletionRefused
from worker.settings import SettingsError
from worker.store.database import UNREACHABLE
from worker.store.jobs import KeyReusedError
from worker.store.migrate import LedgerUnusableError

loading.is_over_for_good()

__all__ = [
    "accounts",
    "acting",
    "check",
    "cli",
    "doctor",
    "jobs",
    "main",
    "notifications",
    "recurring",
    "restoring",
    "schedule",
    "sealing",
    "system",
    "tokens",
    "watching",
]


def main() -> None:
    """The entry point: runs a command, and says in one sentence what went wrong."""
    try:
        with suppress(StackError):  # installed without its project: the folder's own settings count
            settle(find_project())
        cli()
    except RequestInvalidError as error:
        fail("\n  ".join(["the request was refused, and nothing was stored:", *(f"{one.field} {one.problem}" for one in error.problems)]))
    except DeletionRefused as error:
        fail(f"{error.reason} It may be deleted from {error.until.isoformat()} on." if error.until else error.reason)
    except IllegalTransition as error:
        fail(f"the job is {error.job.state}. {error.reason}")
    except (KeyReusedError, UnknownAccountError, UnknownRecurringError, SettingsError, LedgerUnusableError, OSError, ValueError) as error:
        fail(str(error))
    except UNREACHABLE as error:
        reason = " ".join(str(error.__cause__ or error).split())
        fail(f"the database does not answer, or was never prepared (`replicas migrate`): {reason}")
