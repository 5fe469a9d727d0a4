"""0003: when trainings ended and were called about, and what is learned from it. Never changed once released.

It only adds, with defaults: workers of the version before go on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


# Workers go on beside a migration. It needs several tables to itself, and taken one by one the locks would close a circle with whoever holds one and
# wants another: so it takes all that this and the following revisions touch, or none, and tries again. Workers then wait until the indexes are built.
_ALL_OR_NONE = """
DO $$ BEGIN
  FOR attempt IN 1..1200 LOOP
    BEGIN
      LOCK TABLE account, job, attempt, story IN ACCESS EXCLUSIVE MODE NOWAIT;
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(0.05);
    END;
  END LOOP;
  RAISE EXCEPTION 'the tables were never free at one moment for a minute: stop some workers, and migrate again';
END $$
"""


def upgrade() -> None:
    """From 0002."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_ALL_OR_NONE)
    moment = sa.DateTime(timezone=True)
    op.add_column("attempt", sa.Column("subject", sa.String(), nullable=False, server_default=""))
    op.add_column("attempt", sa.Column("ended_at", moment))
    op.add_column("attempt", sa.Column("called_at", moment))
    op.add_column("attempt", sa.Column("late_at", moment))
    made = sa.text("replica_id IS NOT NULL")
    op.create_index("ix_attempt_subject", "attempt", ["subject", "intended_at"], postgresql_where=made, sqlite_where=made)

    op.create_table(
        "lesson",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("learned_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_lesson")),
    )
