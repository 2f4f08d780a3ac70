"""Phones come, are furnished, change hands and go: on the disk, on record, in directory and policy."""

import asyncio

import pytest
from sqlalchemy import select

from ringwall.core.directory import DirectoryService
from ringwall.core.errors import OperationError, StoreError
from ringwall.core.phones import service as phone_service
from ringwall.core.phones.admission import Admission
from ringwall.core.phones.model import Identity
from ringwall.core.phones.service import PhoneService
from ringwall.core.phones.states import State
from ringwall.core.rights import kinds
from ringwall.core.store import schema
from ringwall.policy.actions import Action, Context, PhoneSubject, UserSubject
from ringwall.policy.decide import may
from support.core_data import ADMIN, REALM
from support.phones import DESK_A, DESK_B, LOBBY, PIN


def _state(house, mac):
    return house.phones.of_mac(mac).state


@pytest.mark.req("P2")
async def test_a_phone_that_only_asked_is_known_and_has_nothing(house) -> None:
    await house.phones.discovered(LOBBY, "yealink", "T46U", "10.0.0.7")
    assert await house.phones.discovered(LOBBY, "yealink", "T46U", "10.0.0.7") is None
    assert _state(house, LOBBY) is State.DISCOVERED
    assert house.phones.username_of(house.phones.of_mac(LOBBY)) is None
    assert not house.core.directory.snapshot.by_device
    (record,) = await house.records("phone.discovered")
    assert record["body"]["actor"] == {"kind": "phone", "name": LOBBY, "source": "10.0.0.7"}


async def test_strangers_cannot_fill_the_disk(house, monkeypatch) -> None:
    monkeypatch.setattr(phone_service, "MOST_DISCOVERED", 3)
    await house.run("add", mac=DESK_A)
    for number in range(6):
        await house.phones.discovered(f"0000000000{number:02x}", "", "", "10.0.0.7")
    assert sorted(house.phones.phones.by_mac) == [
        *(f"0000000000{number:02x}" for number in (3, 4, 5)),
        DESK_A,
    ]


@pytest.mark.req("P2")
async def test_a_proven_phone_signs_in_as_itself_and_may_do_nothing(house) -> None:
    phone = await house.plug_in(LOBBY)
    device = house.device(LOBBY)
    assert (phone.state, device.extension, device.user_id) == (State.AVAILABLE, device.username, 0)
    assert device.username not in house.core.directory.snapshot.by_extension
    secrets = house.phones.secrets.of(device.username)
    assert secrets.ha1_sha256(REALM) == device.ha1_sha256
    subject, policy = PhoneSubject(device.username), house.rights.snapshot
    context = Context(house.clock(), house.rights.use)
    for number in ("201", "914085550123", "0044", "", "*97"):
        assert not may(policy, subject, Action.DIAL, number=number, context=context).allowed
    assert may(policy, subject, Action.DIAL, number="911", context=context).allowed
    for action in set(Action) - {Action.DIAL, Action.RECEIVE_CALL, Action.KEEP_MESSAGE}:
        for number in ("201", "914085550123"):
            assert not may(policy, subject, action, target="201", number=number, context=context).allowed
    kinds_of_records = [one["kind"] for one in await house.records()]
    assert "phone.available" in kinds_of_records


@pytest.mark.req("P2")
async def test_where_the_site_says_so_not_even_emergency_numbers_can_be_called(house) -> None:
    await house.plug_in(LOBBY)
    await house.rights.change(ADMIN, kinds.SITE, "main", {"unassigned_emergency": False})
    subject = PhoneSubject(house.device(LOBBY).username)
    context = Context(house.clock(), house.rights.use)
    assert not may(house.rights.snapshot, subject, Action.DIAL, number="911", context=context).allowed


