"""Who waits at links. It may not move a job, nor fence whoever works on it: so the version stays as it is."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from worker.core.job import JobId
from worker.core.states import State
from worker.store.columns import Moment
from worker.store.tables import METADATA

JOB = METADATA.tables["job"]
_WAITS = (
    update(JOB)
    .where(JOB.c.id == bindparam("whom"), JOB.c.state == State.OPENING.value)
    .values(visited_at=bindparam("now_visited", type_=Moment))
)


def note(connection: Connection, job_id: JobId, now: datetime) -> None:
    """Somebody waits for the conversation that is being opened. Nothing, where none is."""
    connection.execute(_WAITS, {"whom": job_id, "now_visited": now})


def before(connection: Connection, account: str, since: datetime) -> int:
    """How many of the account's jobs have waited for a conversation since before that."""
    opening = (JOB.c.state == State.OPENING.value, JOB.c.account == account, JOB.c.conversation_intended_at.is_(None))
    return int(connection.execute(select(func.count()).select_from(JOB).where(*opening, JOB.c.trying_since < since)).scalar_one())
