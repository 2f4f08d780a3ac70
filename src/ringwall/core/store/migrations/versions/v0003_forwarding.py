"""Forwarding: where calls go always, when busy, when nobody answers. Nobody has any to begin with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make this step."""
    op.create_table(
        "forwardings",
        sa.Column(
            "user_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("users.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("always", sa.Text(), nullable=False),
        sa.Column("busy", sa.Text(), nullable=False),
        sa.Column("no_answer", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
    )
