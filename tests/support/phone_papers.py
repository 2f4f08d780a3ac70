"""Certificates for reference phones in tests."""

from datetime import UTC, datetime, timedelta

from cryptography import x509

from ringwall.infra import authority

NOW = datetime.now(UTC) - timedelta(hours=1)


def issued(request: str, key=None) -> str:
    """A certificate for the key of a request (or another one), as PEM."""
    root = authority.make_root("Phones", "Test", timedelta(days=9), NOW)
    public = key or x509.load_pem_x509_csr(request.encode()).public_key()
    leaf = authority.make_leaf(
        root, public, ("02.phones",), usage=authority.CLIENT, life=timedelta(days=1), now=NOW
    )
    return authority.certificate_pem(leaf).decode()


# A configuration as the server tells it.
GOOD = {
    "state": "assigned",
    "user": {"extension": "201", "name": "Anna"},
    "sip": {
        "server": "192.0.2.1",
        "port": 5061,
        "domain": "example.com",
        "transport": "tls",
        "srtp": "mandatory",
        "user": "201",
        "auth_user": "d1",
        "password": "secret",
    },
    "firmware": {"url": "https://192.0.2.1/firmware/", "path": "ringwall/reference/1.2/reference.rwi"},
    "features": {"login": "*88", "logout": "*89", "mailbox": "*97"},
    "buttons": [{"label": "Mailbox", "dial": "*97"}],
}