@pytest.mark.req("P3")
async def test_login_gives_new_credentials_under_the_same_number_and_logout_ends_them(house) -> None:
    await house.plug_in(LOBBY)
    before = house.device(LOBBY)
    told = await house.login(LOBBY, "201")
    during = house.device(LOBBY)
    assert (told.extension, told.name, told.days_left) == ("201", "Anna", None)
    assert (during.extension, during.id) == ("201", before.id)
    assert during.username != before.username
    assert during.ha1_sha256 != before.ha1_sha256
    assert before.username not in house.core.directory.snapshot.by_device
    assert [one.id for one in house.core.directory.user("201").devices] == [during.id]
    await house.logins.logout(house.phones.of_mac(LOBBY), "10.0.0.7")
    after = house.device(LOBBY)
    assert len({before.username, during.username, after.username}) == 3
    assert not house.core.directory.user("201").devices
    assert after.user_id == 0
    kinds_of_records = [one["kind"] for one in await house.records()]
    assert kinds_of_records[-4:-1] == ["phone.available", "phone.assigned", "phone.available"]


@pytest.mark.req("P3", "C2")
async def test_a_user_has_their_rights_and_the_phone_its_place(house) -> None:
    await house.run("add", mac=LOBBY, location="Lobby, ground floor", callback_number="+1 408 555 0199")
    await house.plug_in(LOBBY)
    await house.login(LOBBY, "201")
    device = house.device(LOBBY)
    subject, context = UserSubject("201", device.username), Context(house.clock(), house.rights.use)
    await house.rights.add(ADMIN, kinds.TRUNK_GROUP, "pstn", {"name": "PSTN", "site": "main"})
    assert may(house.rights.snapshot, subject, Action.DIAL, number="202", context=context).allowed
    grant = may(house.rights.snapshot, subject, Action.DIAL, number="911", context=context)
    assert (grant.way.location, grant.way.caller_id) == ("Lobby, ground floor", "+14085550199")


@pytest.mark.req("C2")
async def test_without_the_right_to_move_a_user_has_one_phone(house) -> None:
    await house.plug_in(DESK_B)
    await house.plug_in(LOBBY)
    assert (await house.login(DESK_B, "202")).extension == "202"
    assert house.phones.of_mac(DESK_B).home == house.core.directory.user("202").id
    refused = await house.login(LOBBY, "202")
    assert refused.reason == "not_allowed"
    assert house.user_at(LOBBY) is None
    assert await house.records("phone.login_refused")


async def test_a_wrong_pin_logs_nobody_in_and_one_that_has_to_change_waits_for_a_new_one(house) -> None:
    await house.plug_in(LOBBY)
    for extension, pin in (("201", "999999"), ("299", PIN), ("", ""), ("201", "")):
        assert (await house.login(LOBBY, extension, pin)).reason == "wrong"
    first = await house.pins.reset(ADMIN, "201")
    assert (await house.login(LOBBY, "201", first)).reason == "must_change"
    assert (await house.login(LOBBY, "201", first, new_pin="123456")).reason == "bad_pin"
    assert house.user_at(LOBBY) is None
    assert (await house.login(LOBBY, "201", first, new_pin="918364")).extension == "201"
    for _ in range(12):
        refused = await house.login(LOBBY, "203", "999999")
    assert refused.reason == "locked"
    assert refused.seconds > 0


@pytest.mark.req("P2")
async def test_blocking_takes_everything_and_unblocking_gives_nothing_back(house) -> None:
    await house.plug_in(LOBBY)
    await house.login(LOBBY, "201")
    await house.run("block", mac=LOBBY)
    assert _state(house, LOBBY) is State.BLOCKED
    assert not house.core.directory.snapshot.by_device
    with pytest.raises(OperationError, match="blocked"):
        await house.plug_in(LOBBY)
    with pytest.raises(OperationError, match="blocked"):
        await house.run("assign", mac=LOBBY, extension="203")
    assert (await house.run("unblock", mac=LOBBY))["state"] == "discovered"
    await house.plug_in(LOBBY)
    assert house.user_at(LOBBY) is None


@pytest.mark.req("P4")
async def test_nobody_becomes_a_phone_that_has_proven_itself_already(house) -> None:
    await house.plug_in(LOBBY)
    await house.login(LOBBY, "201")
    before = house.device(LOBBY)
    for identity in Identity:
        with pytest.raises(OperationError, match="already"):
            await house.phones.admit(Admission(LOBBY, identity, "10.0.0.66"))
    assert house.device(LOBBY) == before


