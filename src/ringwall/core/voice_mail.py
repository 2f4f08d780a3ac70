"""Voice mail in its place: on the store, with the lamp, the notices and the calls that reach it (V2).

What the menus are is in `voicemail`, which knows nothing of calls; here it is joined with those who do.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Self

from ringwall.core.calls.events.mwi import MessageWaiting
from ringwall.core.calls.features import recording
from ringwall.core.calls.features import voice_mail as calls_to_mailboxes
from ringwall.core.calls.features.notification_call import MessageNotices
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.directory import DirectoryService
from ringwall.core.ledger import Ledger
from ringwall.core.mail import MailService
from ringwall.core.media.errors import MediaAway
from ringwall.core.media.interaction import Interaction
from ringwall.core.media.menu import Next, Visitor
from ringwall.core.media.recordings import Recordings
from ringwall.core.media.values import Answer
from ringwall.core.notices.voice_mail import MailNotices
from ringwall.core.operations import Operations
from ringwall.core.pins.service import PinService
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store
from ringwall.core.voicemail import operations as voicemail_operations
from ringwall.core.voicemail.events import Happened
from ringwall.core.voicemail.notices import Notices, Order
from ringwall.core.voicemail.opening import Ground, open_voice_mail
from ringwall.core.voicemail.waiting import summary
from ringwall.events.states import Passing, StateOfMailbox
from ringwall.events.voicemail import VoicemailNotTold, VoicemailTold
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

if TYPE_CHECKING:
    from ringwall.core.voicemail.service import VoiceMail

OWN_MAILBOX = "*98"


class VoiceMailHouse:
    """Voice mail and what tells of it. Made by `open`, joined with call control by `join`."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._switch: Switch | None = None
        self._calls: MessageNotices | None = None
        self._pass_on: Callable[[Callable[[], Passing]], None]
        self._mail_notices: MailNotices
        self._notices: Notices
        self._lamps: MessageWaiting
        self.recordings: recording.RecordingService
        self.voice_mail: VoiceMail

    @classmethod
    async def open(
        cls,
        settings: Settings,
        layout: Layout,
        store: Store,
        ledger: Ledger,
        directory: DirectoryService,
        rights: RightsService,
        pins: PinService,
        mail: MailService,
    ) -> Self:
        """Read what is kept in memory; raise StoreError."""
        house = cls(settings, ledger)
        ground = Ground(
            store=store,
            ledger=ledger,
            directory=directory,
            policy=rights,
            pins=pins,
            files=Recordings(house._ask, layout.recordings),
            derived=rights.keys.derived,
            clock=time.time,
        )
        house.voice_mail = await open_voice_mail(settings.voicemail, ground)
        inner = house.voice_mail.house
        house._mail_notices = MailNotices(mail, inner, ledger.record)
        house._notices = Notices(inner.mailboxes, inner.preferences, house)
        return house

    def join(self, switch: Switch, pass_on: Callable[[Callable[[], Passing]], None]) -> None:
        """Let calls come to the mailboxes, and lamps and notices tell of them, and `pass_on` what waits."""
        self._switch = switch
        self._pass_on = pass_on
        self._calls = MessageNotices(switch)
        calls_to_mailboxes.connect(switch, self.voice_mail)
        self.recordings = recording.connect(switch, self.voice_mail.recorded)
        self._lamps = MessageWaiting(switch, self._summary, asyncio.get_running_loop())
        self._lamps.install()
        self.voice_mail.house.mailboxes.listeners.append(self._happened)

    def register(self, operations: Operations) -> None:
        """Add what administrators can ask."""
        voicemail_operations.register(operations, self.voice_mail)

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What runs for as long as the core does."""
        return [self.voice_mail.run(), self._notices.run()]

    # The lamp

    def _summary(self, extension: str) -> bytes | None:
        mailboxes = self.voice_mail.house.mailboxes
        user = mailboxes.user(extension)
        if user is None:
            return None
        account = f"sip:{OWN_MAILBOX}@{self._settings.organisation.domain}"
        return summary(mailboxes.counts(user.id), account)

    def _happened(self, event: Happened) -> None:
        self._lamps.changed(event.extension)
        counts = event.counts
        self._pass_on(
            lambda: StateOfMailbox(
                mailbox=event.extension, new=counts.new, new_urgent=counts.new_urgent, saved=counts.saved
            )
        )

    # Notices (`voicemail.notices.Carriers`)

    def mail(self, order: Order) -> None:
        """Write to an address."""
        self._mail_notices.mail(order)

    def call(self, order: Order) -> None:
        """Call an extension or a number."""

        async def announce(party: Interaction, visitor: Visitor) -> Next:
            return await self.voice_mail.announce(party, visitor, order.mailbox)

        def told(why: str) -> None:
            mailbox, about, to = order.mailbox, order.about, order.to
            if why:
                self._ledger.record(
                    VoicemailNotTold(mailbox=mailbox, how="call", about=about, to=to, why=why)
                )
            else:
                self._ledger.record(VoicemailTold(mailbox=mailbox, how="call", about=about, to=to))

        if self._calls is not None:
            self._calls.call(order.mailbox, order.to, announce, told)

    async def _ask(self, op: str, **fields: Any) -> Answer:
        if self._switch is None:
            raise MediaAway("call control is not there yet")
        return await self._switch.media.ask(op, **fields)
