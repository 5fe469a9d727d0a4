"""0010: lists of jobs by whatever they are asked for, and the ends of conversations. Never changed once released.

It only adds: workers of the version before go on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0009."""
    op.add_column("job", sa.Column("conversation_end_due_at", sa.DateTime(timezone=True)))
    op.add_column("job", sa.Column("conversation_ended_at", sa.DateTime(timezone=True)))
    for name in ("caller", "account", "state"):
        op.create_index(f"ix_job_{name}_id", "job", [name, "id"])
    wished = sa.text("conversation_end_due_at IS NOT NULL")
    op.create_index("ix_job_end_due_at", "job", ["conversation_end_due_at"], postgresql_where=wished, sqlite_where=wished)
