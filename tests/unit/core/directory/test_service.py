"""Changes of the directory are durable, recorded, and seen as a whole or not at all."""

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.directory.credentials import new_credentials
from ringwall.core.directory.model import MOST_DEVICES
from ringwall.core.directory.operations import PhoneSettings, register
from ringwall.core.errors import OperationError, StoreError
from ringwall.core.operations import Operations
from ringwall.core.store import Store, schema
from support.core_data import ADMIN, REALM, open_core
from support.events import Made

LEAST = {
    "group": "least-privileged",
    "site": "main",
    "did": "",
    "caller_id": "",
    "no_pickup": False,
    "locked": False,
}


async def _records(core):
    return [(record["kind"], record["body"]) for record in await core.ledger.tail(0)]


async def _reopened(core):
    return (await DirectoryService.open(core.store, core.ledger, REALM)).snapshot


@pytest.mark.req("I2")
async def test_a_user_is_added_on_record_and_there_after_a_restart(core):
    user = await core.directory.add_user(ADMIN, "201", " Anna Ærlig ")
    assert core.directory.snapshot.by_extension["201"] == user
    assert user.name == "Anna Ærlig"
    assert (await _reopened(core)).by_extension == {"201": user}
    ((kind, body),) = await _records(core)
    assert kind == "admin.user.added"
    assert body == {
        "actor": {"kind": "local", "name": "root", "source": "local"},
        "before": None,
        "after": {"id": user.id, "extension": "201", "name": "Anna Ærlig", "devices": []} | LEAST,
    }


@pytest.mark.parametrize("extension", ["", "1", "123456789", "12a", "²³", "٣٤", "12\n", " 12", "+49"])
async def test_an_extension_is_two_to_eight_digits(core, extension):
    with pytest.raises(OperationError, match="2 to 8 digits") as caught:
        await core.directory.add_user(ADMIN, extension, "Anna")
    assert (caught.value.code, caught.value.field) == ("invalid", "extension")


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\nb", "a\x00", "a\u202eb", "\ud800"])
async def test_a_name_is_printable(core, name):
    with pytest.raises(OperationError, match="printable") as caught:
        await core.directory.add_user(ADMIN, "201", name)
    assert caught.value.field == "name"


