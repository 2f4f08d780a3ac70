"""The conversation with the mail server (RFC 5321), over TLS or not at all (RFC 3207, RFC 8314).

Kept here:
- No login and no message before TLS 1.2 or later is up and the certificate is for the server's name.
- Whose fault a failure is decides what becomes of the message: the server's (it is away, its certificate is
  wrong, it refuses our login) holds up all of them, the recipient's this one.

All of it blocks, with a limit on each step; the service calls it in a thread of its own.
"""

import smtplib
import ssl
from pathlib import Path
from typing import Final

from ringwall.core.errors import CoreError
from ringwall.core.mail.message import one_line
from ringwall.infra.files import read_limited
from ringwall.infra.settings import Mail

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 120.0  # a server may look through a large message before it answers


class MailError(CoreError):
    """A message was not taken; the text says why."""

    code = "mail"


class ServerFault(MailError):  # noqa: N818 - what stopped the conversation
    """Nothing can be sent now, whoever it is for; the text says why."""


class NotTaken(MailError):  # noqa: N818 - what the server said of the message
    """The server does not take this message: not now, or (`final`) never."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final


class Session:
    """One connection: made by the first message, until `close`."""

    def __init__(self, settings: Mail, password_file: Path) -> None:
        self._settings = settings
        self._password_file = password_file
        self._smtp: smtplib.SMTP | None = None

    def _open(self) -> smtplib.SMTP:
        try:
            smtp = self._connected()
            self._log_in(smtp)
        except ServerFault:
            self.close()
            raise
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            self.close()
            raise ServerFault(self._told(error)) from error
        return smtp

    def close(self) -> None:
        """End the connection; it may be gone already."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            smtp.quit()
        except (OSError, smtplib.SMTPException):
            smtp.close()

    def deliver(self, recipient: str, data: bytes) -> str:
        """Hand a message over; return what the server said. Raises NotTaken or ServerFault."""
        smtp = self._smtp or self._open()
        try:
            options = [f"SIZE={len(data)}"] if smtp.has_extn("size") else []
            self._accepted(smtp.mail(self._settings.sender, options), "the sender", whole=True)
            self._accepted(smtp.rcpt(recipient), "the recipient")
            return self._accepted(smtp.data(data), "the message")
        except NotTaken:
            try:
                smtp.rset()
            except (OSError, smtplib.SMTPException):
                self.close()
            raise
        except smtplib.SMTPDataError as error:
            raise NotTaken(
                _answer(error.smtp_code, error.smtp_error), final=error.smtp_code >= 500
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise ServerFault(self._told(error)) from error

    @staticmethod
    def _accepted(reply: tuple[int, bytes], what: str, *, whole: bool = False) -> str:
        code, text = reply
        if 200 <= code < 300:
            return _answer(code, text)
        why = f"the mail server does not take {what}: {_answer(code, text)}"
        # 552 to MAIL FROM is about the size of this message (RFC 1870, 6.1); 421 ends the conversation.
        if code == 421 or (whole and code != 552):
            raise ServerFault(why)
        raise NotTaken(why, final=code >= 500)

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        context = self._context()
        name = settings.sender.rpartition("@")[2]
        if settings.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, local_hostname=name, timeout=CONNECT_SECONDS, context=context
            )
        else:
            smtp = smtplib.SMTP(settings.host, settings.port, local_hostname=name, timeout=CONNECT_SECONDS)
        self._smtp = smtp
        smtp.ehlo_or_helo_if_needed()
        if settings.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise ServerFault("the mail server offers no STARTTLS, and nothing is sent without TLS")
            code, text = smtp.starttls(context=context)
            if code != 220:
                raise ServerFault(f"the mail server does not begin TLS: {_answer(code, text)}")
            smtp.ehlo_or_helo_if_needed()
        assert smtp.sock is not None
        smtp.sock.settimeout(ANSWER_SECONDS)
        return smtp

    def _context(self) -> ssl.SSLContext:
        authority = self._settings.authority
        try:
            pem = read_limited(Path(authority)).decode("ascii") if authority else None
            context = ssl.create_default_context(cadata=pem)
        except (OSError, UnicodeDecodeError, ssl.SSLError) as error:
            raise ServerFault(f"the file of authorities {authority} cannot be used: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        if not self._settings.username:
            return
        try:
            password = read_limited(self._password_file).decode()
        except FileNotFoundError:
            raise ServerFault(
                "the password of the mail server is missing: `ringwall mail password` sets it"
            ) from None
        try:
            smtp.login(self._settings.username, password, initial_response_ok=True)
        except smtplib.SMTPAuthenticationError as error:
            raise ServerFault(
                f"the mail server refuses our login: {_answer(error.smtp_code, error.smtp_error)}"
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise ServerFault("the mail server takes no login: set mail.username to nothing") from None

    def _told(self, error: Exception) -> str:
        where = f"{self._settings.host} port {self._settings.port}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the certificate of {where} is refused: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"TLS with {where} failed: {error.reason or 'unknown'}"
        if isinstance(error, TimeoutError):
            return f"{where} does not answer"
        if isinstance(error, smtplib.SMTPResponseException):
            return f"{where} says {_answer(error.smtp_code, error.smtp_error)}"
        if isinstance(error, smtplib.SMTPServerDisconnected):
            return f"{where} closed the connection"
        if isinstance(error, OSError):
            return f"{where} cannot be reached: {error.strerror or error}"
        return f"{where} cannot be spoken with: {type(error).__name__}"


def _answer(code: int, text: bytes | str) -> str:
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(f"{code} {told}", 300)
