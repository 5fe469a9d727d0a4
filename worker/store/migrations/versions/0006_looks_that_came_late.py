"""0006: when the look that found a training over should have been. Never changed once released.

It only adds: workers of the version before go on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0005."""
    op.add_column("attempt", sa.Column("look_due_at", sa.DateTime(timezone=True)))