async def test_an_extension_is_given_once_also_to_two_who_ask_at_once(core):
    results = await asyncio.gather(
        *(core.directory.add_user(ADMIN, "201", name) for name in ("Anna", "Bert")), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["OperationError", "UserEntry"]
    assert len((await _reopened(core)).by_extension) == 1


async def test_a_device_gets_credentials_that_are_kept_as_digests_only(core):
    await core.directory.add_user(ADMIN, "201", "Anna")
    new = await core.directory.add_device(ADMIN, "201", "desk")
    device, password = new.device, new.credentials.password
    assert len(password) >= 24
    a1 = f"{device.username}:{REALM}:{password}".encode()
    assert device.ha1_sha256 == hashlib.sha256(a1).hexdigest()
    assert device.ha1_md5 is None
    snapshot = core.directory.snapshot
    assert snapshot.by_device == {device.username: device}
    assert snapshot.by_extension["201"].devices == (device,)
    assert (await _reopened(core)).by_device == {device.username: device}
    everything = (core.folder / "ringwall.db").read_bytes() + (core.folder / "ringwall.db-wal").read_bytes()
    assert password.encode() not in everything
    assert password not in repr(new)
    assert device.ha1_sha256 not in json.dumps(await _records(core))


async def test_only_a_legacy_device_has_an_md5_digest(core):
    await core.directory.add_user(ADMIN, "201", "Anna")
    new = await core.directory.add_device(ADMIN, "201", legacy=True)
    a1 = f"{new.device.username}:{REALM}:{new.credentials.password}".encode()
    assert new.device.ha1_md5 == hashlib.md5(a1).hexdigest()


async def test_removing_a_user_removes_devices_and_bindings_and_tells_listeners(core):
    user = await core.directory.add_user(ADMIN, "201", "Anna")
    device = (await core.directory.add_device(ADMIN, "201")).device
    other = await core.directory.add_user(ADMIN, "202", "Bert")
    core.store.submit(*_binding(device.id, user.id))
    core.store.submit(*_binding(4711, other.id))
    told = []
    core.directory.on_change(lambda old, new: told.append((old, new)))
    await core.directory.remove_user(ADMIN, "201")
    ((old, new),) = told
    assert device.username in old.by_device
    assert (dict(new.by_extension), dict(new.by_device)) == ({"202": other}, {})

    def left(connection):
        return [
            connection.scalar(select(func.count()).select_from(t)) for t in (schema.devices, schema.bindings)
        ]

    assert await core.store.read(left) == [0, 1]
    kind, body = (await _records(core))[-1]
    assert kind == "admin.user.removed"
    assert (body["before"]["devices"], body["after"]) == ([device.username], None)


async def test_removing_a_device_leaves_the_others(core):
    user = await core.directory.add_user(ADMIN, "201", "Anna")
    first, second = [(await core.directory.add_device(ADMIN, "201", label)).device for label in ("a", "b")]
    core.store.submit(*_binding(first.id, user.id))
    await core.directory.remove_device(ADMIN, first.username)
    assert core.directory.snapshot.by_extension["201"].devices == (second,)
    assert (await _reopened(core)).by_device == {second.username: second}
    for missing in (first.username, "nobody"):
        with pytest.raises(OperationError, match="no such device"):
            await core.directory.remove_device(ADMIN, missing)


async def test_numbers_of_removed_users_never_come_back(tmp_path):
    core = await open_core(tmp_path)
    first = await core.directory.add_user(ADMIN, "201", "Anna")
    await core.directory.remove_user(ADMIN, "201")
    await core.store.close()
    core = await open_core(tmp_path)
    second = await core.directory.add_user(ADMIN, "201", "Anna")
    await core.store.close()
    assert second.id > first.id


@pytest.mark.req("R2")
async def test_what_the_disk_does_not_take_did_not_happen(core, monkeypatch):
    await core.directory.add_user(ADMIN, "201", "Anna")
    before = core.directory.snapshot

    async def fail(*_):
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", fail)
        for change in (
            core.directory.add_user(ADMIN, "202", "Bert"),
            core.directory.remove_user(ADMIN, "201"),
            core.directory.add_device(ADMIN, "201"),
        ):
            with pytest.raises(StoreError):
                await change
    assert core.directory.snapshot is before
    await core.directory.add_user(ADMIN, "202", "Bert")


@pytest.mark.req("C1", "I2")
async def test_a_change_of_a_user_is_on_record_with_before_and_after(core):
    await core.directory.add_user(ADMIN, "201", "Anna")
    device = (await core.directory.add_device(ADMIN, "201")).device
    changed = await core.directory.change_user(ADMIN, "201", {"name": " Anna Berg ", "locked": True})
    assert (changed.name, changed.locked, changed.devices) == ("Anna Berg", True, (device,))
    assert core.directory.snapshot.by_extension["201"] == changed
    assert core.directory.snapshot.by_device == {device.username: device}
    assert (await _reopened(core)).by_extension == {"201": changed}
    kind, body = (await _records(core))[-1]
    assert kind == "admin.user.changed"
    assert (body["before"]["name"], body["before"]["locked"]) == ("Anna", False)
    assert (body["after"]["name"], body["after"]["locked"]) == ("Anna Berg", True)
    await core.directory.change_user(ADMIN, "201", {"locked": True})
    assert len(await _records(core)) == 3
    for extension, given in (("999", {}), ("201", {"name": ""})):
        with pytest.raises(OperationError):
            await core.directory.change_user(ADMIN, extension, given)


async def test_many_users_are_stored_together_or_not_at_all(core):
    await core.directory.add_user(ADMIN, "201", "Anna")
    anna = core.directory.snapshot.by_extension["201"]
    many = [UserEntry(0, str(number), f"User {number}") for number in range(1000, 1400)]
    async with core.directory.changing:
        await core.directory.put_users(ADMIN, [*many, replace(anna, name="Anne")])
    assert (await _reopened(core)).by_extension == core.directory.snapshot.by_extension
    assert len(core.directory.snapshot.by_extension) == 401
    numbers = {user.id for user in core.directory.snapshot.by_extension.values()}
    assert len(numbers) == 401
    twice = [UserEntry(0, "3000", "a"), UserEntry(0, "3000", "b")]
    with pytest.raises(StoreError):
        await core.directory.put_users(ADMIN, twice)
    assert (await _reopened(core)).by_extension == core.directory.snapshot.by_extension
    new = await core.directory.add_user(ADMIN, "3000", "a")
    assert new.id > max(numbers)


async def test_who_knows_better_can_refuse_a_user(core):
    class Rules:
        def check_users(self, users, after):
            if any(after.by_extension[user.extension].did for user in users):
                raise OperationError("conflict", "Taken.", "did")

        def check_removal(self, user):
            raise OperationError("conflict", "In use.", "extension")

    await core.directory.add_user(ADMIN, "201", "Anna")
    core.directory.rules = Rules()
    before = core.directory.snapshot
    for change in (
        core.directory.add_user(ADMIN, "202", "Bert", {"did": "+14085550100"}),
        core.directory.change_user(ADMIN, "201", {"did": "+14085550100"}),
        core.directory.remove_user(ADMIN, "201"),
    ):
        with pytest.raises(OperationError):
            await change
    assert core.directory.snapshot is before


async def test_a_failing_listener_does_not_make_a_change_look_refused(core):
    told = []
    core.directory.on_change(lambda *_: 1 / 0)
    core.directory.on_change(lambda *_: told.append(True))
    await core.directory.add_user(ADMIN, "201", "Anna")
    assert told == [True]


async def test_a_user_has_a_bounded_number_of_devices(core):
    await core.directory.add_user(ADMIN, "201", "Anna")
    for _ in range(MOST_DEVICES):
        await core.directory.add_device(ADMIN, "201")
    with pytest.raises(OperationError, match="at most 32"):
        await core.directory.add_device(ADMIN, "201")
    with pytest.raises(OperationError, match="no user"):
        await core.directory.add_device(ADMIN, "999")


def test_credentials_are_random_and_easy_to_read():
    made = [new_credentials() for _ in range(200)]
    assert len({each.username for each in made}) == len({each.password for each in made}) == 200
    for each in made:
        assert each.username[0] == "d"
        assert len(each.username) == 11
        assert each.username.islower() or each.username[1:].isdigit()
        assert not set(each.password) & set("0O1lI")


@pytest.mark.req("I2")
async def test_the_operations_of_the_directory(core):
    operations = Operations(core.ledger)
    register(operations, core.directory, PhoneSettings("192.0.2.10", 5061, REALM, "/data/ca.crt"))

    async def run(name, /, **args):
        return await operations.run(name, args, ADMIN)

    assert (
        await run("user.add", extension="202", name="Bert")
        == {
            "extension": "202",
            "name": "Bert",
            "devices": [],
        }
        | LEAST
    )
    await run("user.add", extension="201", name="Anna")
    told = await run("device.add", extension="201", label="desk")
    device = {"device": told["auth_user"], "extension": "201", "label": "desk", "legacy": False}
    assert told == device | {
        "server": "192.0.2.10",
        "port": 5061,
        "transport": "tls",
        "domain": REALM,
        "sip_user": "201",
        "auth_user": device["device"],
        "password": told["password"],
        "ca_file": "/data/ca.crt",
    }
    assert [user["extension"] for user in await run("user.list")] == ["201", "202"]
    assert (await run("user.set", extension="201", locked=True))["locked"] is True
    assert (await run("user.set", extension="201", locked=False))["locked"] is False
    assert (await run("user.show", extension="201"))["devices"] == [device]
    assert await run("device.list") == await run("device.list", extension="201") == [device]
    assert await run("device.list", extension="202") == []
    assert await run("device.remove", device=device["device"]) == device
    assert (await run("user.remove", extension="201"))["name"] == "Anna"
    for name, args in (("user.show", {"extension": "201"}), ("user.remove", {"extension": "201"})):
        with pytest.raises(OperationError, match="no user"):
            await run(name, **args)
    await core.ledger.record_durably(Made("system.test"))
    refused = [body for kind, body in await _records(core) if kind == "admin.refused"]
    assert [body["operation"] for body in refused] == ["user.remove"]
    assert told["password"] not in json.dumps(await _records(core))


def _binding(device_id, user_id):
    return schema.binding_upsert(
        device_id=device_id,
        contact="sip:a@h",
        user_id=user_id,
        path=[],
        flow="f",
        instance_id="",
        reg_id=0,
        call_id="c",
        cseq=1,
        expires_at=1.0,
        user_agent="",
        received_at=1.0,
    )
