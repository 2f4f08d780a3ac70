"""Outgoing mail: what was sent, what was given up."""

from typing import Annotated

from ringwall.events.base import Event, event, shared
from ringwall.events.values import By, Why


@shared
class _Mail(Event):
    mail: Annotated[str, "The id of the message in the queue."]
    to: Annotated[str, "The address."]
    about: Annotated[str, "What it is about, such as `voicemail` or `emergency`."]


@event("mail.sent")
class MailSent(_Mail):
    """The mail server has taken a message."""

    attempts: Annotated[int, "At which attempt."]
    said: Annotated[str, "What the server answered."]


@event("mail.undelivered")
class MailUndelivered(_Mail):
    """A message is given up and kept for an administrator."""

    why: Why
    attempts: Annotated[int, "After how many attempts."]


@event("mail.server_failed")
class MailServerFailed(Event):
    """No mail can be sent: the server does not take any."""

    why: Why
    waiting: Annotated[int, "How many messages are in the queue."]


@event("mail.server_works")
class MailServerWorks(Event):
    """Mail can be sent again."""


@event("admin.mail.retried")
class AdminMailRetried(_Mail):
    """An administrator has a message tried again."""

    actor: By


@event("admin.mail.removed")
class AdminMailRemoved(_Mail):
    """An administrator took a message out of the queue."""

    actor: By


@event("admin.mail.password_changed")
class AdminMailPasswordChanged(Event):
    """The password for the mail server was changed."""

    actor: By
