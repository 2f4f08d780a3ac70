"""Voice mail: mailboxes, messages and their recordings, greetings, lists, notification. All begin empty."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _number() -> "sa.types.TypeEngine[int]":
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _user(*, key: bool = True) -> "sa.Column[int]":
    return sa.Column(
        "user_id",
        _number(),
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=key,
        autoincrement=False,
        nullable=False,
    )


def upgrade() -> None:
    """Make this step."""
    op.create_table(
        "vm_recordings",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("size", _number(), nullable=False),
    )
    op.create_table(
        "vm_messages",
        sa.Column("id", sa.Text(), primary_key=True),
        _user(key=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("received_at", sa.Float(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("heard_at", sa.Float()),
        sa.Column("deleted_at", sa.Float()),
    )
    op.create_index("ix_vm_messages_user_id", "vm_messages", ["user_id"])
    op.create_index("ix_vm_messages_folder", "vm_messages", ["folder"])
    op.create_table(
        "vm_parts",
        sa.Column("recording", sa.Text(), sa.ForeignKey("vm_recordings.name"), primary_key=True),
        sa.Column(
            "message_id", sa.Text(), sa.ForeignKey("vm_messages.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("place", sa.Integer(), nullable=False),
    )
    op.create_index("ix_vm_parts_message_id", "vm_parts", ["message_id"])
    op.create_table(
        "vm_greetings",
        _user(),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("recording", sa.Text(), sa.ForeignKey("vm_recordings.name"), nullable=False),
    )
    op.create_index("ix_vm_greetings_recording", "vm_greetings", ["recording"])
    op.create_table("vm_settings", _user(), sa.Column("value", sa.Text(), nullable=False))
    op.create_table(
        "vm_lists",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("owner", _number(), sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.UniqueConstraint("owner", "number", name="uq_vm_lists_owner"),
    )
    op.create_table(
        "vm_profiles",
        _user(),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table("vm_alarms", _user(), sa.Column("value", sa.Text(), nullable=False))
