"""Which wishes are due: deletions of replicas, and ends of conversations. It may not claim them.

They are few, and who comes second to one finds nothing to do.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, exists, not_, select

from worker.core.job import JobId
from worker.store.columns import Moment
from worker.store.tables import METADATA

JOB, ATTEMPT, ACCOUNT = METADATA.tables["job"], METADATA.tables["attempt"], METADATA.tables["account"]


def due(connection: Connection, now: datetime, limit: int) -> list[JobId]:
    """The jobs with a wish that is due: ends first, for they bill, and each longest due first. Who cannot be asked, for his key is refused, waits."""
    given = {"now": now, "limit": limit}
    found = [*connection.execute(_ENDS, given).scalars(), *connection.execute(_DELETIONS, given).scalars()]
    return [JobId(job_id) for job_id in dict.fromkeys(found)][:limit]


def hears(account: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the account can be asked anything: of one whose key is refused no wish is due before a person resumes it."""
    return not_(exists().where(ACCOUNT.c.name == account, ACCOUNT.c.stopped_at.is_not(None), ACCOUNT.c.deaf))


# Built once: to build one takes longer than the database takes to answer it.
_NOW, _LIMIT = bindparam("now", type_=Moment), bindparam("limit", type_=Integer)
_END, _DELETION = JOB.c.conversation_end_due_at, ATTEMPT.c.delete_due_at
_ENDS = select(JOB.c.id).where(_END <= _NOW, hears(JOB.c.account)).order_by(_END).limit(_LIMIT)
_DELETIONS = select(ATTEMPT.c.job_id).where(_DELETION <= _NOW, hears(ATTEMPT.c.account)).order_by(_DELETION).limit(_LIMIT)
