"""Changes of the rights are checked, durable, recorded without secrets, and asked by the next action."""

import json
import time

import pytest

from ringwall.core.errors import CoreError, OperationError, StoreError
from ringwall.core.ledger.apart import verify_database
from ringwall.core.rights import kinds
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store
from ringwall.policy import explain
from support.core_data import ADMIN, open_core, open_rights

TRUNK = {"name": "Carrier A", "trunk_group": "pstn", "host": "sip.example.com"}
PASSWORD = "correct-horse-battery"


async def _records(core):
    return [(record["kind"], record["body"]) for record in await core.ledger.tail(0, 1000)]


def _allowed(rights, number, user="201"):
    return explain(rights.snapshot, user, number, now=time.time()).allowed


@pytest.mark.req("C1")
async def test_a_new_user_has_the_least(core, rights):
    await core.directory.add_user(ADMIN, "201", "Anna")
    await core.directory.add_user(ADMIN, "202", "Bert")
    assert _allowed(rights, "202")
    assert _allowed(rights, "911")
    assert not _allowed(rights, "914085550123")


@pytest.mark.req("C1", "C3")
async def test_a_change_applies_to_the_next_action_and_outlives_a_restart(core, office):
    assert _allowed(office, "914085550123")
    assert not _allowed(office, "9011442079460123")
    await office.change(ADMIN, kinds.CALL, "National", {"scope": "International Long Distance"})
    assert _allowed(office, "9011442079460123")
    await office.change(ADMIN, kinds.CALL, "National", {"restrictions": ["+1 (408)", "+44"]})
    assert not _allowed(office, "914085550123")
    await core.directory.change_user(ADMIN, "201", {"group": "least-privileged"})
    assert not _allowed(office, "912125550123")
    again = await open_rights(core)
    for kind in kinds.KINDS:
        assert again.book.of(kind) == office.book.of(kind)
    assert again.book.get(kinds.CALL, "National").values["restrictions"] == ["+1408", "+44"]


@pytest.mark.req("C1")
async def test_listeners_get_each_new_snapshot_also_when_users_change(core, office):
    seen = []
    office.on_change(seen.append)
    office.on_change(lambda _: 1 / 0)
    await office.change(ADMIN, kinds.SITE, "main", {"location": "Main street 1"})
    await core.directory.add_user(ADMIN, "202", "Bert")
    await core.directory.remove_user(ADMIN, "202")
    assert len(seen) == 3
    assert seen[-1] is office.snapshot
    assert "202" in seen[1].users
    assert "202" not in seen[2].users


