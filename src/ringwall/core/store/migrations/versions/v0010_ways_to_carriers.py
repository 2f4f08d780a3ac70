"""Trunks that the edge has no way to are switched off: UDP, IPv6, and TLS to an address without a name."""

import ipaddress

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make this step."""
    trunks = sa.table(
        "trunks",
        *(sa.column(name, sa.Text()) for name in ("id", "host", "transport", "certificate_name")),
        sa.column("enabled", sa.Boolean()),
    )
    connection = op.get_bind()
    rows = connection.execute(
        sa.select(trunks.c.id, trunks.c.host, trunks.c.transport, trunks.c.certificate_name)
    ).all()
    for trunk, host, transport, name in rows:
        if transport == "udp" or ":" in host or (transport == "tls" and _is_address(name or host)):
            kept = "tcp" if transport == "udp" else transport
            change = sa.update(trunks).where(trunks.c.id == trunk).values(enabled=False, transport=kept)
            connection.execute(change)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
