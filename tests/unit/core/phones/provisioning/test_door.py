"""Who gets what at the door for phones, and that everybody else gets one answer."""

import asyncio

import pytest

from ringwall.core.phones.model import Identity
from ringwall.core.phones.provisioning import guard
from ringwall.core.phones.states import State
from support.core_data import ADMIN
from support.phones import DESK_A, DESK_B, LOBBY, PIN
from support.vendors import Vendor, new_key, request_for

YEALINK = "Yealink SIP-T46U 108.86.0.90"
REFUSED = 401


def _same(answers):
    """All answers are one and the same refusal."""
    assert {one.status_code for one in answers} == {REFUSED}
    assert len({(one.content, tuple(sorted(one.headers.items()))) for one in answers}) == 1


@pytest.mark.req("P1")
async def test_a_phone_with_a_factory_certificate_is_set_up_by_itself(house, door) -> None:
    certificate, _ = door.vendor.phone(LOBBY.upper())
    answer = await door.ask(f"/phone/{LOBBY}.cfg", certificate=certificate, agent=YEALINK)
    phone = house.phones.of_mac(LOBBY)
    assert (answer.status_code, phone.state, phone.vendor, phone.model) == (
        *(200, State.AVAILABLE, "yealink", "SIP-T46U"),
    )
    assert house.phones.secrets.of(house.device(LOBBY).username).password in answer.text
    assert answer.headers["cache-control"] == "no-store"
    again = await door.ask(f"/phone/{LOBBY}.cfg", certificate=certificate, agent=YEALINK)
    assert again.text == answer.text


@pytest.mark.req("P4")
async def test_who_proves_nothing_gets_one_answer_whatever_they_ask_for(house, door) -> None:
    await house.plug_in(DESK_A)
    await house.run("add", mac=DESK_B)
    await house.run("address", mac=DESK_B)
    await house.run("add", mac=LOBBY)
    await house.run("block", mac=LOBBY)
    token = house.phones.address_of(house.phones.of_mac(DESK_B))
    other, _ = door.vendor.phone("00156512ffff")
    generic, _ = door.vendor.phone("Acme generic certificate")
    stranger, _ = Vendor("Somebody").phone(DESK_A)
    old, _ = door.vendor.phone(DESK_A, days=(-30, -1))
    blocked, _ = door.vendor.phone(LOBBY)
    two, _ = door.vendor.phone(f"{DESK_A} {DESK_B}")
    answers = [
        await door.ask(path, **more)
        for path, more in (
            (f"/phone/{DESK_A}.cfg", {}),  # a phone that is there
            ("/phone/00156512eeee.cfg", {}),  # one that is not
            ("/phone/", {}),
            ("/phone/x", {}),
            ("/phone/y000000000058.cfg", {}),
            ("/phone/v1/config", {}),
            ("/phone/v1/login", {"body": {"extension": "201", "pin": PIN}}),
            ("/phone/v1/logout", {"body": {}}),
            ("/phone/v1/enrol", {"body": {"mac": DESK_A}}),
            ("/phone/v1/enrol", {"body": {"mac": DESK_A, "csr": request_for(new_key()), "code": "AAAA"}}),
            ("/phone/app/yealink/login", {}),
            (f"/phone/{DESK_A}.cfg", {"certificate": other}),
            (f"/phone/{DESK_A}.cfg", {"certificate": generic}),
            (f"/phone/{DESK_A}.cfg", {"certificate": stranger}),
            (f"/phone/{DESK_A}.cfg", {"certificate": old}),
            (f"/phone/{DESK_A}.cfg", {"certificate": two}),
            (f"/phone/{LOBBY}.cfg", {"certificate": blocked}),
            (f"/phone/{token}/{DESK_A}.cfg", {}),  # the secret of another phone
            (f"/phone/{'a' * 32}/{DESK_A}.cfg", {}),
            (f"/phone/{DESK_A}.cfg", {"auth": ("201", "999999")}),
            (f"/phone/{DESK_A}.cfg", {"auth": ("201", PIN)}),  # a right PIN, but the phone is known
            ("/phone/00156512eeed.cfg", {"auth": ("299", PIN)}),
            ("/phone/00156512eeed.cfg", {"auth": ("enrol", "AAAAAAAAAA")}),
            ("/phone/x", {"auth": ("201", PIN)}),
            (f"/phone/{DESK_A}.cfg", {"headers": {"Authorization": "Basic !!!"}}),
            (f"/phone/{DESK_A}.cfg", {"headers": {"X-Ringwall-Certificate": "!!!"}}),
            (f"/phone/{DESK_A}.cfg", {"headers": {"X-Ringwall-Certificate": "AAAA"}}),
        )
    ]
    _same(answers)
    assert all("Basic" in one.headers["www-authenticate"] for one in answers)