@pytest.mark.parametrize(
    ("kind", "key", "given", "field", "words"),
    [
        (kinds.SITE, "x", {"name": "X", "country": "XX"}, "country", "two letters"),
        (kinds.SITE, "x", {"name": "X"}, "country", "is needed"),
        (kinds.SITE, "no blank", {"name": "X", "country": "US"}, "site", "letters, digits"),
        (kinds.SITE, "x", {"name": "X", "country": "US", "area_codes": ["4x8"]}, "area_codes", "1 to 7"),
        (kinds.SITE, "x", {"name": "X", "country": "US", "access_code": "99999"}, "access_code", "1 to 3"),
        (kinds.SITE, "x", {"name": "X", "country": "US", "proxy": "y"}, "proxy", "accepted are main"),
        (kinds.SITE, "x", {"name": "X", "country": "US", "notify": ["299"]}, "notify", "accepted are 201"),
        (kinds.SITE, "x", {"name": "X", "country": "US", "notify": ["a@"]}, "notify", "mail address"),
        (
            kinds.SITE,
            "x",
            {"name": "X", "country": "US", "callback_number": "12"},
            "callback_number",
            "such as",
        ),
        (kinds.TELEPHONY, "x", {"max_calls": 17}, "max_calls", "from 1 to 16"),
        (kinds.TELEPHONY, "x", {"max_calls": "8"}, "max_calls", "whole number"),
        (kinds.TELEPHONY, "x", {"pickup": "yes"}, "pickup", "true or false"),
        (kinds.TELEPHONY, "x", {"forwarding_scope": "internal"}, "forwarding_scope", "one of local"),
        (kinds.TELEPHONY, "x", {"forwarding_permissions": ["44"]}, "forwarding_permissions", "'44'"),
        (kinds.TELEPHONY, "x", {"accept_monitor": ["all", "201"]}, "accept_monitor", "not both"),
        (kinds.TELEPHONY, "x", {"accept_monitor": ["group:desk"]}, "accept_monitor", "no group 'desk'"),
        (kinds.TELEPHONY, "x", {"pickup_from": ["desk"]}, "pickup_from", "no group 'desk'"),
        (kinds.CALL, "x", {"scope": "everything"}, "scope", "internal, local, national"),
        (kinds.CALL, "x", {"restrictions": ["+1408", "90"]}, "restrictions", "'90'"),
        (kinds.CALL, "x", {"opened": ["local"]}, "opened", "premium"),
        (kinds.VOICE_MAIL, "x", {"max_messages": 501}, "max_messages", "1 to 500"),
        (kinds.VOICE_MAIL, "x", {"password_lifespan": 3}, "password_lifespan", "30 to 365"),
        (
            kinds.VOICE_MAIL,
            "x",
            {"notification": False, "external_notification": True},
            "external_notification",
            "needs Allow Message Notification",
        ),
        (kinds.GROUP, "x", {"name": "X", "call": "None"}, "call", "Least privileged, National"),
        (kinds.GROUP, "x", {"name": "X", "trunk_groups": ["a"]}, "trunk_groups", "accepted are pstn"),
        (kinds.GROUP, "x", {"name": "X", "codes": "maybe"}, "codes", "disabled, optional, forced"),
        (kinds.TRUNK_GROUP, "x", {"name": "X", "site": "main", "services": ["fax"]}, "services", "emergency"),
        (kinds.TRUNK_GROUP, "x", {"name": "X", "site": "nowhere"}, "site", "accepted are main"),
        (kinds.TRUNK, "x", {**TRUNK, "host": "no host"}, "host", "sip.example.com"),
        (kinds.TRUNK, "x", {**TRUNK, "transport": "udp"}, "transport", "has no UDP to carriers"),
        (kinds.TRUNK, "x", {**TRUNK, "transport": "tcp"}, "allow_clear_text", "has to be on"),
        (kinds.TRUNK, "x", {**TRUNK, "host": "2001:db8::1"}, "host", "IPv4"),
        (kinds.TRUNK, "x", {**TRUNK, "host": "192.0.2.1"}, "certificate_name", "carrier's certificate"),
        (
            kinds.TRUNK,
            "x",
            {**TRUNK, "certificate_name": "192.0.2.1"},
            "certificate_name",
            "proves nothing",
        ),
        (kinds.TRUNK, "x", {**TRUNK, "media": "rtp"}, "allow_clear_text", "has to be on"),
        (kinds.TRUNK, "x", {**TRUNK, "sources": ["10.0.0.0/8"]}, "sources", "too wide"),
        (kinds.TRUNK, "x", {**TRUNK, "did_ranges": ["+14085550199-+14085550100"]}, "did_ranges", "go up"),
        (kinds.TRUNK, "x", {**TRUNK, "registers": True}, "username", "needed"),
        (kinds.TRUNK, "x", {**TRUNK, "authority": "none"}, "authority", "PEM"),
        (kinds.TRUNK, "x", {**TRUNK, "port": 0}, "port", "1 to 65535"),
        (kinds.LIMITS, "x", {"user_concurrent": 1001}, "user_concurrent", "0 to 1000"),
        (kinds.LIMITS, "x", {"international_per_hour": -1}, "international_per_hour", "0 to 10000"),
        (kinds.LIMITS, "x", {"toll_free_price": 1001.0}, "toll_free_price", "0 to 1000 a minute"),
        (kinds.LIMITS, "x", {"user_spend": "much"}, "user_spend", "such as 0.35"),
        (kinds.LIMITS, "x", {"group_spend": -1.0}, "group_spend", "0 to 1000000000"),
        (kinds.LIMITS, "x", {"code_lock": 0}, "code_lock", "1 to 604800"),
        (kinds.GROUP, "x", {"name": "X", "limits": "none"}, "limits", "accepted are organisation"),
        (kinds.RANGE, "41900", {"kind": "premium"}, "range", "+ and the country code"),
        (kinds.RANGE, "+41 900", {"kind": "premium"}, "range", "such as +222"),
        (kinds.RANGE, "+41900", {"kind": "local"}, "kind", "premium, satellite"),
        (kinds.OBJECT, "6", {"kind": "hunt group"}, "extension", "2 to 8 digits"),
        (kinds.OBJECT, "600", {"kind": "robot"}, "kind", "hunt group, paging group"),
        (kinds.OBJECT, "600", {"kind": "menu"}, "kind", "hunt group, paging group"),
        (kinds.OBJECT, "600", {"kind": "workgroup"}, "kind", "hunt group, paging group"),
        (kinds.OBJECT, "600", {"kind": "conference"}, "kind", "hunt group, paging group"),
        (kinds.OBJECT, "600", {"kind": "route point"}, "kind", "hunt group, paging group"),
        (kinds.OBJECT, "600", {"kind": "hunt group", "group": "none"}, "group", "accepted are"),
        (kinds.CODE, "x", {"name": "X", "owner": "299"}, "owner", "accepted are 201"),
        (kinds.CODE, "x", {"name": "X", "wildcard": 21}, "wildcard", "0 to 20"),
        (kinds.CODE, "x", {"name": "X"}, "code", "are needed"),
    ],
)
@pytest.mark.req("C1", "C3")
async def test_bad_input_names_the_field_and_what_is_accepted(core, office, kind, key, given, field, words):
    before = await _records(core)
    with pytest.raises(OperationError) as caught:
        await office.add(ADMIN, kind, key, given)
    assert caught.value.code == "invalid"
    assert caught.value.field == field
    assert words in str(caught.value)
    assert key not in office.book.of(kind)
    assert await _records(core) == before


