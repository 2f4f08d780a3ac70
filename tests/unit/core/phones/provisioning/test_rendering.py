"""Each vendor's configuration, against a written-down sample of what that vendor's phones accept."""

import re
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.phones.provisioning.facts import Facts
from ringwall.core.phones.provisioning.rendering import render

SAMPLES = Path(__file__).parents[1] / "vendors"
CA = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n"
FACTS = Facts(
    mac="001565120010",
    vendor="",
    model="T46U",
    label="Lobby",
    assigned=True,
    extension="201",
    name="Anna Berg",
    auth_user="dabcdefghij",
    password="secret-of-the-phone",
    domain="voice.example",
    server="192.0.2.10",
    sips_port=5061,
    register_seconds=600,
    folder="https://192.0.2.10:8443/phone/",
    root="https://192.0.2.10:8443/phone/ca.crt",
    ca=CA,
    admin_password="a" * 20,
    firmware="https://192.0.2.10:8443/firmware/images/" + "ab" * 32 + "/T46U.rom",
    firmware_folder="https://192.0.2.10:8443/firmware/images/" + "ab" * 32 + "/",
    firmware_sha256="ab" * 32,
    firmware_path="yealink/t46u/108.86.0.90/T46U.rom",
    time_server="pool.ntp.org",
    time_zone="Europe/Berlin",
    minutes=60,
    login="*60",
    logout="*61",
    mailbox="*98",
)
UNASSIGNED = {
    "assigned": False,
    "extension": "dabcdefghij",
    "name": "",
    "firmware": "",
    "firmware_folder": "",
}
VENDORS = ("yealink", "mitel", "poly", "grandstream", "snom")


def _facts(**changes):
    values = {field.name: getattr(FACTS, field.name) for field in fields(Facts)}
    return Facts(**{**values, **changes})


def _lines(text, separator):
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        name, cut, value = line.partition(separator)
        assert cut, line
        assert name.strip() not in found, name
        found[name.strip()] = value.strip()
    return found


def _read(vendor, content):
    """The settings of a configuration, by name, as the vendor's phone would read them."""
    text = content.decode()
    if vendor == "yealink":
        assert text.startswith("#!version:1.0.0.1\n")
        return _lines(text, "=")
    if vendor == "mitel":
        return _lines(text, ":")
    root = ET.fromstring(text)
    if vendor == "poly":
        assert root.tag == "polycomConfig"
        return dict(root.attrib)
    if vendor == "grandstream":
        assert (root.tag, root.findtext("mac")) == ("gs_provision", FACTS.mac)
        return {one.tag: one.text or "" for one in root.find("config")}
    assert root.tag == "settings"
    return {one.tag: one.text or "" for one in root.find("phone-settings")}


def _sample(vendor, facts):
    for line in (SAMPLES / f"{vendor}.txt").read_text().splitlines():
        needed, _, rest = line.partition(" ")
        name, _, pattern = (
            rest.strip().rpartition("  ") if vendor == "mitel" else (*rest.strip().partition(" "),)
        )
        for word in ("EXTENSION", "AUTH_USER", "PASSWORD"):
            pattern = pattern.replace(f"${word}", re.escape(getattr(facts, word.lower())))
        yield name.strip(), pattern.strip(), needed == "!"


@pytest.mark.req("P5", "T1", "T5")
@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("changes", [{}, UNASSIGNED], ids=["assigned", "available"])
def test_a_vendors_phone_is_told_what_it_accepts_and_all_that_makes_it_safe(vendor, changes) -> None:
    facts = _facts(vendor=vendor, **changes)
    told = _read(vendor, render(facts, f"{facts.mac}-ringwall.cfg"))
    sample = list(_sample(vendor, facts))
    accepted = {name: pattern for name, pattern, _ in sample}
    assert len(accepted) == len(sample) > 20
    for name, value in told.items():
        assert name in accepted, f"{vendor} has no setting {name}"
        assert re.fullmatch(accepted[name], value), f"{name} = {value}"
    missing = {name for name, _, needed in sample if needed} - set(told)
    assert not missing


@pytest.mark.req("P5")
def test_a_poly_phone_is_told_first_where_its_configuration_is() -> None:
    root = ET.fromstring(render(_facts(vendor="poly"), f"{FACTS.mac}.cfg"))
    assert root.tag == "APPLICATION"
    assert root.get("CONFIG_FILES") == f"{FACTS.mac}-ringwall.cfg"
    assert root.get("APP_FILE_PATH") == FACTS.firmware
    assert FACTS.password not in ET.tostring(root).decode()


@pytest.mark.req("P5")
@pytest.mark.parametrize(
    ("minutes", "hours", "posix"),
    [(0, "+0", "TZ+0"), (60, "+1", "TZ-1"), (-210, "-3:30", "TZ+3:30"), (345, "+5:45", "TZ-5:45")],
)
def test_the_time_zone_is_told_in_each_vendors_way(minutes, hours, posix) -> None:
    facts = _facts(minutes=minutes)
    assert (facts.hours, facts.posix_zone) == (hours, posix)


@pytest.mark.req("P4")
@pytest.mark.parametrize("vendor", VENDORS)
@given(st.text(min_size=1, max_size=64), st.text(max_size=64))
def test_no_name_can_become_a_setting(vendor, name, label) -> None:
    plain = _read(vendor, render(_facts(vendor=vendor), f"{FACTS.mac}-ringwall.cfg"))
    facts = _facts(vendor=vendor, name="".join(c for c in name if c.isprintable()) or "x", label=label)
    told = _read(vendor, render(facts, f"{FACTS.mac}-ringwall.cfg"))
    assert told.keys() == plain.keys()
    shown = {one for one in told if told[one] != plain[one]}
    assert all("Anna" in plain[one] for one in shown)


@pytest.mark.parametrize("vendor", ["yealink", "mitel"])
def test_lines_are_one_line_each_whatever_a_name_holds(vendor) -> None:
    wild = 'Anna\nstatic.wui.https_enable = 1\r\nadmin password: x # "quoted" \u2028'
    told = _read(vendor, render(_facts(vendor=vendor, name=wild), "x"))
    assert told.get("static.wui.https_enable", "0") == "0"
    assert "x" not in told.get("admin password", "")


@pytest.mark.req("P5", "F2")
def test_the_reference_phone_s_own_reader_takes_what_it_is_told():
    from ringwall.phone.config import read_config

    path = "ringwall/reference/1.2.0/reference.rwi"
    facts = _facts(vendor="ringwall", firmware_path=path)
    config = read_config(render(facts, f"{FACTS.mac}.json"))
    assert (config.extension, config.account.username, config.port) == ("201", "dabcdefghij", 5061)
    assert (config.firmware_url, config.image) == ("https://192.0.2.10:8443/firmware/", path)
    assert config.assigned
    nobody = read_config(render(_facts(vendor="ringwall", **UNASSIGNED), f"{FACTS.mac}.json"))
    assert (nobody.assigned, nobody.image, nobody.account.extension) == (False, "", "dabcdefghij")