@pytest.mark.req("P4")
async def test_a_phone_that_is_approved_anew_loses_its_user_and_is_let_in_once(house) -> None:
    await house.plug_in(LOBBY)
    await house.login(LOBBY, "201")
    before = house.device(LOBBY)
    assert (await house.run("approve", mac=LOBBY))["enrolment_open"]
    assert house.core.directory.snapshot.by_device == {}
    admission = Admission(LOBBY, Identity.ADDRESS, "10.0.0.7", by_code=True)
    found = await asyncio.gather(
        house.phones.admit(admission), house.phones.admit(admission), return_exceptions=True
    )
    assert [isinstance(one, OperationError) for one in found] == [False, True]
    assert house.user_at(LOBBY) is None
    assert house.device(LOBBY).username != before.username


async def test_phones_that_come_together_share_a_transaction(house, monkeypatch) -> None:
    commits, commit = [], house.core.store.commit

    async def counted(writes):
        commits.append(len(writes))
        await commit(writes)

    monkeypatch.setattr(house.core.store, "commit", counted)
    macs = [f"0015650000{number:02x}" for number in range(100)]
    phones = await asyncio.gather(*(house.plug_in(mac) for mac in macs))
    assert {phone.state for phone in phones} == {State.AVAILABLE}
    assert len(commits) < 10
    assert len({house.device(mac).username for mac in macs}) == 100


async def test_one_bad_phone_among_many_refuses_only_itself(house) -> None:
    await house.run("add", mac=LOBBY)
    await house.run("block", mac=LOBBY)
    found = await asyncio.gather(
        *(house.plug_in(mac) for mac in (DESK_A, LOBBY, DESK_B)), return_exceptions=True
    )
    assert [type(one).__name__ for one in found] == ["PhoneEntry", "OperationError", "PhoneEntry"]


async def test_what_could_not_be_stored_has_not_happened(house, monkeypatch) -> None:
    await house.plug_in(LOBBY)
    before, device = house.phones.phones, house.device(LOBBY)

    async def fails(_writes):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(house.core.store, "commit", fails)
    with pytest.raises(StoreError):
        await house.login(LOBBY, "201")
    with pytest.raises(StoreError):
        await house.plug_in(DESK_A)
    assert house.phones.phones is before
    assert house.device(LOBBY) is device
    assert house.phones.of_address(house.phones.address_of(house.phones.of_mac(LOBBY))) is None


async def test_everything_outlives_the_process(house) -> None:
    await house.plug_in(DESK_A)
    await house.plug_in(LOBBY)
    await house.run("assign", mac=DESK_A, extension="201", home=True)
    await house.login(LOBBY, "201")
    core = house.core
    directory = await DirectoryService.open(core.store, core.ledger, REALM)
    house.core.directory.changing = directory.changing
    again = await PhoneService.open(core.store, core.ledger, directory, house.rights)
    assert again.phones == house.phones.phones
    assert directory.snapshot.by_device == core.directory.snapshot.by_device
    assert directory.snapshot.by_extension == core.directory.snapshot.by_extension
    assert again.username_of(again.of_mac(LOBBY)) == house.device(LOBBY).username


@pytest.mark.req("P3")
async def test_the_phones_of_a_user_who_is_removed_are_nobodys(house) -> None:
    await house.plug_in(DESK_A)
    await house.plug_in(LOBBY)
    await house.run("assign", mac=DESK_A, extension="201", home=True)
    await house.login(LOBBY, "201")
    username = house.device(LOBBY).username
    await house.core.directory.remove_user(ADMIN, "201")
    assert _state(house, DESK_A) is _state(house, LOBBY) is State.AVAILABLE
    assert house.device(LOBBY).username != username
    rows = await house.core.store.read(lambda found: found.execute(select(schema.devices)).all())
    assert {row.username for row in rows} == {house.device(mac).username for mac in (DESK_A, LOBBY)}


async def test_a_removed_phone_leaves_nothing_and_its_user_goes_home(house) -> None:
    await house.plug_in(DESK_A)
    await house.plug_in(LOBBY)
    await house.run("assign", mac=DESK_A, extension="201", home=True)
    await house.login(LOBBY, "201")
    await house.run("remove", mac=LOBBY)
    assert house.user_at(DESK_A) == "201"
    assert house.phones.of_mac(LOBBY) is None
    rows = await house.core.store.read(lambda found: found.execute(select(schema.devices)).all())
    assert [row.username for row in rows] == [house.device(DESK_A).username]


