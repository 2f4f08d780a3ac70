"""Limits, ranges of numbers and inside objects: what the policy had built in becomes the administrator's."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_RANGES = (
    ("+870", "satellite", "Inmarsat"),
    ("+881", "satellite", "Global satellite systems"),
    ("+882", "satellite", "International networks"),
    ("+883", "satellite", "International networks"),
    ("+61147", "satellite", "Australian satellite telephones"),
    ("+222", "fraud test", "Mauritania"),
    ("+232", "fraud test", "Sierra Leone"),
    ("+235", "fraud test", "Chad"),
    ("+239", "fraud test", "Sao Tome and Principe"),
    ("+245", "fraud test", "Guinea-Bissau"),
    ("+246", "fraud test", "Diego Garcia"),
    ("+247", "fraud test", "Ascension"),
    ("+252", "fraud test", "Somalia"),
    ("+269", "fraud test", "Comoros"),
    ("+290", "fraud test", "Saint Helena"),
    ("+500", "fraud test", "Falkland Islands"),
    ("+53", "fraud test", "Cuba"),
    ("+6721", "fraud test", "Antarctica"),
    ("+674", "fraud test", "Nauru"),
    ("+675", "fraud test", "Papua New Guinea"),
    ("+676", "fraud test", "Tonga"),
    ("+677", "fraud test", "Solomon Islands"),
    ("+678", "fraud test", "Vanuatu"),
    ("+681", "fraud test", "Wallis and Futuna"),
    ("+682", "fraud test", "Cook Islands"),
    ("+683", "fraud test", "Niue"),
    ("+685", "fraud test", "Samoa"),
    ("+686", "fraud test", "Kiribati"),
    ("+688", "fraud test", "Tuvalu"),
    ("+690", "fraud test", "Tokelau"),
    ("+878", "fraud test", "Universal personal numbers"),
    ("+888", "fraud test", "Humanitarian networks"),
)


def upgrade() -> None:
    """Make this step."""
    limits = op.create_table(
        "limits",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("permissions", sa.Text(), nullable=False),
    )
    # Without any setting of its own it has the policy's own values, as before.
    op.bulk_insert(limits, [{"name": "organisation", "permissions": "{}"}])
    # The constraint stands in the column: SQLite takes none afterwards.
    op.execute(
        "ALTER TABLE user_groups ADD COLUMN limits TEXT"
        " CONSTRAINT fk_user_groups_limits REFERENCES limits (name)"
    )
    ranges = op.create_table(
        "danger_ranges",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
    )
    op.bulk_insert(ranges, [{"id": prefix, "kind": kind, "name": name} for prefix, kind, name in _RANGES])
    op.create_table(
        "inside_objects",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), sa.ForeignKey("user_groups.id")),
        sa.Column("site", sa.Text(), sa.ForeignKey("sites.id")),
    )
