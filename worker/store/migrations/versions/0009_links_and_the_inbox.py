"""0009: the inbox for Tavus' callbacks, and what links to conversations need. Never changed once released.

It only adds: workers of the version before go on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0008."""
    moment = sa.DateTime(timezone=True)
    op.add_column("job", sa.Column("conversation_opened_at", moment))
    op.add_column("job", sa.Column("conversation_admission", sa.String()))
    op.add_column("job", sa.Column("openings", sa.String()))
    op.add_column("job", sa.Column("visited_at", moment))
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("once", sa.String()),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("due_at", moment),
        sa.Column("body", sa.JSON()),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_inbox_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("once", name=op.f("uq_inbox_once")),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_inbox_due_at", "inbox", ["due_at"], postgresql_where=due, sqlite_where=due)
