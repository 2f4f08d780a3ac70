"""What lies in a slot is verified before every start, and what was verified is what runs."""

import os

import pytest

from ringwall.core.firmware import metadata
from ringwall.phone.boot import trust
from ringwall.phone.boot.errors import RefusedError
from support.firmware import keys, signed
from support.handset import path_of, probe


def opened(phone, slot: str = "a", **how):
    made = phone.made
    asked = {"vendor": made.vendor, "model": made.model, "floor": "0", "built_in": made.root, **how}
    return trust.open_verified(phone.memory.slot(slot), **asked)


def why(phone, **how) -> str:
    with pytest.raises(RefusedError) as refused:
        opened(phone, **how)
    return refused.value.reason


def active(phone):
    return phone.memory.slot(phone.memory.state.active)


@pytest.mark.req("F2")
def test_any_byte_that_changed_in_the_slot_stops_the_start(phone) -> None:
    slot = phone.memory.state.active
    image = active(phone) / trust.IMAGE
    whole = image.read_bytes()
    for place in (0, len(whole) // 2, len(whole) - 1):
        image.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert why(phone, slot=slot) == "changed"
    for content in (whole + b"x", whole[:-1], b""):
        image.write_bytes(content)
        assert why(phone, slot=slot) == "changed"
    image.unlink()
    assert why(phone, slot=slot) == "changed"


@pytest.mark.req("F2")
def test_what_was_verified_cannot_be_changed_any_more(phone) -> None:
    found = opened(phone, phone.memory.state.active)
    try:
        with pytest.raises(PermissionError):
            os.pwrite(found.descriptor, b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(found.descriptor, 0)
        (active(phone) / trust.IMAGE).write_bytes(b"changed after the check")
        assert os.pread(found.descriptor, 2, 0) == b"PK"
    finally:
        os.close(found.descriptor)


@pytest.mark.req("F2")
def test_the_slot_s_signatures_are_checked_up_to_the_built_in_root(phone, depot) -> None:
    slot = phone.memory.state.active
    roles = active(phone) / "roles"
    stranger = keys(1)
    for place, role in ((1, "targets"), (2, "ringwall"), (3, "ringwall.reference")):
        path = roles / f"{place}.json"
        whole = path.read_bytes()
        forged = metadata.read(whole, role)
        forged.signatures.clear()
        path.write_bytes(signed(forged, stranger).to_bytes())
        assert why(phone, slot=slot) == "signature"
        path.write_bytes(b"{}")
        assert why(phone, slot=slot) == "metadata"
        path.write_bytes(whole)
    other = type(depot.room)().begin()
    assert why(phone, slot=slot, built_in=other.repository.files["root", 1]) == "signature"


@pytest.mark.req("F2", "F3")
def test_another_model_s_image_and_an_older_one_are_not_started(phone) -> None:
    slot = phone.memory.state.active
    assert why(phone, slot=slot, model="other") == "model"
    assert why(phone, slot=slot, floor="1.0.1") == "older"
    assert why(phone, slot=phone.memory.state.spare) == "metadata"  # empty


@pytest.mark.req("F2")
def test_a_phone_that_lay_in_a_drawer_for_two_years_still_starts(phone, depot, monkeypatch) -> None:
    depot.room.later(days=-800)
    aged = metadata.read(depot.room.repository.bytes_of("targets"), "targets")
    aged.signed.expires = depot.room.now
    aged.signatures.clear()
    (active(phone) / "roles" / "1.json").write_bytes(signed(aged, depot.room.targets).to_bytes())
    os.close(opened(phone, phone.memory.state.active).descriptor)


@pytest.mark.req("F2")
def test_a_key_signs_no_name_that_was_not_given_to_it(phone, depot) -> None:
    """The vendor's own key has signed, but the pattern above it is for another model."""
    room = depot.room
    vendor = metadata.read(room.repository.bytes_of("ringwall"), "ringwall")
    vendor.signed.delegations.roles["ringwall.reference"].paths = ["ringwall/other/*/*"]
    vendor.signatures.clear()
    (active(phone) / "roles" / "2.json").write_bytes(signed(vendor, room.signers("ringwall")).to_bytes())
    assert why(phone, slot=phone.memory.state.active) == "unsigned"


def test_a_second_image_goes_into_the_other_slot(phone, depot) -> None:
    before = active(phone)
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    phone.install()
    phone.come_up()
    assert active(phone) != before
    assert before.exists()
