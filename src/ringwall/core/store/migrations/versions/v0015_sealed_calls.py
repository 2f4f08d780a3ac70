"""What holds SRTP keys of live calls is sealed. Calls of before have none any more: they end as lost."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NAME = sa.Column("call_id", sa.Text(), nullable=False)
_STARTED = sa.Column("started", sa.Float(), nullable=False)
_BODY = sa.Column("body", sa.Text(), nullable=False)
_SEALED = sa.Column("sealed", sa.LargeBinary(), nullable=False)


def upgrade() -> None:
    """Make this step."""
    connection = op.get_bind()
    old = sa.table("live_calls", sa.column("call_id"), sa.column("started"), sa.column("body"))
    rows = connection.execute(sa.select(old.c.call_id, old.c.started, old.c.body)).all()
    op.drop_table("live_calls")
    made = op.create_table(
        "live_calls",
        _NAME,
        _STARTED,
        _BODY,
        _SEALED,
        sa.PrimaryKeyConstraint("call_id", name="pk_live_calls"),
    )
    kept = [
        {"call_id": call_id, "started": started, "body": json.dumps(_without_keys(body)), "sealed": b""}
        for call_id, started, body in rows
    ]
    if kept:
        connection.execute(sa.insert(made), kept)


def _without_keys(body: str) -> Any:
    try:
        call = json.loads(body)
        for leg in (call["caller"], call["callee"], *call.get("others", ())):
            if leg is not None:
                del leg["local_sdp"], leg["remote_sdp"]
                if leg.get("media"):
                    del leg["media"]["key"]
    except (ValueError, KeyError, TypeError):
        return {}
    return call
