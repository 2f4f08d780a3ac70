"""Debian packages: what is missing is seen, services are masked first, failures are one sentence."""

import shutil
from pathlib import Path

import pytest

from ringwall.infra import packages
from ringwall.infra.errors import PackageError
from ringwall.infra.packages import Package

on_debian = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no dpkg here")


@pytest.fixture
def units(tmp_path, monkeypatch):
    folder = tmp_path / "units"
    monkeypatch.setattr(packages, "_UNITS", folder)
    monkeypatch.setattr(packages, "_UNIT_FOLDERS", (tmp_path / "lib", folder))
    return folder


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """An apt-get that writes down how it was called and then does what the test says."""
    calls = tmp_path / "calls"
    script = tmp_path / "apt-get"

    def says(body):
        script.write_text(
            f'#!/bin/sh\necho "$@ | $DEBIAN_FRONTEND | $SECRET | $http_proxy" >>{calls}\n{body}\n'
        )
        script.chmod(0o755)

    says("exit 0")
    monkeypatch.setattr(packages, "find_tool", lambda _name: script)
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    return says, calls


@on_debian
def test_what_dpkg_has_is_seen_and_what_it_never_heard_of_is_missing():
    found = {
        state.package.name: state
        for state in packages.states(
            [Package("dpkg", "x"), Package("no-such-thing", "x"), Package("dpkg", "x", "99")]
        )
    }
    assert found["no-such-thing"].version is None
    assert not found["no-such-thing"].good
    assert found["dpkg"].version
    assert not found["dpkg"].good  # the last one asks for version 99


@on_debian
@pytest.mark.parametrize(
    ("version", "least", "good"),
    [
        ("10.5.3.5-1+deb12u1", "10.5.3.5-1+deb12u1", True),
        ("10.5.3.5-1", "10.5.3.5-1+deb12u1", False),
        ("11.0~rc1", "11.0", False),
        ("1:0.9", "2.0", True),
        ("0.1", "", True),
    ],
)
def test_versions_are_compared_as_debian_does(version, least, good):
    assert packages.is_at_least(version, least) is good


def test_the_relay_must_have_its_security_update():
    (relay,) = [package for package in packages.RUN_PACKAGES if package.name == "rtpengine-daemon"]
    assert relay.least == "10.5.3.5-1+deb12u1"


@on_debian
def test_apt_is_not_asked_when_nothing_is_missing(apt, tmp_path):
    _, calls = apt
    assert packages.install([Package("dpkg", "x")], log=tmp_path / "log") == []
    assert not calls.exists()


@on_debian
def test_services_are_masked_before_apt_runs_and_progress_is_short(apt, units, tmp_path, monkeypatch):
    says, calls = apt
    says(
        f"test -L {units}/nosuch.service || exit 9\n"
        'case "$*" in *" update") exit 0 ;; esac\n'
        'echo "0 upgraded, 21 newly installed, 0 to remove and 8 not upgraded."\n'
        'echo "Need to get 12.5 MB/85.3 MB of archives."\n'
        'for i in $(seq 21); do echo "Setting up p$i:amd64 (1.0) ..."; done'
    )
    monkeypatch.setenv("SECRET", "s3cret")
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    steps = []
    wanted = [Package("nosuch", "x", units=("nosuch.service",))]
    with pytest.raises(
        PackageError, match="nosuch is missing"
    ):  # this apt-get only says that it installed it
        packages.install(wanted, log=tmp_path / "log", progress=steps.append)
    update, install = calls.read_text().splitlines()
    assert " update |" in update
    assert "--no-install-recommends nosuch | noninteractive |  | http://proxy.example:3128" in install
    assert steps[0] == "reading the package lists"
    assert steps[-3:] == ["fetching 21 packages, 85.3 MB", "installed 20 of 21", "installed 21 of 21"]
    assert (units / "nosuch.service").readlink() == Path("/dev/null")
    assert "Setting up p7" in (tmp_path / "log").read_text()


@on_debian
def test_without_network_there_is_one_sentence(apt, units, tmp_path):
    says, _ = apt
    says('echo "Err:1 could not resolve"; exit 100')
    with pytest.raises(PackageError) as caught:
        packages.install([Package("nosuch", "x")], log=tmp_path / "log")
    said = str(caught.value)
    assert "nosuch" in said
    assert "check this host's network" in said
    assert str(tmp_path / "log") in said
    assert "\n" not in said


@on_debian
def test_without_root_nothing_is_tried(apt, tmp_path, monkeypatch):
    _, calls = apt
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
    with pytest.raises(PackageError, match="needs root"):
        packages.install([Package("nosuch", "x")], log=tmp_path / "log")
    assert not calls.exists()


def test_a_unit_of_the_owner_is_left_alone(units, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "haproxy.service").write_text("[Service]")
    packages.mask("haproxy.service")
    assert not (units / "haproxy.service").is_symlink()
    packages.mask("kamailio.service")
    packages.mask("kamailio.service")
    assert (units / "kamailio.service").readlink() == Path("/dev/null")