@pytest.mark.req("C1")
async def test_what_is_used_is_not_removed_and_the_error_names_who_uses_it(core, office):
    await office.add(ADMIN, kinds.TRUNK, "a", TRUNK)
    await office.add(ADMIN, kinds.CODE, "c1", {"name": "Client", "owner": "201"}, "12345678")
    await office.change(ADMIN, kinds.TELEPHONY, "Staff", {"accept_monitor": ["group:staff"]})
    for kind, key, words in (
        (kinds.CALL, "National", "the group staff"),
        (kinds.TELEPHONY, "Staff", "the group staff"),
        (kinds.TRUNK_GROUP, "pstn", "the group staff, the trunk a"),
        (kinds.GROUP, "staff", "user 201, the telephony class of service Staff"),
    ):
        with pytest.raises(OperationError, match=words) as caught:
            await office.remove(ADMIN, kind, key)
        assert caught.value.code == "conflict"
    with pytest.raises(OperationError, match="the authorization code c1"):
        await core.directory.remove_user(ADMIN, "201")
    for kind, key in (
        (kinds.GROUP, "least-privileged"),
        (kinds.SITE, "main"),
        (kinds.CALL, "Least privileged"),
    ):
        with pytest.raises(OperationError, match="always"):
            await office.remove(ADMIN, kind, key)
    await office.remove(ADMIN, kinds.CODE, "c1")
    await office.remove(ADMIN, kinds.TRUNK, "a")
    await core.directory.remove_user(ADMIN, "201")
    with pytest.raises(OperationError, match="no trunk 'a'"):
        await office.remove(ADMIN, kinds.TRUNK, "a")


@pytest.mark.req("C1")
async def test_the_least_privileged_stays_that(office):
    for kind, key, given in (
        (kinds.CALL, "Least privileged", {"scope": "all"}),
        (kinds.TELEPHONY, "Least privileged", {"trunk_to_trunk": True}),
        (kinds.GROUP, "least-privileged", {"call": "National"}),
    ):
        with pytest.raises(OperationError, match="newcomers"):
            await office.change(ADMIN, kind, key, given)
    with pytest.raises(OperationError, match="disabled for the group of the code service"):
        await office.change(ADMIN, kinds.GROUP, "authorization-codes", {"codes": "optional"})
    await office.change(ADMIN, kinds.GROUP, "authorization-codes", {"call": "National"})


