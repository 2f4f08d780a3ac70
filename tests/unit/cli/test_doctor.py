"""Doctor: what is wrong is found, and each finding says how to mend it."""

import asyncio
import os
import socket
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ringwall.cli import doctor
from ringwall.cli.readiness import Health
from ringwall.core.setup import set_up
from ringwall.infra import accounts, host, pki
from ringwall.infra.packages import RUN_PACKAGES, PackageState
from ringwall.infra.settings import Settings

NOW = datetime.now(UTC)


@pytest.fixture
def system(layout, monkeypatch):
    """A whole data directory of ours on a host where everything is in order, not running."""
    monkeypatch.setattr(accounts, "user_id", lambda _name: os.geteuid())
    monkeypatch.setattr(accounts, "group_id", lambda _name: os.getegid())
    monkeypatch.setattr(accounts, "check_way_to", lambda _data: None)
    monkeypatch.setattr(accounts, "missing_accounts", list)
    good = [PackageState(package, "99", True) for package in RUN_PACKAGES]
    monkeypatch.setattr(doctor.packages, "states", lambda: good)
    monkeypatch.setattr(doctor.host, "clock", lambda: host.Clock(sane=True, synchronised=True))
    accounts.prepare_directories(layout)
    settings = Settings.for_address("127.0.0.1").with_free_ports()
    settings.save(layout)
    pki.ensure_pki(layout, settings, chown=False)
    asyncio.run(set_up(layout, settings))
    return layout, settings


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="keys must belong to root")


def wrong(layout):
    return {finding.subject: finding for finding in doctor.examine(layout) if not finding.ok}


@as_root
def test_a_system_in_order_has_nothing_to_mend(system):
    layout, _ = system
    assert wrong(layout) == {}
    assert len(doctor.examine(layout)) > 20


def test_every_finding_to_mend_says_how(system, monkeypatch):
    layout, settings = system
    monkeypatch.setattr(accounts, "missing_accounts", lambda: [accounts.CORE])
    monkeypatch.setattr(doctor.host, "clock", lambda: host.Clock(sane=False, synchronised=None))
    monkeypatch.setattr(doctor.host, "free_bytes", lambda _path: 5)
    bad = [PackageState(package, None, False) for package in RUN_PACKAGES]
    monkeypatch.setattr(doctor.packages, "states", lambda: bad)
    layout.inner_pem.unlink()
    layout.world_key.chmod(0o644)
    layout.core.chmod(0o755)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", settings.ports.sips))
        holder.listen()
        found = wrong(layout)
    expected = {
        "system users",
        "clock",
        "disk of the data",
        "haproxy",
        "certificate inner",
        "secrets",
        "folders",
        "ports",
    }
    assert expected <= set(found)
    assert all(finding.mend for finding in found.values())


@pytest.mark.req("T1", "R1")
def test_a_host_that_keeps_nothing_in_memory_and_swap_in_clear_are_told(system, monkeypatch):
    layout, _ = system
    monkeypatch.setattr(doctor, "memory_folder", lambda _layout: None)
    monkeypatch.setattr(doctor.host, "clear_swaps", lambda: ["/dev/vda2"])
    assert "tmpfs" in wrong(layout)["memory"].mend
    [swap] = [finding for finding in doctor.examine(layout) if finding.subject == "swap"]
    assert "/dev/vda2" in swap.found
    assert swap.mend


@as_root
@pytest.mark.parametrize("name", ["root_key", "link_key", "link_token", "world_pem"])
def test_a_secret_that_others_can_read_is_found(system, name):
    layout, _ = system
    path = getattr(layout, name)
    path.chmod(0o644)
    assert str(path) in wrong(layout)["secrets"].found
    assert wrong(layout)["secrets"].mend.startswith("chmod 6")


@as_root
def test_a_secret_that_is_a_link_is_found(system, tmp_path):
    layout, _ = system
    layout.link_key.rename(tmp_path / "key")
    layout.link_key.symlink_to(tmp_path / "key")
    assert "link.key" in wrong(layout)["secrets"].found


