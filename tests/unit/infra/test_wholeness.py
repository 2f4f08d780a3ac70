"""A data directory is new, being made or made, and of a made one nothing may be missing."""

import pytest

from ringwall.infra import pki, wholeness
from ringwall.infra.errors import DataError, PkiError
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

pytestmark = pytest.mark.req("R2")
SETTINGS = Settings.for_address("192.0.2.10", domain="phones.example.com")


@pytest.fixture
def layout(tmp_path):
    return _made(tmp_path / "a")


def _empty(folder) -> Layout:
    layout = Layout.of(folder)
    for path in (layout.pki, layout.haproxy, layout.core, layout.media):
        path.mkdir(parents=True)
    return layout


def _made(folder) -> Layout:
    layout = _empty(folder)
    pki.ensure_pki(layout, SETTINGS, chown=False)
    for path in (layout.database, layout.ledger_key, layout.secrets_key):
        path.write_bytes(b"x")
    return layout


def test_a_start_that_was_interrupted_goes_on_until_it_has_come_to_its_end(tmp_path) -> None:
    layout = _empty(tmp_path / "b")
    assert wholeness.state(layout) == wholeness.NEW
    wholeness.begin(layout)
    pki.ensure_pki(layout, SETTINGS, chown=False)
    assert wholeness.state(layout) == wholeness.BEING_MADE
    wholeness.finish(layout)
    assert wholeness.state(layout) == wholeness.MADE
    wholeness.finish(layout)


def test_what_is_whole_passes(layout) -> None:
    wholeness.require(layout)
    layout.root_key.unlink()  # it may be kept elsewhere
    wholeness.require(layout)
    layout.ca_certificate.unlink()  # a copy
    wholeness.require(layout)


@pytest.mark.parametrize(
    "name",
    [
        "database",
        "ledger_key",
        "secrets_key",
        "devices_key",
        "devices_certificate",
        "root_certificate",
        "world_key",
        "world_certificate",
        "inside_key",
        "inside_certificate",
    ],
)
@pytest.mark.parametrize("harm", ["missing", "empty"])
def test_each_piece_is_missed_and_it_is_said_what_to_do(layout, name, harm) -> None:
    path = getattr(layout, name)
    path.unlink()
    if harm == "empty":
        path.touch()
    with pytest.raises(DataError) as refused:
        wholeness.require(layout)
    assert f"{path} is {harm}" in str(refused.value)
    assert f"./ringwall begin-anew --data {layout.data}" in str(refused.value)


def test_all_that_is_missing_is_named_at_once(layout) -> None:
    for path in layout.core.iterdir():
        path.unlink()
    with pytest.raises(DataError) as refused:
        wholeness.require(layout)
    for name in ("ringwall.db", "ledger.key", "secrets.key", "devices.key"):
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["world_key"], "does not belong to world.crt"),
        (["inside_key"], "does not belong to inside.crt"),
        (["root_key"], "does not belong to root.crt"),
        (["devices_key"], "does not belong to the certificate"),
        (["world_key", "world_certificate"], "was not signed by root.crt"),
        (
            ["root_key", "root_certificate", "world_key", "world_certificate"],
            "is another root than",
        ),
    ],
)
def test_a_key_of_another_system_is_found(layout, tmp_path, names, said) -> None:
    other = _made(tmp_path / "b")
    for name in names:
        getattr(layout, name).write_bytes(getattr(other, name).read_bytes())
    with pytest.raises(DataError, match=said):
        wholeness.require(layout)


def test_a_log_without_its_database_is_a_system(tmp_path) -> None:
    layout = _empty(tmp_path / "b")
    wholeness.write_ahead_log(layout).write_bytes(b"x")
    assert wholeness.state(layout) == wholeness.MADE
    with pytest.raises(DataError, match=r"its log ringwall\.db-wal is left"):
        wholeness.require(layout)


@pytest.mark.req("R2")
@pytest.mark.parametrize("name", ["ca_certificate", "ledger_marks_file"])
def test_what_phones_trust_or_the_edge_remembers_is_a_system_though_all_else_is_gone(tmp_path, name) -> None:
    """As where the folders of the core and of the authorities lie on a disk that is not mounted."""
    layout = Layout.of(tmp_path)
    left = getattr(layout, name)
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"of the system before")
    assert wholeness.state(layout) == wholeness.MADE
    with pytest.raises(DataError, match=r"ringwall\.db is missing"):
        wholeness.require(layout)


def test_a_renewal_makes_no_authority(layout) -> None:
    for path in layout.pki.iterdir():
        path.unlink()
    with pytest.raises(PkiError, match=r"root\.crt is missing"):
        pki.renew(layout, SETTINGS, chown=False)
    assert list(layout.pki.iterdir()) == []


def test_a_key_whose_certificate_was_not_written_any_more_is_kept(tmp_path) -> None:
    layout = _made(tmp_path / "b")
    keys = {path: path.read_bytes() for path in (layout.inside_key, layout.world_key, layout.devices_key)}
    for path in (layout.inside_certificate, layout.world_certificate, layout.devices_certificate):
        path.unlink()
    pki.ensure_pki(layout, SETTINGS, chown=False)
    assert {path: path.read_bytes() for path in keys} == keys
    wholeness.require(layout)
