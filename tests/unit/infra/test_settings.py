"""Settings: sane defaults, one file that can be read and written, errors that name the field."""

import stat
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.infra import ports as port_search
from ringwall.infra.errors import SettingsError
from ringwall.infra.layout import Layout
from ringwall.infra.listeners import listeners_of
from ringwall.infra.settings import Settings
from ringwall.infra.toml import format_value


def changed(**sections):
    values = Settings.for_address("192.0.2.10").model_dump()
    for name, section in sections.items():
        if isinstance(section, dict):
            values[name] |= section
        else:
            values[name] = section
    return Settings.checked(values, "ringwall.toml")


def test_the_domain_is_the_address_unless_one_is_named():
    assert Settings.for_address("192.0.2.10").organisation.domain == "192.0.2.10"
    assert (
        Settings.for_address("192.0.2.10", domain="Phones.Example.COM").organisation.domain
        == "phones.example.com"
    )


def test_what_is_saved_is_what_is_loaded(tmp_path):
    layout = Layout.of(tmp_path)
    settings = changed(
        organisation={
            "name": 'A "B" \\ Ä',
            "domain": "a.example",
            "certificate_names": ["b.example", "c.example"],
        },
        links={"retry_seconds": 1.25},
    )
    settings.save(layout)
    assert Settings.load(layout) == settings
    assert stat.S_IMODE(layout.settings_file.stat().st_mode) == 0o640


def test_every_value_in_the_file_is_explained():
    text = Settings.for_address("192.0.2.10").to_toml().splitlines()
    values = [at for at, line in enumerate(text) if " = " in line and not line.startswith("#")]
    assert len(values) > 25
    assert all(text[at - 1].startswith("# ") for at in values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": "1.2.3"}, "address must be an IPv4 address"),
        ({"address": "0.0.0.0"}, "address must be the address of this host"),
        ({"address": "::1"}, "address must be an IPv4 address"),
        ({"edge_name": "Edge 1"}, "edge_name must be 1 to 63"),
        ({"core_name": "edge1"}, "edge_name, core_name and the name in"),
        ({"core_name": "middle"}, "core_name must begin with core"),
        ({"organisation": {"domain": "a b"}}, "organisation.domain must be a DNS name"),
        ({"organisation": {"domain": "1.2.3.400"}}, "organisation.domain must be a DNS name"),
        ({"organisation": {"domain": "x.ringwall.internal"}}, "must not lie in ringwall.internal"),
        (
            {"organisation": {"certificate_names": ["-a.b"]}},
            "organisation.certificate_names.0 must be a DNS name",
        ),
        ({"organisation": {"name": "a\nb"}}, "organisation.name"),
        ({"ports": {"sips": 0}}, "ports.sips should be greater than or equal to 1 (it is 0)"),
        ({"ports": {"sips": "5061"}}, "ports.sips should be a valid integer"),
        ({"ports": {"https": 5061}}, "https and sips must be different ports"),
        ({"ports": {"rtp_first": 34990}}, "must be at least 100 ports"),
        ({"ports": {"ng": 30001}}, "ng must lie outside"),
        ({"ports": {"sisp": 5061}}, "ports.sisp is not a known setting"),
        ({"limits": {"connections_per_source": 0}}, "limits.connections_per_source should be greater"),
        ({"sip": {"register_min": 700}}, "register_min, register_default and register_max"),
        ({"sip": {"session_expires": 90, "min_se": 100}}, "session_expires must be at least min_se"),
        ({"colour": "red"}, "colour is not a known setting"),
    ],
)
def test_a_wrong_value_is_refused_and_named(change, said):
    with pytest.raises(SettingsError) as caught:
        changed(**change)
    assert said in str(caught.value)
    assert str(caught.value).startswith("ringwall.toml: ")


def test_every_wrong_value_is_named_at_once():
    with pytest.raises(SettingsError, match=r"ports\.sips.*sip\.ring_seconds"):
        changed(ports={"sips": 0}, sip={"ring_seconds": 0})


def test_a_missing_domain_is_named():
    with pytest.raises(SettingsError, match=r"organisation\.domain is missing"):
        Settings.checked({"address": "192.0.2.1", "organisation": {}}, "x")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is missing"),
        (b"a = ", "not valid TOML"),
        (b"\xff", "not valid TOML"),
        (b"x" * (1 << 21), "larger"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_sentence(tmp_path, content, said):
    layout = Layout.of(tmp_path)
    if content is not None:
        layout.settings_file.write_bytes(content)
    with pytest.raises(Exception, match=said) as caught:
        Settings.load(layout)
    assert str(layout.settings_file) in str(caught.value)


def test_settings_cannot_be_changed_in_place():
    settings = Settings.for_address("192.0.2.10")
    with pytest.raises(ValueError, match="frozen"):
        settings.ports.sips = 1


def test_another_address_leaves_the_domain_that_credentials_are_bound_to():
    moved = Settings.for_address("192.0.2.10").with_address("192.0.2.11")
    assert (moved.address, moved.organisation.domain) == ("192.0.2.11", "192.0.2.10")
    named = Settings.for_address("192.0.2.10", domain="a.example").with_address("192.0.2.11")
    assert (named.address, named.organisation.domain) == ("192.0.2.11", "a.example")


def test_free_ports_are_free_and_all_different():
    settings = Settings.for_address("127.0.0.1").with_free_ports()
    needed = listeners_of(settings)
    assert port_search.conflicts(needed) == []
    assert len({listener.port for listener in needed}) == len(needed)
    assert settings.ports.rtp_last - settings.ports.rtp_first == 1999
    assert settings.ports.rtp_first % 2 == 0
    assert settings.sip == Settings.for_address("127.0.0.1").sip


@given(st.text() | st.booleans() | st.integers(-(2**60), 2**60) | st.lists(st.text(), max_size=4))
def test_toml_values_are_read_back_as_they_were(value):
    assert tomllib.loads(f"x = {format_value(value)}")["x"] == value


def test_a_value_without_a_toml_form_is_an_error():
    with pytest.raises(TypeError):
        format_value(None)
