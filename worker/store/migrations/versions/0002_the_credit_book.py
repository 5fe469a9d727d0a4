"""0002: budgets and terms of accounts, deletions in two steps, witnesses and strays, the rules of each decision. Never changed once released.

It only adds, with defaults: workers of the version before go on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0001."""
    moment = sa.DateTime(timezone=True)
    op.add_column("job", sa.Column("patient_from", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("job", sa.Column("conversation_lost", sa.Integer(), nullable=False, server_default="0"))

    op.add_column("attempt", sa.Column("account", sa.String(), nullable=False, server_default=""))
    op.add_column("attempt", sa.Column("vanished_at", moment))
    op.add_column("attempt", sa.Column("delete_due_at", moment))
    op.add_column("attempt", sa.Column("delete_hard", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("attempt", sa.Column("delete_confirmed_at", moment))
    op.add_column("attempt", sa.Column("witness", sa.String()))
    op.add_column("attempt", sa.Column("strays", sa.String()))
    op.execute("UPDATE attempt SET account = (SELECT job.account FROM job WHERE job.id = attempt.job_id)")
    op.create_index("ix_attempt_account", "attempt", ["account", "outcome", "intended_at"])
    due = sa.text("delete_due_at IS NOT NULL")
    op.create_index("ix_attempt_delete_due_at", "attempt", ["delete_due_at"], postgresql_where=due, sqlite_where=due)

    op.add_column("account", sa.Column("lost", sa.String()))
    op.add_column("account", sa.Column("max_trainings_a_month", sa.Integer()))
    op.add_column("account", sa.Column("max_in_flight", sa.Integer()))
    op.add_column("account", sa.Column("retry_after_refund", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("account", sa.Column("price", sa.String()))

    op.create_table(
        "rules",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_rules")),
    )
    op.add_column("story", sa.Column("rules", sa.String()))
