"""The phone's key never leaves it, and only a certificate for that key is taken."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ringwall.infra import authority
from ringwall.phone.identity import Identity, IdentityError
from support.phone_papers import NOW, issued


@pytest.mark.req("P4")
def test_a_request_is_signed_with_the_phone_s_own_key_and_its_certificate_is_kept(tmp_path) -> None:
    identity = Identity(tmp_path, "020000000001", None)
    assert identity.pem is None
    request = identity.request()
    assert "PRIVATE" not in request
    read = x509.load_pem_x509_csr(request.encode())
    assert read.is_signature_valid
    identity.take(issued(request))
    assert identity.pem.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "identity.key").stat().st_mode & 0o777 == 0o600
    again = Identity(tmp_path, "020000000001", None)
    assert again.pem == identity.pem
    assert x509.load_pem_x509_csr(again.request().encode()).public_key() == read.public_key()
    assert not again.is_due(NOW.timestamp() + 3600)
    assert again.is_due(NOW.timestamp() + 20 * 3600)
    again.forget()
    assert not again.is_due(NOW.timestamp() + 20 * 3600)
    assert again.pem is None


@pytest.mark.req("P4")
def test_a_certificate_for_another_key_or_none_at_all_is_not_taken(tmp_path) -> None:
    identity = Identity(tmp_path, "020000000001", None)
    request = identity.request()
    for chain in (issued(request, authority.new_key().public_key()), "", "x", "-----BEGIN CERTIFICATE-----"):
        with pytest.raises(IdentityError):
            identity.take(chain)
    assert identity.pem is None


def test_a_factory_certificate_is_shown_until_there_is_one_of_ours(tmp_path) -> None:
    factory = tmp_path / "factory.pem"
    factory.write_text("x")
    identity = Identity(tmp_path, "020000000001", factory)
    assert identity.pem == factory
    identity.take(issued(identity.request()))
    assert identity.pem != factory
    content = identity.pem.read_bytes()
    assert serialization.load_pem_private_key(content[content.index(b"-----BEGIN PRIVATE") :], None)
