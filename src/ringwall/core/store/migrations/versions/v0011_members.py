"""Inside objects have members, and hunt groups say how they ring."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make this step."""
    for column in (
        sa.Column("members", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("ringing", sa.Text(), nullable=False, server_default="top down"),
        sa.Column("member_seconds", sa.Integer(), nullable=False, server_default="12"),
        sa.Column("seconds", sa.Integer(), nullable=False, server_default="36"),
        sa.Column("skip_busy", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("busy", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("busy_to", sa.Text(), nullable=False, server_default=""),
        sa.Column("no_answer_to", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("inside_objects", column)
