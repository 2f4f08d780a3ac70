"""PINs for login at phones and for mailboxes. Nobody has one to begin with."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make this step."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "pins",
        sa.Column(
            "user_id",
            number,
            sa.ForeignKey("users.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("set_at", sa.Float(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
    )
    op.create_table(
        "pin_tries",
        sa.Column("user_id", number, primary_key=True, autoincrement=False),
        sa.Column("own_phone", sa.Boolean(), primary_key=True),
        sa.Column("failures", sa.Text(), nullable=False),
        sa.Column("locked_until", sa.Float(), nullable=False),
        sa.Column("locks", sa.Integer(), nullable=False),
    )
