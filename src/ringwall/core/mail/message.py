"""One message: checked, bounded, as bytes that every mail server takes (RFC 5322, RFC 2045).

Kept here:
- A message has one recipient, so that nobody learns of the others and each is tried again on its own.
- Names and numbers of callers come from outside: nothing of them can begin a header or end a line of one.
- It says that no person wrote it (RFC 3834), so that no answering machine answers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Final

from ringwall.core.errors import CoreError
from ringwall.policy import checks
from ringwall.policy.errors import PolicyError

LARGEST_MESSAGE: Final = 25 * 1024 * 1024
LONGEST_TEXT: Final = 256 * 1024
LONGEST_SUBJECT: Final = 200
MOST_ATTACHMENTS: Final = 10
MOST_RECIPIENTS: Final = 100
LONGEST_FILE_NAME: Final = 100

_MEDIA_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}\Z")


class MailRefused(CoreError):  # noqa: N818 - what happened to the message
    """A message was not taken; the text says why. Nothing was queued."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along: its name, its media type such as `audio/wav`, and its bytes."""

    name: str
    media_type: str
    content: bytes


def checked_address(text: str) -> str:
    """Return a mail address such as anna@example.com; raise MailRefused where it is none."""
    try:
        checks.mail_address(text, "address")
    except PolicyError as error:
        raise MailRefused(f"The address {text[:64]!r} {error.message}") from None
    return text


def one_line(text: str, longest: int = LONGEST_SUBJECT) -> str:
    """Return a text without anything that could end its line, and not too long."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text).strip()
    return plain if len(plain) <= longest else plain[: longest - 3] + "..."


def recipients(to: str | Sequence[str]) -> list[str]:
    """Return whom a message goes to, each once; raise MailRefused where they are none, wrong or too many."""
    people = [checked_address(one) for one in dict.fromkeys([to] if isinstance(to, str) else to)]
    if not 1 <= len(people) <= MOST_RECIPIENTS:
        raise MailRefused(f"A message has 1 to {MOST_RECIPIENTS} recipients.")
    return people


def compose(
    sender: str,
    sender_name: str,
    *,
    recipient: str,
    subject: str,
    text: str,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """Return the message as it is handed to the mail server; raise MailRefused where it cannot be one."""
    if len(text) > LONGEST_TEXT:
        raise MailRefused(f"The text of a message has at most {LONGEST_TEXT} characters.")
    if len(attachments) > MOST_ATTACHMENTS:
        raise MailRefused(f"A message has at most {MOST_ATTACHMENTS} attachments.")
    if sum(len(one.content) for one in attachments) > LARGEST_MESSAGE:
        raise MailRefused(f"A message has at most {LARGEST_MESSAGE} bytes.")
    message = EmailMessage(policy=SMTP)
    local, _, domain = sender.rpartition("@")
    message["From"] = Address(one_line(sender_name, 100), username=local, domain=domain)
    local, _, host = recipient.rpartition("@")
    message["To"] = Address(username=local, domain=host)
    message["Subject"] = one_line(subject) or "Ringwall"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.replace("\r\n", "\n").replace("\r", "\n"), cte="quoted-printable")
    for one in attachments:
        if not _MEDIA_TYPE.match(one.media_type):
            raise MailRefused(
                f"An attachment has a media type such as audio/wav, not {one.media_type[:64]!r}."
            )
        kind, _, form = one.media_type.partition("/")
        name = one_line(one.name, LONGEST_FILE_NAME).replace("/", "-") or "attachment"
        message.add_attachment(one.content, maintype=kind, subtype=form, filename=name)
    data = message.as_bytes()
    if len(data) > LARGEST_MESSAGE:
        raise MailRefused(f"A message has at most {LARGEST_MESSAGE} bytes; this one has {len(data)}.")
    return data
