"""0004: indexes for lines of accounts and callers, and for the messages that are out. Never changed once released.

Workers of the version before go on beside it; they find what is due by the new index too, only slower.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0003."""
    op.create_index("ix_job_line", "job", ["state", "account", "due_at"])
    for state in ("queued", "opening"):
        there = sa.text(f"state = '{state}'")
        columns = ["account", "caller", "priority", "due_at", "state"]
        op.create_index(f"ix_job_{state}", "job", columns, postgresql_where=there, sqlite_where=there)
    out = sa.text("rung_at IS NOT NULL")
    op.create_index("ix_job_rung_at", "job", ["rung_at", "state", "account"], postgresql_where=out, sqlite_where=out)
    op.drop_index("ix_job_due", "job")
    op.drop_index("ix_job_account", "job")
