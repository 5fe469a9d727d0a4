"""0012: rounds that are done now and then, jobs that recur, and jobs that retention has erased. Never changed once released.

It only adds: workers of the version before go on beside it, and do none of that.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0011."""
    moment = sa.DateTime(timezone=True)
    op.add_column("job", sa.Column("erased_at", moment))
    op.create_table(
        "round",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due_at", moment),
        sa.Column("begun_at", moment),
        sa.Column("place", sa.String()),
        sa.Column("found", sa.JSON()),
        sa.Column("ended_at", moment),
        sa.Column("outcome", sa.JSON()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_round")),
    )
    op.create_table(
        "recurring",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("added_at", moment, nullable=False),
        sa.Column("due_at", moment),
        sa.Column("occurred_at", moment),
        sa.Column("job_id", sa.String()),
        sa.Column("refused", sa.String()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_recurring")),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_recurring_due_at", "recurring", ["due_at"], postgresql_where=due, sqlite_where=due)
