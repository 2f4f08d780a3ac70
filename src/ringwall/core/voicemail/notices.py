"""Who is told of a new message, apart from the lamp: orders for whoever can write mail and make calls (C4).

Rules that this module keeps:
- Nothing here writes mail or makes a call. An order says who is to be told; whoever carries it out asks the
  policy anew, under the mailbox's owner, and needs a grant for a call.
- Without Allow Message Notification nobody is told anything.
- How far an escalation has come is on the disk before its next order goes out: a crash repeats none.
- A mailbox that is full tells its owner once, until there is room again.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from ringwall.core.errors import CoreError
from ringwall.core.voicemail import escalation
from ringwall.core.voicemail.escalation import State, Step
from ringwall.core.voicemail.events import Happened, What
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import Counts, MailFor, Message
from ringwall.core.voicemail.preferences import Preferences
from ringwall.core.voicemail.records import Alarm, Row
from ringwall.events.voicemail import VoicemailNoticeDenied

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 10.0
_FOREVER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody is to be told about a mailbox.

    `to` is an e-mail address, an extension, or an outside number as the owner dials it. `message` is there
    where it is about that message. `step` and `round` count from 0 within an escalation.
    """

    mailbox: str
    to: str
    about: Literal["message", "escalation", "full"]
    counts: Counts
    message: Message | None = None
    step: int = 0
    round: int = 0


class Carriers(Protocol):
    """Who carries orders out. Neither raises; what could not be done is on record there."""

    def mail(self, order: Order) -> None:
        """Write to an address."""
        ...

    def call(self, order: Order) -> None:
        """Call an extension or a number, as far as the owner may have that called (Action.NOTIFY)."""
        ...


class Notices:
    """A listener of the mailboxes; `run` keeps the escalations going."""

    def __init__(self, mailboxes: Mailboxes, preferences: Preferences, carriers: Carriers) -> None:
        self._mailboxes = mailboxes
        self._preferences = preferences
        self._carriers = carriers
        self._states: dict[int, State] = {}
        self._dirty: set[int] = set()
        self._full: set[int] = set()
        self._changed = asyncio.Event()
        for user_id, value in mailboxes.owned.alarms.items():
            try:
                self._states[user_id] = State.of(value)
            except TypeError:
                log.warning("a notification that was under way cannot be taken up again")
        mailboxes.listeners.append(self.happened)

    # What happens

    def happened(self, event: Happened) -> None:
        """Something happened to a mailbox."""
        user = self._mailboxes.user(event.extension)
        if user is None:
            return
        if event.what is What.ARRIVED and event.message is not None:
            self._mail_of(event, event.message)
            self._escalate(user.id, event, event.message)
        elif event.what is What.UNHEARD and event.message is not None:
            self._escalate(user.id, event, event.message, again=True)
        elif event.what is What.HEARD or not event.counts.new:
            self._set(user.id, None)
        if self._mailboxes.places(user):
            self._full.discard(user.id)
        elif user.id not in self._full:
            self._full.add(user.id)
            settings = self._preferences.of(user)
            if settings.mail_when_full and settings.mail_to and self._allowed(event.extension):
                self._carriers.mail(Order(event.extension, settings.mail_to, "full", event.counts))

    def _mail_of(self, event: Happened, message: Message) -> None:
        user = self._mailboxes.user(event.extension)
        assert user is not None
        settings = self._preferences.of(user)
        wanted = settings.mail_for is MailFor.ALL or (settings.mail_for is MailFor.URGENT and message.urgent)
        if wanted and settings.mail_to and self._allowed(event.extension):
            self._carriers.mail(Order(event.extension, settings.mail_to, "message", event.counts, message))

    def _escalate(self, user_id: int, event: Happened, message: Message, *, again: bool = False) -> None:
        user = self._mailboxes.user(event.extension)
        assert user is not None
        settings = self._preferences.of(user)
        number = settings.profiles.get(settings.mode.value, 0)
        profile = self._preferences.profile(user, number)
        if profile is None:
            return
        unheard = 1 if again else event.counts.new
        if escalation.starts(
            profile, urgent=message.urgent, unheard=unheard, every_message=settings.every_message
        ):
            self._set(user_id, escalation.begun(number, message.id, self._mailboxes.clock()))

    def _allowed(self, extension: str) -> bool:
        cos = self._mailboxes.rights.cos(extension)
        return cos is not None and cos.notification

    def _set(self, user_id: int, state: State | None) -> None:
        if state is None and user_id not in self._states:
            return
        if state is None:
            del self._states[user_id]
        else:
            self._states[user_id] = state
        self._dirty.add(user_id)
        self._changed.set()

    # Time

    async def run(self) -> None:
        """Keep the escalations going, for as long as the core runs."""
        while True:
            self._changed.clear()
            try:
                wait = await self.due()
            except CoreError as error:
                log.warning("A notification waits: %s", error)
                wait = _RETRY_SECONDS
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def due(self) -> float:
        """Do what is due; return in how many seconds the next thing is. Raises StoreError."""
        now = self._mailboxes.clock()
        due = {user_id: state for user_id, state in self._states.items() if state.due <= now}
        orders = [order for user_id, state in due.items() for order in self._advance(user_id, state, now)]
        try:
            await self._store()
        except CoreError:
            self._states.update(due)  # it is done later, when it can be written down
            raise
        for order in orders:
            if "@" in order.to:
                self._carriers.mail(order)
            else:
                self._carriers.call(order)
        return max(0.05, min((one.due - now for one in self._states.values()), default=_FOREVER))

    def _advance(self, user_id: int, state: State, now: float) -> list[Order]:
        extension = self._mailboxes.extension_of(user_id)
        user = self._mailboxes.user(extension)
        profile = self._preferences.profile(user, state.profile) if user is not None else None
        counts = self._mailboxes.counts(user_id)
        if profile is None or not counts.new:
            self._set(user_id, None)
            return []
        after, step = escalation.advanced(state, profile, now, lambda one: self._may_tell(extension, one))
        self._set(user_id, after)
        if step is None or after is None:
            return []
        at = (after.step - 1) % len(profile.steps)
        return [Order(extension, step.to, "escalation", counts, step=at, round=state.round)]

    def _may_tell(self, extension: str, step: Step) -> bool:
        if not self._allowed(extension):
            return False
        why = None if step.by_mail else self._mailboxes.rights.why_not_notify(extension, step.to)
        if why is not None:
            self._mailboxes.records.note(VoicemailNoticeDenied(mailbox=extension, why=why))
        return why is None

    async def _store(self) -> None:
        dirty = list(self._dirty)
        put: list[Row] = []
        drop: list[Row] = []
        for user_id in dirty:
            state = self._states.get(user_id)
            if not self._mailboxes.extension_of(user_id):
                self._states.pop(user_id, None)  # the user is no more, and the database knows
            elif state is None:
                drop.append(Alarm(user_id, {}))
            else:
                put.append(Alarm(user_id, state.to_value()))
        if put or drop:
            await self._mailboxes.records.change(put=put, drop=drop)
        self._dirty.difference_update(dirty)
