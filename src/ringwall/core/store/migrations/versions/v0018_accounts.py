"""Accounts have roles, and sessions of accounts and of users are kept alike.

Who was there before is an administrator, stays signed in, and has the password that they have.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make this step."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "accounts",
        sa.Column("id", number, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_set_at", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("number", number, nullable=False),
        sa.Column("secret_set_at", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.execute(
        "INSERT INTO accounts (id, name, role, password_hash, password_set_at, created_at)"
        " SELECT id, name, 'administrator', password_hash, created_at, created_at FROM administrators"
    )
    op.execute(
        "INSERT INTO sessions (digest, holder, number, secret_set_at, created_at, expires_at)"
        " SELECT digest, 'account', administrators.id, administrators.created_at, api_tokens.created_at,"
        " expires_at FROM api_tokens JOIN administrators ON administrators.id = administrator_id"
    )
    op.drop_table("api_tokens")
    op.drop_table("administrators")
