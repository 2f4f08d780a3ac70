"""Calls that tell somebody of messages in a mailbox: an extension, or a number outside (C4, C5).

Rules that this module keeps:
- Each call is asked for anew, in the name of the mailbox's owner: Allow Message Notification, and outside the
  right to external numbers and the scope of the owner's external forwarding. Outside it needs the grant.
- Nobody's forwarding and no mailbox takes such a call: it rings where it was to, or nowhere.
- Who answers comes to the media server, and a menu tells them; what they can do there is voice mail's.
- There are few of them at a time, and one for a mailbox.
"""

from collections.abc import Callable
from typing import Final

from ringwall.core.calls.features.outcall import call_out
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.menu import Menu
from ringwall.policy.actions import Action, MailboxSubject
from ringwall.policy.grant import Denial

MOST: Final = 20
FEATURE: Final = "message notice"

Told = Callable[[str], None]
"""What became of it: an empty text where somebody answered, else why nobody did."""


class MessageNotices:
    """Makes such calls, for one switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._under_way: set[str] = set()  # mailboxes

    def call(self, mailbox: str, to: str, menu: Menu, told: Told) -> None:
        """Call `to`, as the owner of the mailbox dials it, and let the menu talk with whoever answers."""
        switch = self._switch
        if mailbox in self._under_way or len(self._under_way) >= MOST:
            told("another notice is under way")
            return
        answer = switch.ask(MailboxSubject(mailbox, from_outside=False), Action.NOTIFY, number=to)
        if isinstance(answer, Denial):
            told(answer.rule.sentence)
            return
        self._under_way.add(mailbox)

        def over(status: int, _made: Call | None) -> None:
            self._under_way.discard(mailbox)
            told(f"nobody answered ({status})" if status else "")

        details = CallDetails(feature=FEATURE, mailbox=mailbox)
        call_out(switch, answer, in_name_of=mailbox, details=details, menu=menu, told=over)
