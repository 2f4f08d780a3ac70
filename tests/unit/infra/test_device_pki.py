"""The authority for phones: it lasts, and can vouch for phones alone."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from ringwall.infra import device_pki
from ringwall.infra.errors import PkiError
from ringwall.infra.layout import Layout
from support.vendors import Vendor, new_key

NOW = datetime.now(UTC)


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path)
    made.core.mkdir()
    made.authorities.mkdir()
    return made


@pytest.mark.req("P4")
def test_it_is_made_once_and_signed_again_with_its_key_when_it_is_due(layout) -> None:
    assert device_pki.ensure_authority(layout, "Test", NOW, chown=False) == ["phones authority"]
    first = device_pki.read_authority(layout)
    assert device_pki.ensure_authority(layout, "Test", NOW, chown=False) == []
    later = NOW + device_pki.AUTHORITY_LIFE * 3 / 4
    assert device_pki.ensure_authority(layout, "Test", later, chown=False) == ["phones authority"]
    second = device_pki.read_authority(layout)
    assert second.certificate != first.certificate
    assert second.certificate.subject == first.certificate.subject
    leaf = device_pki.issue(first, new_key().public_key(), "001565120010", NOW)
    leaf.verify_directly_issued_by(second.certificate)
    assert layout.devices_key.stat().st_mode & 0o777 == 0o600


@pytest.mark.req("P4")
def test_it_can_vouch_for_phones_alone(layout) -> None:
    device_pki.ensure_authority(layout, "Test", NOW, chown=False)
    certificate = device_pki.read_authority(layout).certificate
    names = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert names.critical
    assert [one.value for one in names.value.permitted_subtrees] == ["phones.ringwall.internal"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_what_haproxy_checks_against_is_ours_and_the_vendors(layout) -> None:
    device_pki.ensure_authority(layout, "Test", NOW, chown=False)
    vendors = [Vendor("A"), Vendor("B")]
    for name, vendor in zip("ab", vendors, strict=True):
        (layout.authorities / f"{name}.pem").write_bytes(
            b"\n" + vendor.pem.replace(b"\n-----B", b"\n\n-----B")
        )
    bundle = device_pki.bundle(layout)
    assert b"\n\n" not in bundle
    assert len(x509.load_pem_x509_certificates(bundle)) == 5
    (layout.authorities / "c.pem").write_text("nonsense")
    with pytest.raises(PkiError, match=r"c\.pem|PEM"):
        device_pki.bundle(layout)


def test_a_damaged_key_is_told(layout) -> None:
    device_pki.ensure_authority(layout, "Test", NOW - timedelta(days=1), chown=False)
    layout.devices_key.write_text("nonsense")
    with pytest.raises(PkiError, match="restore"):
        device_pki.read_authority(layout)
