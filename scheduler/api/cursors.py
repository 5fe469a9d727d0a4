"""Where a page of jobs ended, as a word that says nothing to whoever has it. It may not hold anything but an id: whoever sends it is asked anew.

Every word of the right form is some place in the list, so none can be wrong.
"""

from typing import Annotated

from pydantic import StringConstraints

from worker.core.job import JobId
from worker.core.marks import ALPHABET

Cursor = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{26}$")]
# Turned round, so that nobody takes it for an id, or makes one of an id and comes to rely on that.
_TURNED = str.maketrans(ALPHABET, ALPHABET[::-1])


def cursor_of(job_id: JobId | None) -> str | None:
    """The word for the page after this job."""
    return job_id.translate(_TURNED)[::-1] if job_id is not None else None


def after(cursor: str | None) -> JobId | None:
    """The job that the page comes after."""
    return JobId(cursor[::-1].translate(_TURNED)) if cursor is not None else None
