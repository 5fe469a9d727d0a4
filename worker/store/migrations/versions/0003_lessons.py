"""0003: when trainings ended and were called about, and what is learned from it. Never changed once released.

It only adds, with defaults: workers of the version before go on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0002."""
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
