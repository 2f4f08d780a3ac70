"""Leaving a message: greeting, beep, message, review (V2).

Rules that this module keeps:
- What was said is kept: by `#`, by silence, by hanging up, at the greatest length. Only who presses `*`, or
  records anew, gives it up.
- "Message saved" is said after it is on the disk (R2).
- 0 leads to the assistant whom the owner has set, or to the operator, and is announced only where there is
  one. `*` in the greeting is the owner's door to this one mailbox, with the PIN.
"""

from typing import Final

from ringwall.core.directory import UserEntry
from ringwall.core.errors import CoreError
from ringwall.core.media import saying
from ringwall.core.media.interaction import HungUp
from ringwall.core.media.items import Item, Prompt
from ringwall.core.media.menu import Connect, HangUp, Next, Visitor
from ringwall.core.voicemail.bounds import NoRoom
from ringwall.core.voicemail.drafts import Draft
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.menus.talk import BEEP, GOODBYE, INVALID, PAUSE, SORRY, Over, Talk, press
from ringwall.core.voicemail.model import Reason
from ringwall.policy import Action, UserSubject

MOST_TAKES: Final = 5

_PRIVATE: Final = saying.spelled("private")


class Visit:
    """One caller at one mailbox."""

    def __init__(self, house: House, talk: Talk, visitor: Visitor, user: UserEntry) -> None:
        self._house = house
        self._talk = talk
        self._visitor = visitor
        self._user = user
        self._assistant = house.preferences.assistant(user)
        self._draft: Draft | None = None
        self._urgent = False
        self._private = False

    async def run(self, reason: Reason) -> Next | None:
        """Greet and take a message; None where the owner asks for the mailbox itself.

        Raises Over and HungUp; what was said until then is kept.
        """
        key = await self._talk.say(*await self._greeting(reason), stop_on="0*#")
        if key == "*":
            return None
        if key == "0" and self._assistant:
            return self._to_assistant()
        try:
            self._draft = await self._house.drafts.begin(self._user.extension, self._visitor)
        except NoRoom as error:
            return await self._no_room(error)
        try:
            return await self._take(self._draft)
        except HungUp:
            await self._keep()
            raise
        except Exception:
            # Whatever broke: what the caller has said is theirs, and the owner is to hear it.
            await self._keep()
            raise

    # The greeting

    async def _greeting(self, reason: Reason) -> list[Item]:
        owner, preferences = self._user, self._house.preferences
        own = await self._recorded(preferences.greeting(owner, reason))
        if own:
            return [*own, PAUSE]
        name = await self._recorded(preferences.name(owner))
        who = name or [Prompt("vm-theperson"), *saying.digits(owner.extension)]
        state = Prompt("vm-isonphone" if reason is Reason.BUSY else "vm-isunavail")
        operator = [Prompt("vm-reachoper")] if self._assistant else []
        return [*who, state, PAUSE, Prompt("vm-intro"), *operator]

    async def _recorded(self, name: str | None) -> list[Item]:
        """A recording of the owner's, if there is one that opens."""
        if name is None:
            return []
        mailboxes = self._house.mailboxes
        try:
            found = await mailboxes.records.recordings((name,))
            return [mailboxes.vault.item(each) for each in found.values()]
        except CoreError:
            return []  # a greeting that cannot be read keeps nobody from leaving a message

    # The message

    async def _take(self, draft: Draft) -> Next:
        for _ in range(MOST_TAKES):
            await self._talk.tell(*BEEP)
            silence = self._house.mailboxes.bounds.silence
            taken = await self._talk.party.record(
                draft.recording.name, draft.key, most=draft.most, silence=silence
            )
            if taken.ended_by != "#":
                return await self._send()
            if taken.seconds < self._house.mailboxes.bounds.shortest:
                await self._talk.tell(Prompt("vm-tooshort"))
            else:
                then = await self._review(draft)
                if then is not None:
                    return then
            await self._house.drafts.redo(draft)
            self._urgent = self._private = False
        await self._drop()
        return HangUp("too many tries")

    async def _review(self, draft: Draft) -> Next | None:
        """Let the caller listen and decide; None where they want to record anew."""
        key = ""
        while True:
            pressed = key or await self._talk.choose(*self._choices())
            key = ""
            match pressed:
                case "" | "1" | "#":
                    return await self._send()
                case "2":
                    key = await self._talk.say(self._house.mailboxes.vault.item(draft.recording))
                case "3":
                    return None
                case "4":
                    self._urgent = not self._urgent
                    await self._talk.tell(Prompt(f"vm-marked-{'urgent' if self._urgent else 'nonurgent'}"))
                case "5":
                    self._private = not self._private
                    said = Prompt("enabled" if self._private else "disabled")
                    await self._talk.tell(*_PRIVATE, said)
                case "*":
                    await self._drop()
                    await self._talk.tell(Prompt("vm-deleted"), GOODBYE)
                    return HangUp("cancelled")
                case "0" if self._assistant:
                    return await self._leave_for_assistant()
                case _:
                    await self._talk.tell(INVALID)

    def _choices(self) -> list[Item]:
        urgent = Prompt("vm-review-nonurgent" if self._urgent else "vm-review-urgent")
        private = [*press("5"), Prompt("vm-for"), *_PRIVATE]
        operator = [Prompt("vm-reachoper")] if self._assistant else []
        return [Prompt("vm-review"), urgent, *private, Prompt("vm-tocancelmsg"), *operator]

    async def _leave_for_assistant(self) -> Next:
        """0 after a message: 1 keeps it, anything else goes on without it."""
        if await self._talk.choose(Prompt("vm-saveoper")) == "1":
            await self._keep()
        else:
            await self._drop()
        return self._to_assistant()

    async def _send(self) -> Next:
        try:
            kept = await self._keep()
        except CoreError as error:
            raise Over(f"the message could not be stored: {error}", *SORRY) from error
        if not kept:
            await self._talk.tell(Prompt("vm-tooshort"), GOODBYE)
            return HangUp("nothing was said")
        await self._talk.tell(Prompt("vm-msgsaved"), GOODBYE)
        return HangUp("message left")

    async def _keep(self) -> bool:
        """Make the draft a message, once; whether it was long enough."""
        draft, self._draft = self._draft, None
        if draft is None:
            return False
        message = await self._house.drafts.finish(draft, urgent=self._urgent, private=self._private)
        return message is not None

    async def _drop(self) -> None:
        draft, self._draft = self._draft, None
        if draft is not None:
            await self._house.drafts.discard(draft)

    # Elsewhere

    def _to_assistant(self) -> Connect:
        """As if the owner had sent the call there; the assistant is inside."""
        return Connect(self._assistant, UserSubject(self._user.extension), Action.FORWARD_NO_ANSWER)

    async def _no_room(self, error: NoRoom) -> Next:
        if error.why == "disk":
            raise Over("the disk is full", *SORRY)
        said: list[Item] = [Prompt("vm-mailboxfull")]
        if self._assistant and await self._talk.choose(*said, Prompt("vm-reachoper")) == "0":
            return self._to_assistant()
        raise Over(f"the mailbox is {error.why}", *(said if not self._assistant else ()), GOODBYE)


async def no_mailbox(talk: Talk) -> Next:
    """There is nobody here who could listen to a message."""
    await talk.tell(Prompt("vm-nobodyavail"), GOODBYE)
    return HangUp("there is no such mailbox")
