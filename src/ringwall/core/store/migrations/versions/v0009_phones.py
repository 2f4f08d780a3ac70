"""Desk phones that are set up by us. A device needs no user any longer; there are no phones to begin with."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make this step."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    if op.get_bind().dialect.name == "sqlite":
        _devices_anew(number)
    else:
        op.alter_column("devices", "user_id", existing_type=number, nullable=True)
    op.create_table(
        "phones",
        sa.Column("id", number, primary_key=True, autoincrement=False),
        sa.Column("mac", sa.Text(), nullable=False, unique=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("expected", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), sa.ForeignKey("sites.id")),
        sa.Column("group_id", sa.Text(), sa.ForeignKey("user_groups.id")),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("callback_number", sa.Text(), nullable=False),
        sa.Column("user_id", number, sa.ForeignKey("users.id", ondelete="SET NULL")),
        sa.Column("home_id", number, sa.ForeignKey("users.id", ondelete="SET NULL")),
        sa.Column("owner_waits", sa.Boolean(), nullable=False),
        sa.Column("legacy", sa.Boolean(), nullable=False),
        sa.Column("code_digest", sa.Text(), nullable=False),
        sa.Column("code_until", sa.Float(), nullable=False),
        sa.Column("code_source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_phones_home_id", "phones", ["home_id"])


def _devices_anew(number: sa.types.TypeEngine[int]) -> None:
    """SQLite changes no column: make the table anew, with what is in it."""
    op.create_table(
        "devices_anew",
        sa.Column("id", number, nullable=False),
        sa.Column("user_id", number, nullable=True),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("ha1_sha256", sa.Text(), nullable=False),
        sa.Column("ha1_md5", sa.Text(), nullable=True),
        sa.Column("legacy", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_devices_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("username", name="uq_devices_username"),
    )
    op.execute("INSERT INTO devices_anew SELECT * FROM devices")
    op.drop_table("devices")
    op.rename_table("devices_anew", "devices")
    op.create_index("ix_devices_user_id", "devices", ["user_id"])