@as_root
@pytest.mark.req("R2")
@pytest.mark.parametrize(
    "name", ["ledger_key", "secrets_key", "devices_key", "world_key", "inside_key", "root_certificate"]
)
@pytest.mark.parametrize("harm", ["removed", "empty"])
def test_a_key_that_is_missing_or_empty_is_found(system, name, harm):
    layout, _ = system
    path = getattr(layout, name)
    if harm == "removed":
        path.unlink()
    else:
        path.write_bytes(b"")
    found = [one for one in doctor.examine(layout) if not one.ok]
    assert any(one.subject == "keys" and str(path) in one.found for one in found), found


@pytest.mark.req("R2")
def test_a_database_that_is_missing_or_damaged_is_found(system):
    layout, _ = system
    whole = layout.database.read_bytes()
    for content in (None, b"", b"x" * len(whole), whole[:4096]):
        if content is None:
            layout.database.unlink()
        else:
            layout.database.write_bytes(content)
            layout.database.chmod(0o600)
        found = wrong(layout)["database"]
        assert str(layout.database) in found.found
        assert "begin-anew" in found.mend


def test_certificates_that_are_due_or_expired_or_for_other_names_are_found(system):
    layout, settings = system
    pki.ensure_pki(layout, settings, chown=False)
    pki.renew(layout, settings, chown=False, now=NOW - timedelta(days=70))
    assert "due for renewal" in wrong(layout)["certificate world"].found
    pki.renew(layout, settings, chown=False, now=NOW - timedelta(days=91))
    assert "has expired" in wrong(layout)["certificate link"].found
    pki.renew(layout, settings, chown=False)
    settings.with_address("127.0.0.2").save(layout)
    assert "127.0.0.2" in wrong(layout)["certificate world"].found


@pytest.mark.parametrize("detail", ["", "the mail server refuses our login"])
def test_a_mail_server_that_does_not_work_is_found(system, monkeypatch, detail):
    layout, _ = system
    said = {
        "server": "mail.example.com:587",
        "ok": not detail,
        "detail": detail,
        "waiting": 2,
        "undelivered": 0,
    }
    monkeypatch.setattr(doctor, "Supervisor", lambda _layout: SimpleNamespace(pid=1))
    health = Health((), {}, {"mail": said}, "")
    monkeypatch.setattr(doctor.readiness, "look", lambda _layout: health)
    (found,) = [finding for finding in doctor.examine(layout) if finding.subject == "mail"]
    assert found.ok is not bool(detail)
    assert found.found == (detail or "mail.example.com:587, 2 wait, 0 undelivered")
    assert bool(found.mend) is bool(detail)


def test_an_offline_root_is_no_fault(system):
    layout, _ = system
    layout.root_key.unlink()
    found = {finding.subject: finding for finding in doctor.examine(layout)}
    assert found["root key"].ok
    assert found["root key"].found == "offline"


def test_wrong_settings_are_told_with_the_field(system):
    layout, _ = system
    layout.settings_file.write_text(
        layout.settings_file.read_text().replace("ring_seconds = 60", "ring_seconds = 1")
    )
    assert "sip.ring_seconds" in wrong(layout)["settings"].found


def test_a_host_without_a_system_says_how_to_make_one(layout, system):
    layout.settings_file.unlink()
    assert wrong(layout)["system"].mend == "make one: ./ringwall up"


def test_an_address_that_is_gone_is_found(system):
    layout, settings = system
    settings.with_address("192.0.2.77").save(layout)
    assert "192.0.2.77" in wrong(layout)["address"].found


def test_looking_changes_nothing(system):
    layout, _ = system
    before = {path: path.stat().st_mtime_ns for path in layout.data.rglob("*")}
    doctor.examine(layout)
    assert {path: path.stat().st_mtime_ns for path in layout.data.rglob("*")} == before


@pytest.mark.req("F3")
def test_firmware_that_must_be_signed_anew_is_found_in_time():
    told = {"trouble": None, "expiring": {"root": "2026-12-24"}, "roles": [{}], "images": []}
    (finding,) = doctor._firmware(told)
    assert not finding.ok
    assert "2026-12-24" in finding.found
    assert "firmware" in finding.mend
    (finding,) = doctor._firmware({**told, "trouble": "The keys are lost.", "expiring": {}})
    assert finding.found == "The keys are lost."
    (finding,) = doctor._firmware({**told, "expiring": {}, "images": [{}, {}]})
    assert finding.ok
    assert list(doctor._firmware({**told, "expiring": {}, "roles": []})) == []
