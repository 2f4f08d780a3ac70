"""Telephony classes of service say whether a recording is announced: it is, as by default."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_CLASSES = sa.table("cos_telephony", sa.column("name", sa.Text()), sa.column("permissions", sa.Text()))


def upgrade() -> None:
    """Make this step."""
    connection = op.get_bind()
    for name, permissions in connection.execute(sa.select(_CLASSES.c.name, _CLASSES.c.permissions)).all():
        value = {"recording_notice": True, **json.loads(permissions)}
        change = sa.update(_CLASSES).where(_CLASSES.c.name == name)
        connection.execute(change.values(permissions=json.dumps(value)))
