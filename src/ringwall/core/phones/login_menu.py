"""Login and logout by keys at any phone: what is said at *60 and *61 (P3, C2).

Rules that this module keeps:
- It talks with desk phones that are set up by the system; whose phone it is was proven by the call's own
  connection.
- Three wrong tries and the call ends. Whether there is such an extension makes no difference to what is
  asked and said.
- Who has to choose a new PIN does so here, twice the same, before they are logged in.
"""

from typing import Final

from ringwall.core.directory import DirectoryService
from ringwall.core.errors import CoreError
from ringwall.core.lockout.budget import MOST_OF_CALL
from ringwall.core.media import saying
from ringwall.core.media.interaction import Interaction
from ringwall.core.media.items import Item, Prompt, Tone
from ringwall.core.media.menu import HangUp, Next, Visitor
from ringwall.core.phones.logins import LoggedIn, Logins, NotLoggedIn
from ringwall.core.phones.model import PhoneEntry
from ringwall.core.phones.service import PhoneService
from ringwall.core.pins.rules import LONGEST

LOG_IN: Final = "log in"
LOG_OUT: Final = "log out"
"""Their names in `calls/star_codes`."""

SOURCE: Final = "telephone"
_LONGEST_EXTENSION: Final = 8
_EXTENSION: Final = (Prompt("vm-extension"), Prompt("vm-then-pound"))
_PIN: Final = (Prompt("vm-password"),)
_WRONG: Final = (Prompt("vm-incorrect"),)
_GOODBYE: Final = Prompt("vm-goodbye")
_NOT_HERE: Final = Prompt("feature-not-avail-line")
_SORRY: Final = (Prompt("im-sorry"), Prompt("please-try-call-later"))
_DONE: Final = (Prompt("agent-loginok"),)
_OUT: Final = (Prompt("agent-loggedoff"),)


class LoginMenu:
    """The two menus."""

    def __init__(self, phones: PhoneService, logins: Logins, directory: DirectoryService) -> None:
        self._phones = phones
        self._logins = logins
        self._directory = directory

    async def log_in(self, party: Interaction, visitor: Visitor) -> Next:
        """Ask for extension and PIN, and log the user in at the phone that calls."""
        phone = self._phone(visitor)
        if phone is None:
            return await _over(party, "no desk phone of ours", _NOT_HERE)
        said: tuple[Item, ...] = ()
        for _ in range(MOST_OF_CALL):
            extension = await party.digits(*said, *_EXTENSION, most=_LONGEST_EXTENSION)
            pin = await party.digits(*_PIN, most=LONGEST)
            if not extension.keys and not pin.keys:
                return await _over(party, "nothing was typed", _GOODBYE)
            try:
                told = await self._logins.login(phone, extension.keys, pin.keys, SOURCE)
                if isinstance(told, NotLoggedIn) and told.reason == "must_change":
                    told = await self._with_new_pin(party, phone, extension.keys, pin.keys)
            except CoreError:
                return await _over(party, "the login could not be made", *_SORRY)
            if isinstance(told, LoggedIn):
                return await _over(party, "logged in", *_DONE, *saying.digits(told.extension))
            if told.reason != "wrong":
                return await _over(party, f"not logged in: {told.reason}", *_reasons(told))
            said = _WRONG
        return await _over(party, "wrong PINs", *_WRONG, _GOODBYE)

    async def log_out(self, party: Interaction, visitor: Visitor) -> Next:
        """Log out whoever is at the phone that calls."""
        phone = self._phone(visitor)
        if phone is None or phone.user is None:
            return await _over(party, "nobody is logged in", _NOT_HERE)
        try:
            await self._logins.logout(phone, SOURCE)
        except CoreError:
            return await _over(party, "the logout could not be made", *_SORRY)
        return await _over(party, "logged out", *_OUT)

    async def _with_new_pin(
        self, party: Interaction, phone: PhoneEntry, extension: str, pin: str
    ) -> LoggedIn | NotLoggedIn:
        told: LoggedIn | NotLoggedIn = NotLoggedIn("must_change", "")
        for _ in range(MOST_OF_CALL):
            first = await party.digits(Prompt("vm-newpassword"), most=LONGEST + 1)
            second = await party.digits(Prompt("vm-reenterpassword"), most=LONGEST + 1)
            if not first.keys or first.keys != second.keys:
                await party.play(Prompt("vm-mismatch"), stop_on="")
                continue
            told = await self._logins.login(phone, extension, pin, SOURCE, new_pin=first.keys)
            if not isinstance(told, NotLoggedIn) or told.reason != "bad_pin":
                break
            await party.play(Prompt("vm-invalid-password"), stop_on="")
        return told

    def _phone(self, visitor: Visitor) -> PhoneEntry | None:
        device = self._directory.snapshot.by_device.get(visitor.device)
        if device is None or device.place is None:
            return None
        return self._phones.of_device(device.id)


def _reasons(told: NotLoggedIn) -> tuple[Item, ...]:
    return (*_SORRY, _GOODBYE) if told.reason == "locked" else (_NOT_HERE, _GOODBYE)


async def _over(party: Interaction, why: str, *items: Item) -> Next:
    await party.play(*items, Tone("beep", 0.2), stop_on="")
    return HangUp(why)