@pytest.mark.req("P4")
async def test_it_serves_nothing_that_did_not_come_by_the_listener_for_phones(house, door) -> None:
    await house.plug_in(DESK_A)
    certificate, _ = door.vendor.phone(DESK_A)
    for told in ("", "https", "Phones"):
        answer = await door.ask(
            f"/phone/{DESK_A}.cfg", certificate=certificate, headers={"X-Ringwall-Door": told}
        )
        assert answer.status_code == REFUSED


@pytest.mark.req("P4")
async def test_every_refusal_takes_at_least_the_same_time(house, door, monkeypatch) -> None:
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(guard, "FLOOR_S", 1000.0)
    monkeypatch.setattr(guard.asyncio, "sleep", sleep)
    await house.plug_in(DESK_A)
    for path in (f"/phone/{DESK_A}.cfg", "/phone/00156512eeee.cfg", f"/phone/{'a' * 32}/x.cfg"):
        await door.ask(path)
    assert len(slept) == 3
    assert all(990 < seconds <= 1000 for seconds in slept)


@pytest.mark.req("P4")
async def test_who_guesses_is_banned_and_an_office_of_new_phones_is_not(house, door) -> None:
    for number in range(guard.MOST_GUESSES):
        await door.ask(
            f"/phone/{'a' * 31}{'abcdefghijklmnopqrstuvwxyz'[number % 26]}/x.cfg", source="203.0.113.9"
        )
    await asyncio.sleep(0)
    assert [source for source, _, _ in door.banned] == ["203.0.113.9"]
    (record,) = await house.records("security.phones_banned")
    assert record["body"]["seconds"] == guard.BAN_S
    for number in range(guard.MOST_UNKNOWN + 5):
        await door.ask(f"/phone/0015650000{number % 256:02x}.cfg", source="10.0.0.7")
    await asyncio.sleep(0)
    assert len(door.banned) == 1
    for number in range(guard.MOST_UNKNOWN):
        await door.ask(f"/phone/0015660000{number % 256:02x}.cfg", source="203.0.113.10")
    await asyncio.sleep(0)
    assert [source for source, _, _ in door.banned] == ["203.0.113.9", "203.0.113.10"]


@pytest.mark.req("P4")
async def test_a_factory_certificate_from_outside_waits_for_an_administrator(house, door) -> None:
    certificate, _ = door.vendor.phone(LOBBY)
    asked = {"certificate": certificate, "source": "203.0.113.9", "agent": YEALINK}
    assert (await door.ask(f"/phone/{LOBBY}.cfg", **asked)).status_code == REFUSED
    assert house.phones.of_mac(LOBBY).state is State.DISCOVERED
    await house.run("set", mac=LOBBY, label="Home office")
    assert (await door.ask(f"/phone/{LOBBY}.cfg", **asked)).status_code == 200


@pytest.mark.req("P4")
async def test_a_phone_without_a_certificate_enrols_by_a_code_once_and_has_a_secret_address_then(
    house, door
) -> None:
    assert (await door.ask(f"/phone/{LOBBY}.cfg", agent=YEALINK)).status_code == REFUSED
    assert house.seen.of(LOBBY).source == "10.0.0.7"
    code = (await house.run("approve", mac=LOBBY))["code"]
    assert (await door.ask(f"/phone/{DESK_A}.cfg", auth=("enrol", code))).status_code == REFUSED
    answer = await door.ask(f"/phone/{LOBBY}.cfg", auth=("enrol", f" {code.lower()} "), agent=YEALINK)
    assert answer.status_code == 200
    address = house.phones.address_of(house.phones.of_mac(LOBBY))
    assert f"/phone/{address}/" in answer.text
    assert (await door.ask(f"/phone/{LOBBY}.cfg", auth=("enrol", code))).status_code == REFUSED
    assert (await door.ask(f"/phone/{LOBBY}.cfg")).status_code == REFUSED
    again = await door.ask(f"/phone/{address}/{LOBBY}.cfg")
    assert again.text == answer.text


