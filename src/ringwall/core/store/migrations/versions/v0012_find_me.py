"""Find Me: numbers at which users are looked for when nobody takes their calls. Nobody has any yet."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make this step."""
    op.add_column("forwardings", sa.Column("find_me", sa.Text(), server_default="[]", nullable=False))