@pytest.mark.req("A1")
async def test_codes_are_found_by_their_digits_and_kept_as_keyed_digests(core, office):
    # Twenty digits: no time and no digest has them by accident.
    first, second = "98765432109876543210", "99999000009999900000"
    await office.add(ADMIN, kinds.CODE, "a", {"name": "A"}, "98765-43210/98765-43210")
    await office.add(ADMIN, kinds.CODE, "b", {"name": "B"}, "123456")
    await office.add(ADMIN, kinds.CODE, "any", {"name": "Any", "wildcard": 6})
    assert [office.find_code(one) for one in (first, "123456", "1234", "654321")] == ["a", "b", None, None]
    for code in (first, " ".join(first)):
        with pytest.raises(OperationError, match="taken") as caught:
            await office.add(ADMIN, kinds.CODE, "c", {"name": "C"}, code)
        assert caught.value.field == "code"
    for code in ("123", "1" * 21, "12a45", "????"):
        with pytest.raises(OperationError, match="4 to 20 digits"):
            await office.add(ADMIN, kinds.CODE, "c", {"name": "C"}, code)
    with pytest.raises(OperationError, match="no digits of its own"):
        await office.add(ADMIN, kinds.CODE, "c", {"name": "C", "wildcard": 5}, "55555")
    await office.change(ADMIN, kinds.CODE, "a", {}, second)
    assert [office.find_code(one) for one in (first, second)] == [None, "a"]
    again = await open_rights(core)
    assert again.find_code(second) == "a"
    everything = b"".join(path.read_bytes() for path in core.folder.glob("ringwall.db*"))
    for digits in (first, second):
        assert digits.encode() not in everything


@pytest.mark.req("I2")
async def test_the_password_of_a_trunk_is_encrypted_and_shown_to_nobody(core, office):
    entry = await office.add(ADMIN, kinds.TRUNK, "a", {**TRUNK, "username": "u"}, PASSWORD)
    assert (entry.facts()["password_set"], "password" in entry.facts()) == (True, False)
    assert PASSWORD not in repr(entry)
    assert (await open_rights(core)).trunk_password("a") == PASSWORD
    everything = b"".join(path.read_bytes() for path in core.folder.glob("ringwall.db*"))
    assert PASSWORD.encode() not in everything
    assert (core.folder / "secrets.key").stat().st_mode & 0o777 == 0o600
    await office.change(ADMIN, kinds.TRUNK, "a", {"port": 5062})
    assert office.trunk_password("a") == PASSWORD
    await office.change(ADMIN, kinds.TRUNK, "a", {}, "")
    assert office.trunk_password("a") is None
    with pytest.raises(OperationError, match="at most 128"):
        await office.change(ADMIN, kinds.TRUNK, "a", {}, "x" * 129)


@pytest.mark.req("I2")
async def test_every_change_is_on_record_with_before_and_after_and_without_secrets(core, office):
    await office.add(ADMIN, kinds.TRUNK, "a", {**TRUNK, "username": "u"}, PASSWORD)
    await office.change(ADMIN, kinds.TRUNK, "a", {"port": 5062}, PASSWORD + "2")
    await office.remove(ADMIN, kinds.TRUNK, "a")
    await office.add(ADMIN, kinds.CODE, "c1", {"name": "Client"}, "86753091")
    await office.change(ADMIN, kinds.CODE, "c1", {"locked": True}, "86753092")
    await office.change(ADMIN, kinds.CODE, "c1", {"locked": True})
    await office.remove(ADMIN, kinds.CODE, "c1")
    records = (await _records(core))[-6:]
    assert [kind for kind, _ in records] == [
        "admin.trunk.added",
        "admin.trunk.changed",
        "admin.trunk.removed",
        "admin.authcode.added",
        "admin.authcode.changed",
        "admin.authcode.removed",
    ]
    assert all(body["actor"] == ADMIN.to_dict() for _, body in records)
    assert (records[0][1]["before"], records[0][1]["after"]["password_set"]) == (None, True)
    assert records[1][1]["before"] == {"trunk": "a", "port": 5061, "password_set": True}
    after = {"trunk": "a", "port": 5062, "password_set": True, "password_changed": True}
    assert records[1][1]["after"] == after
    assert records[2][1]["before"]["port"] == 5062
    assert records[4][1]["before"] == {"authcode": "c1", "locked": False, "code_set": True}
    text = json.dumps(await _records(core))
    for secret in (PASSWORD, "86753091", "86753092"):
        assert secret not in text
    await core.store.close()
    assert verify_database(core.url, core.ledger.public_key).ok


