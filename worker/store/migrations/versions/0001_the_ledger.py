"""0001: the ledger: jobs, attempts, stories, accounts, voices. Never changed once released."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "account",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True)),
        sa.Column("stopped_for", sa.String()),
        sa.Column("deaf", sa.Boolean(), nullable=False),
        sa.Column("voices_read_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String()),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("rung_at", sa.DateTime(timezone=True)),
        sa.Column("conversation_mark", sa.String()),
        sa.Column("conversation_intended_at", sa.DateTime(timezone=True)),
        sa.Column("conversation_id", sa.String()),
        sa.Column("conversation_url", sa.String()),
        sa.Column("conversation_wanted", sa.Boolean(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("trying_since", sa.DateTime(timezone=True)),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True)),
        sa.Column("watched_since", sa.DateTime(timezone=True)),
        sa.Column("progress", sa.String()),
        sa.Column("failure", sa.String()),
        sa.Column("detail", sa.String()),
        sa.Column("release_to", sa.String()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("caller", "idempotency_key", name=op.f("uq_job_caller_idempotency_key")),
    )
    op.create_index("ix_job_account", "job", ["account"])
    op.create_index("ix_job_due", "job", ["state", "due_at", "priority", "account"])

    op.create_table(
        "voice",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account", "name", name=op.f("pk_voice")),
    )
    op.create_table(
        "attempt",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fixer", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("replica_id", sa.String()),
        sa.Column("failure", sa.String()),
        sa.Column("error_first_seen_at", sa.DateTime(timezone=True)),
        sa.Column("deletable_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_attempt_job_id")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_attempt")),
        sa.UniqueConstraint("mark", name=op.f("uq_attempt_mark")),
    )
    op.create_index("ix_attempt_replica_id", "attempt", ["replica_id"])

    op.create_table(
        "story",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("from_state", sa.String()),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_story_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_story")),
    )
    op.create_index("ix_story_job_id", "story", ["job_id", "id"])
