"""Putting configurations in place, without an engine: what happens when something fails half-way."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.edge import engines
from ringwall.edge.engines import EngineConfigError, _essence, _File, _swap
from ringwall.infra import accounts, pki
from ringwall.infra.errors import PkiError
from ringwall.infra.files import KEEP
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings


def file(path: Path, content: bytes) -> _File:
    return _File(path.stem, path, content, KEEP)


def test_files_are_swapped_as_a_whole_or_not_at_all(tmp_path) -> None:
    old, new, nowhere = tmp_path / "old.cfg", tmp_path / "new.cfg", tmp_path / "missing" / "third.cfg"
    old.write_bytes(b"before")
    with pytest.raises(
        EngineConfigError, match="third cannot be written: No such file or directory; nothing changed"
    ):
        _swap([file(old, b"after"), file(new, b"after"), file(nowhere, b"after")])
    assert old.read_bytes() == b"before"
    assert not new.exists()
    _swap([file(old, b"after"), file(new, b"after")])
    assert (old.read_bytes(), new.read_bytes()) == (b"after", b"after")
    assert old.stat().st_mode & 0o777 == 0o640


def test_a_file_is_current_only_if_it_is_the_same_and_no_link(tmp_path) -> None:
    path, link = tmp_path / "a.cfg", tmp_path / "b.cfg"
    assert not file(path, b"x").is_current()
    path.write_bytes(b"x")
    assert file(path, b"x").is_current()
    assert not file(path, b"y").is_current()
    link.symlink_to(path)
    assert not file(link, b"x").is_current()


@pytest.fixture
def system(tmp_path) -> tuple[Layout, Settings]:
    layout, settings = Layout.of(tmp_path), Settings.for_address("192.0.2.7")
    for directory in accounts.directories(layout):
        directory.path.mkdir(exist_ok=True)
    return layout, settings


def test_without_a_link_token_there_is_no_configuration(system) -> None:
    layout, settings = system
    with pytest.raises(PkiError, match=r"link\.token is missing"):
        engines.configure(layout, settings, chown=False)
    assert not layout.kamailio_config.exists()


@pytest.fixture
def folder_with_blank() -> Iterator[Path]:
    """A data directory whose name has a blank, and is short: unix sockets must fit below it."""
    with tempfile.TemporaryDirectory(prefix="with blank ") as folder:
        yield Path(folder)


def test_a_data_directory_that_no_configuration_can_name_is_refused(folder_with_blank) -> None:
    layout, settings = Layout.of(folder_with_blank), Settings.for_address("192.0.2.7")
    for directory in accounts.directories(layout):
        directory.path.mkdir(exist_ok=True)
    pki.ensure_pki(layout, settings, chown=False)
    with pytest.raises(EngineConfigError, match="absolute path"):
        engines.configure(layout, settings, chown=False)


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """A folder with something under the engines' names: these tests run where no engine is installed."""
    folder = tmp_path / "sbin"
    folder.mkdir()
    for name in (engines.HAPROXY, engines.KAMAILIO, engines.RTPENGINE):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(engines, "SYSTEM_PATH", str(folder))
    return folder


def test_an_engine_that_is_not_installed_is_named_with_the_cure(system, installed) -> None:
    layout, _ = system
    (installed / engines.HAPROXY).unlink()
    with pytest.raises(EngineConfigError, match=r"haproxy is not installed: run `\./ringwall up`"):
        engines.haproxy_command(layout)


@pytest.mark.usefixtures("installed")
def test_no_secret_is_in_a_command(system) -> None:
    layout, settings = system
    pki.ensure_pki(layout, settings, chown=False)
    token = pki.read_link_token(layout)
    for command in (
        engines.haproxy_command(layout),
        engines.kamailio_command(layout, settings),
        engines.rtpengine_command(layout),
    ):
        assert Path(command[0]).is_absolute()
        assert token not in " ".join(command)


@pytest.mark.usefixtures("installed")
def test_engines_stay_in_the_foreground_and_kamailio_has_the_cheap_allocator(system) -> None:
    layout, settings = system
    assert "-db" in engines.haproxy_command(layout)
    command = engines.kamailio_command(layout, settings)
    assert {"-DD", "-E"} <= set(command)
    assert command[command.index("-x") + 1] == "fm"


def test_the_essence_of_an_engine_s_output_is_its_errors_or_its_last_words() -> None:
    noise = "\n".join(f"line {number}" for number in range(50))
    assert _essence(f"{noise}\n 0(1) ERROR: <core> bad thing\n{noise}") == "0(1) ERROR: <core> bad thing"
    assert _essence(noise).endswith("line 49")
    assert len(_essence("ERROR x\n" * 1000)) < 200
    assert _essence("\n \n") == "it says nothing"


@pytest.mark.parametrize(
    "content", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_authority_of_carriers_is_named(system, content) -> None:
    layout, _ = system
    layout.carriers_ca.write_bytes(content)
    with pytest.raises(EngineConfigError, match=r"carriers-ca\.pem must hold the certificates"):
        engines._authorities(layout)


def test_carriers_are_known_by_the_systems_authorities_and_the_owners_own(
    system, monkeypatch, tmp_path
) -> None:
    layout, settings = system
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setattr(engines, "_SYSTEM_AUTHORITIES", bundle)
    with pytest.raises(EngineConfigError, match="ca-certificates"):
        engines._authorities(layout)
    bundle.write_bytes(b"the system's\n")
    assert engines._authorities(layout) == b"the system's\n"
    pki.ensure_pki(layout, settings, chown=False)
    own = layout.ca_certificate.read_bytes()
    layout.carriers_ca.write_bytes(own)
    assert engines._authorities(layout) == b"the system's\n" + own
