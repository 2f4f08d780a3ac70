"""Outgoing mail: what Ringwall has to say to people who are not at a phone.

    ids = await mail.send("anna@example.com", "New message", "From 202, 14 seconds.", [Attachment(...)])

Kept here:
- A message is on the disk before `send` returns; a stop, a crash or a mail server that is away loses none.
- It leaves over TLS with the server's certificate and name checked, or not at all.
- What cannot be delivered is on record and kept, so that an administrator can send it again.
"""

from ringwall.core.mail.message import Attachment, MailRefused
from ringwall.core.mail.service import MailService

__all__ = ["Attachment", "MailRefused", "MailService"]
