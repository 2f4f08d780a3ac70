"""Checkpoints of the ledger are numbered, and its signed end says how many there are.

Those of before get their numbers in their order. Their signatures do not cover them, those of later ones do.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make this step."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column(
        "ledger_checkpoints", sa.Column("number", number, nullable=False, server_default=sa.text("0"))
    )
    op.add_column("ledger_head", sa.Column("checkpoints", number, nullable=True))
    checkpoints = sa.table("ledger_checkpoints", sa.column("seq"), sa.column("number"))
    connection = op.get_bind()
    seqs = connection.execute(sa.select(checkpoints.c.seq).order_by(checkpoints.c.seq)).scalars().all()
    if seqs:
        change = checkpoints.update().where(checkpoints.c.seq == sa.bindparam("place"))
        connection.execute(
            change.values(number=sa.bindparam("count")),
            [{"place": seq, "count": count} for count, seq in enumerate(seqs, 1)],
        )
