"""A mail server (aiosmtpd) with a certificate of its own authority, that answers as the test wants."""

import datetime as dt
import ipaddress
import socket
import ssl
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "ringwall", "correct-horse"


def make_certificate(folder: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """Return the files of an authority and of a certificate with its key for `name`, below `folder`."""
    now = dt.datetime.now(dt.UTC)

    def build(subject: str, issuer: str, key, signer, *, ca: bool):
        def named(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        builder = (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            try:
                alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
            except ValueError:
                alternative = x509.DNSName(name)
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        return builder.sign(signer, hashes.SHA256())

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = build("Mail authority", "Mail authority", authority_key, authority_key, ca=True)
    leaf = build(name, "Mail authority", key, authority_key, ca=False)
    pem = serialization.Encoding.PEM
    ca_file, leaf_file = folder / f"mail-ca-{name}.pem", folder / f"mail-{name}.pem"
    ca_file.write_bytes(authority.public_bytes(pem))
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    leaf_file.write_bytes(leaf.public_bytes(pem) + plain)
    return ca_file, leaf_file


class MailServer(Controller):
    """`refuse` gives an answer instead of taking a message, by recipient; `received` is what was taken."""

    def __init__(self, certificate: Path | None, *, login: bool = True, tls: bool = False) -> None:
        self.received = []
        self.logins = []
        self.refuse: dict[str, str] = {}
        self.password = PASSWORD
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        self._options = {
            "authenticator": self._known if login else None,
            "auth_required": login,
            "tls_context": None if tls else context,
            "require_starttls": context is not None and not tls,
            "auth_require_tls": not tls,
            "data_size_limit": 40_000_000,
        }
        super().__init__(self, hostname="127.0.0.1", port=0, ssl_context=context if tls else None)

    def factory(self):
        return SMTP(self.handler, **self._options)

    def _trigger_server(self) -> None:
        """Dial the port that the system chose: aiosmtpd waits for a first connection."""
        self.port = self.server.sockets[0].getsockname()[1]
        socket.create_connection((self.hostname, self.port), timeout=5).close()

    def _known(self, _server, _session, _envelope, mechanism, data) -> AuthResult:
        good = (data.login.decode(), data.password.decode()) == (USER, self.password)
        self.logins.append((mechanism, good))
        return AuthResult(success=good, handled=good)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        message = message_from_bytes(envelope.content, policy=policy.default)
        secure = server.transport.get_extra_info("ssl_object") is not None
        self.received.append((envelope.rcpt_tos, message, secure))
        return "250 taken"

    def of(self, recipient: str):
        """The messages that a recipient got."""
        return [message for people, message, _ in self.received if people == [recipient]]
