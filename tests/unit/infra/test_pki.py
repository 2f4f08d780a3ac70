"""Certificates: each is good for its work, for its names and for nothing else."""

import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ringwall.infra import authority, pem_files, pki
from ringwall.infra.errors import PkiError
from ringwall.infra.layout import Layout
from ringwall.infra.run import find_tool
from ringwall.infra.settings import Settings

NOW = datetime.now(UTC).replace(microsecond=0)
SETTINGS = Settings.for_address("192.0.2.10", domain="phones.example.com")
openssl = pytest.mark.skipif(find_tool("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def layout(tmp_path):
    layout = Layout.of(tmp_path)
    for folder in (layout.pki, layout.haproxy, layout.core, layout.media):
        folder.mkdir(parents=True)
    pki.ensure_pki(layout, SETTINGS, chown=False, now=NOW)
    return layout


def read(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def verify(*arguments):
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


@openssl
@pytest.mark.req("T1")
@pytest.mark.parametrize("name", [("-verify_hostname", "phones.example.com"), ("-verify_ip", "192.0.2.10")])
def test_phones_accept_the_world_certificate_for_its_names(layout, name):
    chain = ("-CAfile", layout.ca_certificate, "-untrusted", layout.world_certificate)
    good, said = verify("-purpose", "sslserver", *name, *chain, layout.world_pem)
    assert good, said


@openssl
def test_phones_refuse_it_for_another_name(layout):
    chain = ("-CAfile", layout.ca_certificate, "-untrusted", layout.world_certificate)
    good, said = verify(
        "-purpose", "sslserver", "-verify_hostname", "other.example.com", *chain, layout.world_pem
    )
    assert not good
    assert "hostname mismatch" in said


@openssl
@pytest.mark.req("T4")
def test_each_inside_certificate_is_good_for_its_side_only(layout):
    trust = ("-CAfile", layout.link_ca)
    assert verify(
        "-purpose", "sslserver", "-verify_hostname", "edge1.ringwall.internal", *trust, layout.inner_pem
    )[0]
    assert verify(
        "-purpose",
        "sslclient",
        "-verify_hostname",
        "core1.ringwall.internal",
        *trust,
        layout.link_certificate,
    )[0]
    assert not verify("-purpose", "sslclient", *trust, layout.inner_pem)[0]
    assert not verify("-purpose", "sslserver", *trust, layout.link_certificate)[0]


@openssl
@pytest.mark.req("T4")
def test_neither_authority_is_believed_on_the_other_side(layout):
    untrusted = ("-untrusted", layout.world_certificate)
    assert not verify(*untrusted, "-CAfile", layout.link_ca, layout.world_pem)[0]
    assert not verify(
        "-untrusted", layout.inside_certificate, "-CAfile", layout.ca_certificate, layout.inner_pem
    )[0]


@openssl
@pytest.mark.parametrize(
    ("authority_name", "names"),
    [
        ("world", ("core1.ringwall.internal",)),
        ("world", ("ringwall.internal",)),
        ("inside", ("phones.example.com",)),
        ("inside", ("192.0.2.10",)),
    ],
)
def test_a_name_outside_an_authoritys_realm_is_refused_though_it_signed_it(
    layout, tmp_path, authority_name, names
):
    certificate = {"world": layout.world_certificate, "inside": layout.inside_certificate}[authority_name]
    key = {"world": layout.world_key, "inside": layout.inside_key}[authority_name]
    issuer = pem_files.read_authority(certificate, key)
    leaf = authority.make_leaf(
        issuer,
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        names,
        usage=authority.SERVER,
        life=timedelta(days=1),
        now=NOW,
    )
    forged, roots = tmp_path / "forged.pem", tmp_path / "roots.pem"
    forged.write_bytes(authority.certificate_pem(leaf))
    roots.write_bytes(layout.ca_certificate.read_bytes() + layout.inside_certificate.read_bytes())
    good, said = verify("-CAfile", roots, "-untrusted", layout.world_certificate, forged)
    assert not good
    assert "subtree" in said


@openssl
def test_the_worlds_authority_cannot_make_client_certificates_nor_further_authorities(layout, tmp_path):
    issuer = pem_files.read_authority(layout.world_certificate, layout.world_key)
    key = authority.new_key()
    client = authority.make_leaf(
        issuer,
        key.public_key(),
        ("core1.example.com",),
        usage=authority.CLIENT,
        life=timedelta(days=1),
        now=NOW,
    )
    below = authority.make_issuer(
        issuer,
        key,
        authority.issuer_subject("below", "x"),
        usages=(authority.SERVER,),
        constraints=authority.world_constraints(),
        life=timedelta(days=1),
        now=NOW,
    )
    leaf = authority.make_leaf(
        authority.Authority(below, key),
        authority.new_key().public_key(),
        ("a.example.com",),
        usage=authority.SERVER,
        life=timedelta(days=1),
        now=NOW,
    )
    paths = []
    for name, certificate in (("client", client), ("below", below), ("leaf", leaf)):
        paths.append(tmp_path / f"{name}.pem")
        paths[-1].write_bytes(authority.certificate_pem(certificate))
    chain = ("-CAfile", layout.ca_certificate, "-untrusted", layout.world_certificate)
    assert "unsuitable certificate purpose" in verify("-purpose", "sslclient", *chain, paths[0])[1]
    assert "path length constraint exceeded" in verify(*chain, "-untrusted", paths[1], paths[2])[1]


def test_the_root_signs_authorities_only(layout):
    root = read(layout.root_certificate)
    usage = root.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert not usage.value.crl_sign
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 1
    read(layout.world_certificate).verify_directly_issued_by(root)
    inside = read(layout.inside_certificate)
    inside.verify_directly_issued_by(inside)


def test_leaves_say_what_they_are_for_and_live_ninety_days(layout):
    for path, usage in (
        (layout.world_pem, ExtendedKeyUsageOID.SERVER_AUTH),
        (layout.inner_pem, ExtendedKeyUsageOID.SERVER_AUTH),
        (layout.link_certificate, ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        leaf = read(path)
        assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]
        assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert leaf.not_valid_after_utc == NOW + timedelta(days=90)
    assert authority.names_of(read(layout.world_pem)) == ("phones.example.com", "192.0.2.10")


def test_keys_are_closed_to_others(layout):
    modes = {
        layout.root_key: 0o600,
        layout.world_key: 0o600,
        layout.inside_key: 0o600,
        layout.world_pem: 0o640,
        layout.inner_pem: 0o640,
        layout.link_key: 0o600,
        layout.link_token: 0o600,
        layout.ca_certificate: 0o644,
    }
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in modes} == modes


def test_a_second_run_changes_nothing(layout):
    before = {path: path.read_bytes() for path in layout.data.rglob("*") if path.is_file()}
    assert pki.ensure_pki(layout, SETTINGS, chown=False, now=NOW + timedelta(days=1)) == []
    assert {path: path.read_bytes() for path in layout.data.rglob("*") if path.is_file()} == before


def test_every_file_is_one_that_tls_can_load(layout):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(layout.world_pem)
    server.load_cert_chain(layout.inner_pem)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_cert_chain(layout.link_certificate, layout.link_key)
    client.load_verify_locations(layout.link_ca)


@pytest.mark.req("T7")
def test_renewal_makes_new_leaves_with_new_keys_under_the_same_authorities(layout):
    authorities = [path.read_bytes() for path in sorted(layout.pki.iterdir())]
    before = read(layout.world_pem), read(layout.link_certificate)
    assert pki.renew(layout, SETTINGS, chown=False, now=NOW + timedelta(days=1)) == list(pki.LEAF_NAMES)
    after = read(layout.world_pem), read(layout.link_certificate)
    for old, new in zip(before, after, strict=True):
        assert new.serial_number != old.serial_number
        assert new.public_key() != old.public_key()
        assert new.not_valid_after_utc == old.not_valid_after_utc + timedelta(days=1)
    assert [path.read_bytes() for path in sorted(layout.pki.iterdir())] == authorities


@pytest.mark.req("T7")
def test_a_leaf_is_due_below_a_third_of_its_life(layout):
    assert not pki.needs_renewal(layout, SETTINGS, now=NOW + timedelta(days=59))
    assert pki.needs_renewal(layout, SETTINGS, now=NOW + timedelta(days=61))


@pytest.mark.parametrize(
    ("harm", "remade"),
    [
        (lambda layout: layout.world_pem.unlink(), ["world"]),
        (lambda layout: layout.world_pem.write_bytes(b"junk"), ["world"]),
        (lambda layout: layout.link_key.write_bytes(authority.key_pem(authority.new_key())), ["link"]),
        (lambda layout: layout.inner_pem.write_bytes(layout.world_pem.read_bytes()), ["inner"]),
        (lambda layout: layout.link_ca.unlink(), ["inside-ca.crt"]),
        (lambda layout: layout.link_token.unlink(), ["link token"]),
    ],
)
def test_what_is_missing_or_wrong_is_made_again_and_nothing_else(layout, harm, remade):
    harm(layout)
    assert pki.ensure_pki(layout, SETTINGS, chown=False, now=NOW) == remade
    assert pki.ensure_pki(layout, SETTINGS, chown=False, now=NOW) == []


def test_an_expired_leaf_and_one_for_another_address_are_made_again(layout):
    moved = SETTINGS.with_address("192.0.2.11")
    assert pki.ensure_pki(layout, moved, chown=False, now=NOW) == ["world"]
    assert pki.ensure_pki(layout, moved, chown=False, now=NOW + timedelta(days=91)) == list(pki.LEAF_NAMES)


def test_the_roots_key_may_be_offline(layout):
    layout.root_key.unlink()
    assert pki.renew(layout, SETTINGS, chown=False, now=NOW + timedelta(days=1)) == list(pki.LEAF_NAMES)


def test_a_due_authority_is_signed_again_with_its_key_when_the_root_is_there(layout):
    later = NOW + timedelta(days=1500)
    old = read(layout.world_certificate)
    key = layout.root_key.read_bytes()
    layout.root_key.unlink()
    assert "world authority" not in pki.renew(layout, SETTINGS, chown=False, now=later)
    layout.root_key.write_bytes(key)
    assert "world authority" in pki.renew(layout, SETTINGS, chown=False, now=later)
    new = read(layout.world_certificate)
    assert new.public_key() == old.public_key()
    assert new.subject == old.subject
    assert new.not_valid_after_utc > old.not_valid_after_utc


def test_a_leaf_never_outlives_its_authority(layout):
    layout.root_key.unlink()
    end = read(layout.world_certificate).not_valid_after_utc
    pki.renew(layout, SETTINGS, chown=False, now=end - timedelta(days=2))
    assert read(layout.world_pem).not_valid_after_utc == end
    with pytest.raises(PkiError, match="has expired"):
        pki.renew(layout, SETTINGS, chown=False, now=end + timedelta(days=1))


def test_without_any_root_the_error_says_which_key_to_put_back(layout):
    layout.root_key.unlink()
    layout.world_certificate.unlink()
    with pytest.raises(PkiError, match=r"root\.key is missing: put it back"):
        pki.ensure_pki(layout, SETTINGS, chown=False, now=NOW)


def test_inspection_tells_what_is_wrong_with_each(layout):
    states = {state.name: state for state in pki.inspect(layout, SETTINGS, now=NOW)}
    assert len(states) == 7
    assert all(state.problem is None and not state.due for state in states.values())
    layout.inner_pem.unlink()
    later = {state.name: state for state in pki.inspect(layout, SETTINGS, now=NOW + timedelta(days=100))}
    assert later["world"].problem == "has expired"
    assert later["inner"].problem == "is missing or cannot be read"
    assert later["root authority"].problem is None


def test_the_link_token_is_long_plain_and_checked(layout):
    token = pki.read_link_token(layout)
    assert len(token) == 64
    assert token.isalnum()
    layout.link_token.write_text("short")
    with pytest.raises(PkiError, match="damaged"):
        pki.read_link_token(layout)
