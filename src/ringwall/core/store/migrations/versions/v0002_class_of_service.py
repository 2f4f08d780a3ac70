"""Class of service: sites, groups, classes, trunks, authorization codes; users get a group and a site.

Everybody who is there gets the least privileged group: inside and emergency calls, as before this step.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What is the least that somebody can have, as it was when this step was made.
_TELEPHONY = {
    "max_calls": 2,
    "max_buddies": 0,
    "max_conference_parties": 3,
    "inter_site_video": False,
    "pickup": False,
    "trunk_to_trunk": False,
    "paging": False,
    "hunt_group_busy": False,
    "reassignment": False,
    "pstn_failover": False,
    "show_monitored_caller_id": False,
    "customize_buttons": False,
    "show_other_prefixes": True,
    "collaboration": False,
    "record_own": False,
    "intercom": False,
    "accept_intercom": [],
    "barge_in": False,
    "accept_barge_in": [],
    "record_others": False,
    "accept_record": [],
    "monitor": False,
    "accept_monitor": [],
    "change_mode": True,
    "change_call_handling": False,
    "external_forwarding": False,
    "forwarding_scope": "local",
    "forwarding_restrictions": [],
    "forwarding_permissions": [],
    "forwarding_opened": [],
    "forwarding_overrides": False,
    "external_assignment": False,
    "warning_tone": True,
    "watch_emergency_calls": False,
    "pickup_from": [],
}
_CALL = {"scope": "internal", "restrictions": [], "permissions": [], "opened": []}
_VOICE_MAIL = {
    "max_messages": 30,
    "password_lifespan": 90,
    "broadcast_list": False,
    "system_lists": False,
    "notification": True,
    "external_notification": False,
    "password_warning": 7,
    "incoming_length": 300,
    "outgoing_length": 300,
    "callback": "off",
}
_LEAST = "Least privileged"


def upgrade() -> None:
    """Make the step."""
    _make_classes()
    _make_places()
    # The constraints stand in the columns: SQLite takes none afterwards, and making the table anew would
    # remove the devices that hang on it.
    for name, table in (("group_id", "user_groups"), ("site_id", "sites")):
        op.execute(
            f"ALTER TABLE users ADD COLUMN {name} TEXT CONSTRAINT fk_users_{name} REFERENCES {table} (id)"
        )
    for column in (
        sa.Column("did", sa.Text(), server_default="", nullable=False),
        sa.Column("caller_id", sa.Text(), server_default="", nullable=False),
        sa.Column("no_pickup", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("locked", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("users", column)
    _seed()


def _make_classes() -> None:
    op.create_table(
        "cos_telephony",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cos_telephony"),
    )
    op.create_table(
        "cos_call",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cos_call"),
    )
    op.create_table(
        "cos_voice_mail",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cos_voice_mail"),
    )


def _make_places() -> None:
    op.create_table(
        "sites",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("area_codes", sa.Text(), nullable=False),
        sa.Column("local_area_codes", sa.Text(), nullable=False),
        sa.Column("emergency_numbers", sa.Text(), nullable=False),
        sa.Column("access_code", sa.Text(), nullable=False),
        sa.Column("unassigned_emergency", sa.Boolean(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("notify", sa.Text(), nullable=False),
        sa.Column("callback_number", sa.Text(), nullable=False),
        sa.Column("proxy", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["proxy"], ["sites.id"], name="fk_sites_proxy"),
        sa.PrimaryKeyConstraint("id", name="pk_sites"),
    )
    op.create_table(
        "user_groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("telephony", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("voice_mail", sa.Text(), nullable=False),
        sa.Column("trunk_groups", sa.Text(), nullable=False),
        sa.Column("codes", sa.Text(), nullable=False),
        sa.Column("emergency_caller_id", sa.Boolean(), nullable=False),
        sa.Column("emergency_did", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["telephony"], ["cos_telephony.name"], name="fk_user_groups_telephony"),
        sa.ForeignKeyConstraint(["call"], ["cos_call.name"], name="fk_user_groups_call"),
        sa.ForeignKeyConstraint(["voice_mail"], ["cos_voice_mail.name"], name="fk_user_groups_voice_mail"),
        sa.PrimaryKeyConstraint("id", name="pk_user_groups"),
    )
    op.create_table(
        "trunk_groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("access_code", sa.Text(), nullable=False),
        sa.Column("services", sa.Text(), nullable=False),
        sa.Column("area_codes", sa.Text(), nullable=False),
        sa.Column("tandem_group", sa.Text(), nullable=True),
        sa.Column("max_calls", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.id"], name="fk_trunk_groups_site"),
        sa.ForeignKeyConstraint(["tandem_group"], ["user_groups.id"], name="fk_trunk_groups_tandem_group"),
        sa.PrimaryKeyConstraint("id", name="pk_trunk_groups"),
    )
    op.create_table(
        "trunks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("trunk_group", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("media", sa.Text(), nullable=False),
        sa.Column("allow_clear_text", sa.Boolean(), nullable=False),
        sa.Column("certificate_name", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("registers", sa.Boolean(), nullable=False),
        sa.Column("register_seconds", sa.Integer(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("number_format", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("caller_id", sa.Text(), nullable=False),
        sa.Column("caller_number", sa.Text(), nullable=False),
        sa.Column("asserted_identity", sa.Boolean(), nullable=False),
        sa.Column("did_ranges", sa.Text(), nullable=False),
        sa.Column("did_digits", sa.Integer(), nullable=False),
        sa.Column("options_seconds", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("max_calls", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["trunk_group"], ["trunk_groups.id"], name="fk_trunks_trunk_group"),
        sa.PrimaryKeyConstraint("id", name="pk_trunks"),
    )
    op.create_table(
        "auth_codes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("wildcard", sa.Integer(), nullable=False),
        sa.Column("wildcard_may_exceed", sa.Boolean(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_auth_codes"),
        sa.UniqueConstraint("sealed", name="uq_auth_codes_sealed"),
    )
    op.create_index("ix_auth_codes_owner", "auth_codes", ["owner"])


def _seed() -> None:
    """Put in what there always is, and give it to the users who are there."""
    for table, permissions in (
        ("cos_telephony", _TELEPHONY),
        ("cos_call", _CALL),
        ("cos_voice_mail", _VOICE_MAIL),
    ):
        _insert(table, name=_LEAST, permissions=json.dumps(permissions))
    for number, name in (("least-privileged", _LEAST), ("authorization-codes", "Authorization codes")):
        _insert(
            "user_groups",
            id=number,
            name=name,
            telephony=_LEAST,
            call=_LEAST,
            voice_mail=_LEAST,
            trunk_groups="[]",
            codes="disabled",
            emergency_caller_id=True,
            emergency_did=True,
        )
    _insert(
        "sites",
        id="main",
        name="Main",
        country="US",
        area_codes="[]",
        local_area_codes="[]",
        emergency_numbers="[]",
        access_code="9",
        unassigned_emergency=True,
        location="",
        notify="[]",
        callback_number="",
    )
    users = sa.table("users", sa.column("group_id"), sa.column("site_id"))
    op.execute(users.update().values(group_id="least-privileged", site_id="main"))


def _insert(table: str, /, **row: object) -> None:
    columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in row]
    op.bulk_insert(sa.table(table, *columns), [row])