@pytest.mark.req("P4")
async def test_a_code_is_good_for_half_an_hour(house, door) -> None:
    await house.run("add", mac=LOBBY)
    code = (await house.run("approve", mac=LOBBY))["code"]
    house.clock.now += 30 * 60 + 1
    assert (await door.ask(f"/phone/{LOBBY}.cfg", auth=("enrol", code))).status_code == REFUSED


async def test_a_phone_that_is_approved_where_it_stands_needs_no_code_once(house, door) -> None:
    await door.ask(f"/phone/{LOBBY}.cfg", agent=YEALINK)
    await house.run("approve", mac=LOBBY, source="10.0.0.7")
    assert (await door.ask(f"/phone/{LOBBY}.cfg", source="10.0.0.8")).status_code == REFUSED
    assert (await door.ask(f"/phone/{LOBBY}.cfg", agent=YEALINK)).status_code == 200
    assert (await door.ask(f"/phone/{LOBBY}.cfg", agent=YEALINK)).status_code == REFUSED


@pytest.mark.req("P3", "P4")
async def test_a_user_who_logs_in_at_a_new_phone_enrols_it(house, door) -> None:
    answer = await door.ask(f"/phone/{LOBBY}.cfg", auth=("202", PIN), agent=YEALINK)
    assert answer.status_code == 200
    assert house.user_at(LOBBY) == "202"
    assert house.phones.of_mac(LOBBY).identity is Identity.ADDRESS
    assert "account.1.user_name = 202" in answer.text


async def test_a_pin_that_has_to_change_enrols_the_phone_and_logs_nobody_in(house, door) -> None:
    first = await house.pins.reset(ADMIN, "202")
    assert (await door.ask(f"/phone/{LOBBY}.cfg", auth=("202", first), agent=YEALINK)).status_code == 200
    assert (house.phones.of_mac(LOBBY).state, house.user_at(LOBBY)) == (State.AVAILABLE, None)


@pytest.mark.req("P4")
async def test_a_proven_phone_gets_its_own_file_and_no_other(house, door) -> None:
    certificate, _ = door.vendor.phone(LOBBY)
    assert (await door.ask(f"/phone/{LOBBY}.cfg", certificate=certificate)).status_code == 200
    await house.plug_in(DESK_A)
    assert (await door.ask(f"/phone/{DESK_A}.cfg", certificate=certificate)).status_code == REFUSED
    for name in ("y000000000058.cfg", "x", "ca.key", f"{LOBBY}.json", "..%2f..%2fetc%2fpasswd"):
        assert (await door.ask(f"/phone/{name}", certificate=certificate)).status_code in {404, REFUSED}


@pytest.mark.req("P4")
async def test_a_vendors_file_that_is_taken_away_counts_no_longer(house, door) -> None:
    certificate, _ = door.vendor.phone(LOBBY)
    assert (await door.ask(f"/phone/{LOBBY}.cfg", certificate=certificate)).status_code == 200
    (door.layout.authorities / "yealink.pem").unlink()
    assert (await door.ask(f"/phone/{LOBBY}.cfg", certificate=certificate)).status_code == REFUSED


async def test_the_root_certificate_is_for_everybody(door) -> None:
    for name in ("ca.crt", "ringwall.pem"):
        answer = await door.ask(f"/phone/{name}")
        assert answer.status_code == 200
        assert answer.text.startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.req("P4")
async def test_a_store_that_fails_is_told_as_such(house, door, monkeypatch) -> None:
    from ringwall.core.errors import StoreError

    async def fails(_writes):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(house.core.store, "commit", fails)
    certificate, _ = door.vendor.phone(LOBBY)
    answer = await door.ask(f"/phone/{LOBBY}.cfg", certificate=certificate)
    assert answer.status_code == 503
