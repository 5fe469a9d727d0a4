"""0005: how many requests a minute an account may send. Never changed once released.

It only adds, with defaults: workers of the version before go on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From 0004."""
    op.add_column("account", sa.Column("requests_a_minute", sa.Integer()))
