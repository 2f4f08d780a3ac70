"""What a certificate proves; whatever the bytes are, nothing is raised."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.phones.certificates import LARGEST, Vouchers, mac_in
from ringwall.core.phones.mac import parse_mac, shown
from ringwall.core.phones.vendors import LONGEST_NAME, VENDORS, asked_by, version_in
from ringwall.infra import device_pki
from ringwall.infra.errors import PkiError
from ringwall.infra.layout import Layout
from support.vendors import Vendor, header, new_key, request_for

MAC = "001565120010"


@pytest.fixture(scope="module")
def vendor():
    return Vendor()


@pytest.fixture(scope="module")
def vouchers(tmp_path_factory, vendor):
    layout = Layout(tmp_path_factory.mktemp("pki"))
    layout.core.mkdir()
    layout.authorities.mkdir()
    (layout.authorities / "yealink.pem").write_bytes(vendor.pem)
    device_pki.ensure_authority(layout, "Test", datetime.now(UTC), chown=False)
    return Vouchers(layout, clock=lambda: datetime.now(UTC))


@pytest.mark.req("P4")
@pytest.mark.parametrize(
    ("name", "mac"),
    [
        (MAC, MAC),
        ("00:15:65:12:00:10", MAC),
        ("00-15-65-12-00-10.phones.example", MAC),
        ("SIP-T46U 001565120010", MAC),
        ("Yealink Equipment", ""),
        ("01005e000001", ""),
        ("0015651200100", ""),
        ("001565120010 001565120011", ""),
        ("x" * 60, ""),
    ],
)
def test_the_mac_address_of_a_vendors_certificate_is_in_its_subject(vendor, vouchers, name, mac) -> None:
    certificate, _ = vendor.phone(name)
    assert mac_in(certificate) == mac
    found = vouchers.look(header(certificate).encode())
    assert (found.mac, found.vendor) == (mac, "yealink")


@pytest.mark.req("P4")
def test_a_certificate_of_ours_is_for_its_phone_and_for_nothing_else(vouchers) -> None:
    from cryptography import x509

    pem, fingerprint = vouchers.sign(request_for(new_key()), MAC)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    found = vouchers.look(header(certificate).encode())
    assert (found.mac, found.vendor, found.fingerprint) == (MAC, "", fingerprint)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == [f"{MAC}.phones.ringwall.internal"]


@pytest.mark.req("P4")
def test_only_a_good_request_for_a_p256_key_is_signed(vouchers) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        with pytest.raises(PkiError, match="P-256"):
            vouchers.sign(request_for(key), MAC)
    for text in ("", "x" * 10000, request_for(new_key())[:-60], "-----BEGIN CERTIFICATE REQUEST-----\n"):
        with pytest.raises(PkiError):
            vouchers.sign(text, MAC)


def test_a_vendors_file_holds_authorities_and_nothing_else(vendor) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    assert len(device_pki.read_vendor(vendor.pem)) == 2
    leaf, _ = vendor.phone(MAC)
    for bad in (b"", b"x", leaf.public_bytes(Encoding.PEM), b"x" * (device_pki.LARGEST_BUNDLE + 1)):
        with pytest.raises(PkiError):
            device_pki.read_vendor(bad)


@pytest.mark.req("P4")
@given(st.binary(max_size=300))
def test_no_bytes_are_a_certificate_by_chance(vouchers, junk) -> None:
    assert vouchers.look(junk) is None
    assert vouchers.look(base64.b64encode(junk)) is None


@pytest.fixture(scope="module")
def leaf(vendor):
    return base64.b64decode(header(vendor.phone(MAC)[0]))


@pytest.mark.req("P4")
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_certificate_with_a_changed_byte_is_none(leaf, vouchers, at, change) -> None:
    der = bytearray(leaf)
    der[at % len(der)] ^= change
    found = vouchers.look(base64.b64encode(bytes(der)))
    # ECDSA over the signed part fails; a changed signature may only be the same number written otherwise.
    assert found is None or found.mac == MAC


def test_a_certificate_that_is_too_long_is_none(vouchers) -> None:
    assert vouchers.look(base64.b64encode(b"0" * (LARGEST + 1))) is None


@given(st.text(max_size=30))
def test_what_is_read_as_an_address_is_twelve_digits_of_one_station(text) -> None:
    mac = parse_mac(text)
    if mac is not None:
        assert len(mac) == 12
        assert set(mac) <= set("0123456789abcdef")
        assert not int(mac[1], 16) & 1
        assert parse_mac(shown(mac)) == mac


@pytest.mark.parametrize(
    ("name", "agent", "expected"),
    [
        (f"{MAC}.cfg", "Yealink SIP-T46U 108.86.0.90 00:15:65:12:00:10", (MAC, "yealink", "SIP-T46U")),
        (f"{MAC.upper()}.cfg", "Mitel6920 MAC:00-15-65-12-00-10 V:6.0.0", (MAC, "mitel", "")),
        (f"{MAC}.cfg", "FileTransport PolycomVVX-VVX_411-UA/6.4.0", (MAC, "poly", "")),
        (f"{MAC}-ringwall.cfg", "FileTransport PolyEdge-Edge_E350-UA/8.0", (MAC, "poly", "")),
        (f"cfg{MAC}.xml", "Grandstream Model HW GXP2170 SW 1.0.11", (MAC, "grandstream", "GXP2170")),
        (f"snom-{MAC}.xml", "", (MAC, "snom", "")),
        (f"{MAC}.cfg", "", (MAC, "", "")),
        (f"{MAC}.json", "Ringwall desk phone", (MAC, "ringwall", "")),
        ("y000000000058.cfg", "Yealink", ("", "yealink", "")),
        ("x" * (LONGEST_NAME + 1), "", ("", "", "")),
    ],
)
def test_a_request_says_which_phone_it_is_for(name, agent, expected) -> None:
    found = asked_by(name, agent)
    assert (found.mac, found.vendor) == expected[:2]
    if expected[2]:
        assert found.model == expected[2]


@given(st.text(max_size=80), st.text(max_size=300))
def test_whatever_is_asked_nothing_is_raised(name, agent) -> None:
    found = asked_by(name, agent)
    assert found.mac == "" or parse_mac(found.mac) == found.mac
    assert found.vendor == "" or found.vendor in VENDORS
    assert len(found.model) <= 32


@pytest.mark.req("F1")
@pytest.mark.parametrize(
    ("agent", "version"),
    [
        ("Ringwall reference 1.0.0", "1.0.0"),
        ("Yealink SIP-T46U 108.86.0.90 00:15:65:12:ab:cd", "108.86.0.90"),
        ("Mitel6930 V:6.3.2.1020-SIP", None),
        ("snomD785/10.1.169.13", "10.1.169.13"),
        ("", None),
    ],
)
def test_a_phone_says_which_firmware_it_has(agent, version):
    assert version_in(agent) == version
