"""0008: what callers are told, the destinations that fail, and the secrets that sign. Never changed once released.

It only adds: workers of the version before go on beside it, and tell nobody anything.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# This and the following revisions need the table of jobs to themselves, and workers go on meanwhile: see 0003. Who waited for it with what this one
# needs, and then with what the next one needs, would close a circle with them.
_ALONE = """
DO $$ BEGIN
  FOR attempt IN 1..1200 LOOP
    BEGIN
      LOCK TABLE job IN ACCESS EXCLUSIVE MODE NOWAIT;
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(0.05);
    END;
  END LOOP;
  RAISE EXCEPTION 'the table of jobs was never free for a minute: stop some workers, and migrate again';
END $$
"""


def upgrade() -> None:
    """From 0007."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_ALONE)
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "notification",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", moment),
        sa.Column("since", moment, nullable=False),
        sa.Column("answer", sa.String()),
        sa.Column("answered_at", moment),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_notification_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    waiting, out = sa.text("due_at IS NOT NULL"), sa.text("status IN ('rung', 'sending')")
    op.create_index("ix_notification_due", "notification", ["due_at", "destination"], postgresql_where=waiting, sqlite_where=waiting)
    op.create_index("ix_notification_line", "notification", ["destination", "due_at"], postgresql_where=waiting, sqlite_where=waiting)
    op.create_index("ix_notification_out", "notification", ["destination"], postgresql_where=out, sqlite_where=out)
    op.create_index("ix_notification_job_id", "notification", ["job_id"])
    op.create_index("ix_notification_at", "notification", ["at", "id"])
    op.create_index("ix_notification_caller", "notification", ["caller", "at", "id"])

    op.create_table(
        "destination",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("shut_until", moment),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_destination")),
    )
    op.create_table(
        "signing_secret",
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("until", moment),
        sa.PrimaryKeyConstraint("caller", "number", name=op.f("pk_signing_secret")),
    )