async def test_administrators_see_and_change_phones(house) -> None:
    added = await house.run("add", mac="00-15-65-12-00-10", label="Lobby", vendor="yealink", model="T46U")
    assert (added["mac"], added["state"], added["expected"]) == ("00:15:65:12:00:10", "discovered", True)
    with pytest.raises(OperationError, match="already"):
        await house.run("add", mac=LOBBY)
    await house.plug_in(LOBBY)
    changed = await house.run("set", mac=LOBBY, location="Lobby", home="202", group="movers", legacy=True)
    assert (changed["state"], changed["home"], changed["group"]) == ("vacated", "202", "movers")
    assert house.device(LOBBY).ha1_md5 is not None
    assert (await house.run("go-home", extension="202"))["user"] == "202"
    assert (await house.run("unassign", mac=LOBBY))["state"] == "vacated"
    assert (await house.run("forget", mac=LOBBY))["state"] == "discovered"
    assert [one["mac"] for one in await house.run("list")] == ["00:15:65:12:00:10"]
    with pytest.raises(OperationError, match="no home"):
        await house.run("go-home", extension="201")
    for field, value in (("site", "mars"), ("group", "x"), ("vendor", "acme"), ("callback_number", "12")):
        with pytest.raises(OperationError) as refused:
            await house.run("set", mac=LOBBY, **{field: value})
        assert (refused.value.code, refused.value.field) == ("invalid", field)
    for field in ("label", "location", "model"):
        with pytest.raises(OperationError, match=field):
            await house.run("set", mac=LOBBY, **{field: "a\x00b"})
    for mac in ("", "x", "01:00:5e:00:00:01", "00:00:00:00:00:00", "0015651200101"):
        with pytest.raises(OperationError, match="twelve"):
            await house.run("show", mac=mac)


async def test_what_a_phone_names_is_not_removed(house) -> None:
    await house.run("add", mac=LOBBY, group="movers")
    for extension in ("201", "203"):
        await house.core.directory.change_user(ADMIN, extension, {"group": "least-privileged"})
    with pytest.raises(OperationError, match="the phone"):
        await house.rights.remove(ADMIN, kinds.GROUP, "movers")


@pytest.mark.req("P4")
async def test_a_secret_address_is_of_one_phone_and_ends_with_the_next_one(house) -> None:
    await house.run("add", mac=LOBBY)
    told = await house.run("address", mac=LOBBY)
    token = told["address"].rstrip("/").rpartition("/")[2]
    assert len(token) == 32
    assert house.phones.of_address(token).mac == LOBBY
    assert _state(house, LOBBY) is State.ENROLLED
    await house.phones.furnish(house.phones.of_mac(LOBBY), "10.0.0.7")
    await house.run("address", mac=LOBBY)
    assert house.phones.of_address(token) is None
    await house.run("block", mac=LOBBY)
    assert house.phones.of_address(house.phones.address_of(house.phones.of_mac(LOBBY))) is None


async def test_no_secret_of_a_phone_is_on_record_or_in_the_database(house) -> None:
    await house.plug_in(LOBBY)
    await house.login(LOBBY, "201")
    secrets = house.phones.secrets
    password = secrets.of(house.device(LOBBY).username).password
    hidden = [
        (await house.run("approve", mac=LOBBY))["code"],
        password,
        secrets.admin_password(LOBBY),
        house.phones.address_of(house.phones.of_mac(LOBBY)),
    ]
    kept = str(
        await house.core.store.read(
            lambda c: [c.execute(select(t)).all() for t in (schema.phones, schema.devices)]
        )
    )
    records = str(await house.records())
    for secret in hidden:
        assert secret not in kept
        assert secret not in records


async def test_the_identity_of_an_admission_is_kept(house) -> None:
    await house.phones.admit(
        Admission(LOBBY, Identity.CERTIFICATE, "10.0.0.7", certificate="ab", furnish=False)
    )
    phone = house.phones.of_mac(LOBBY)
    assert (phone.state, phone.identity, phone.certificate) == (State.ENROLLED, Identity.CERTIFICATE, "ab")