@pytest.mark.req("I2", "C3")
async def test_a_long_list_leaves_a_record_that_says_what_changed(core, office):
    many = [f"+1{number}" for number in range(200, 999)]
    await office.add(ADMIN, kinds.CALL, "Long", {"restrictions": many})
    await office.change(ADMIN, kinds.CALL, "Long", {"restrictions": [*many[1:], "+44"]})
    (_, added), (_, changed) = (await _records(core))[-2:]
    assert added["after"]["restrictions"]["entries"] == len(many)
    assert changed["before"]["restrictions"] == {"entries": len(many)}
    assert changed["after"]["restrictions"] == {"entries": len(many), "added": ["+44"], "removed": ["+1200"]}
    assert "shortened" not in added


@pytest.mark.req("R2")
async def test_what_the_disk_does_not_take_did_not_happen(core, office, monkeypatch):
    async def fail(*_):
        raise StoreError("The disk is full.")

    snapshot, book = office.snapshot, office.book
    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", fail)
        for change in (
            office.add(ADMIN, kinds.SITE, "london", {"name": "London", "country": "GB"}),
            office.change(ADMIN, kinds.SITE, "main", {"name": "Other"}),
            office.remove(ADMIN, kinds.CALL, "National"),
        ):
            with pytest.raises((StoreError, OperationError)):
                await change
    assert (office.snapshot, office.book) == (snapshot, book)
    await office.add(ADMIN, kinds.SITE, "london", {"name": "London", "country": "GB"})


async def test_a_lost_or_damaged_key_is_told_and_not_replaced(tmp_path):
    core = await open_core(tmp_path)
    rights = await open_rights(core)
    key = tmp_path / "secrets.key"
    await rights.add(ADMIN, kinds.CODE, "c", {"name": "C"}, "123456")
    good = key.read_bytes()
    key.unlink()
    with pytest.raises(CoreError, match="restore it from a backup"):
        await RightsService.open(core.store, core.ledger, core.directory, key)
    assert not key.exists()
    key.write_bytes(good[:-1])
    with pytest.raises(CoreError, match="damaged"):
        await open_rights(core)
    key.write_bytes(bytes(32))
    assert (await open_rights(core)).find_code("123456") is None
    await core.store.close()


@pytest.mark.req("C1")
async def test_numbers_from_outside_lead_to_users(core, office):
    await office.add(
        ADMIN, kinds.TRUNK, "a", {**TRUNK, "did_ranges": ["+1 408 555 0100-+14085550299"], "did_digits": 3}
    )
    await core.directory.add_user(ADMIN, "202", "Bert", {"did": "+1 (212) 555-0123"})
    own = office.snapshot.directory.own_numbers
    assert own == {"+14085550201": "201", "+14085550202": "202", "+12125550123": "202"}
    assert office.trunks["a"].extension_of("+14085550201") == "201"
    assert office.trunks["a"].extension_of("+14085550301") is None
    with pytest.raises(OperationError, match="is that of 202"):
        await core.directory.change_user(ADMIN, "201", {"did": "+12125550123"})
    for given, field in (
        ({"did": "555"}, "did"),
        ({"caller_id": "x"}, "caller_id"),
        ({"group": "x"}, "group"),
    ):
        with pytest.raises(OperationError) as caught:
            await core.directory.change_user(ADMIN, "201", given)
        assert (caught.value.code, caught.value.field) == ("invalid", field)
