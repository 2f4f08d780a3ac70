"""Each role may what its name says, and nothing that nobody gave it."""

from unittest.mock import MagicMock

import pytest

from ringwall.core.identity.permissions import ADMINISTRATIVE, PERMISSIONS, Permission, Role, permits
from ringwall.core.operations import Operations
from ringwall.core.phones.house import PhoneHouse
from ringwall.core.process import Core
from ringwall.core.voice_mail import VoiceMailHouse

pytestmark = pytest.mark.req("I3")

OWN = {Permission.ACCOUNT_OWN, Permission.MAILBOX_OWN}


def test_who_has_no_role_may_nothing() -> None:
    assert not any(permits(None, each) for each in Permission)


@pytest.mark.parametrize("role", Role)
def test_what_asks_no_permission_is_nobodys(role: Role) -> None:
    assert not permits(role, None)


def test_every_role_has_a_list_and_an_administrator_may_all_but_others_mailboxes() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert set(Permission) - PERMISSIONS[Role.ADMINISTRATOR] == {Permission.MAILBOX_OWN}


def test_an_auditor_reads_everything_and_changes_nothing() -> None:
    may = PERMISSIONS[Role.AUDITOR]
    assert permits(Role.AUDITOR, Permission.LEDGER_READ)
    assert {each for each in Permission if each.endswith(":read")} <= may
    assert may - {Permission.ACCOUNT_OWN} == {each for each in may if each.endswith(":read")}


def test_a_supervisor_watches_calls_and_changes_no_rights_and_no_users() -> None:
    may = PERMISSIONS[Role.SUPERVISOR]
    assert {Permission.CALLS_READ, Permission.CALLS_WATCH, Permission.CALLS_RECORD} <= may
    assert not any(each.endswith(":write") for each in may)


def test_only_administrators_say_who_signs_in_who_may_what_and_where_calls_leave() -> None:
    theirs = {
        Permission.ADMINS_WRITE,
        Permission.RIGHTS_WRITE,
        Permission.TRUNKS_WRITE,
        Permission.AUTHCODES_WRITE,
        Permission.FIRMWARE_WRITE,
        Permission.MAIL_WRITE,
    }
    for role in set(Role) - {Role.ADMINISTRATOR}:
        assert not theirs & PERMISSIONS[role]


def test_an_operator_watches_nobody_and_reads_no_ledger() -> None:
    unwanted = {Permission.CALLS_WATCH, Permission.CALLS_RECORD, Permission.LEDGER_READ}
    assert not unwanted & PERMISSIONS[Role.OPERATOR]


def test_a_user_may_what_is_their_own_and_nobody_else_reaches_a_mailbox() -> None:
    assert PERMISSIONS[Role.USER] == OWN
    assert [role for role in Role if permits(role, Permission.MAILBOX_OWN)] == [Role.USER]
    assert frozenset(Role) - ADMINISTRATIVE == {Role.USER}


def test_whoever_may_change_a_thing_may_see_it() -> None:
    for role, may in PERMISSIONS.items():
        for each in may:
            thing, _, verb = each.partition(":")
            sight = f"{'users' if thing == 'pins' else thing}:read"
            assert verb not in {"write", "watch", "record"} or sight in may, (role, each)


def test_every_operation_finds_its_permission() -> None:
    core = Core.__new__(Core)
    core.operations = Operations(MagicMock())
    parts = (
        "settings",
        "identity",
        "layout",
        "directory",
        "rights",
        "store",
        "forwarding",
        "pins",
        "mail",
        "firmware",
    )
    for part in (*parts, "ledger", "marks", "switch"):
        setattr(core, part, MagicMock())
    core.phones = PhoneHouse.__new__(PhoneHouse)
    for part in ("phones", "administration", "logins", "seen"):
        setattr(core.phones, part, MagicMock())
    core.voice_mail = VoiceMailHouse.__new__(VoiceMailHouse)
    core.voice_mail.voice_mail = core.voice_mail.recordings = MagicMock()
    core._offer_operations()
    every = [operation for operation, _ in core.operations._table.values()]
    assert len(every) > 100
    assert [operation.name for operation in every if operation.permission is None] == []
