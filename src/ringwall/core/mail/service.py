"""Takes messages, keeps them, and hands them to the mail server one after the other.

Kept here:
- `send` returns when the message is on the disk; `post` never blocks, for the path of a call.
- A message is taken out of the queue only after the server has taken it. A crash between the two sends it
  twice; nothing sends it never.
- While the server itself is at fault nothing is counted against a message but its age.
- What was sent and what could not be is on record, without subject and text.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final, Self

from ringwall.core.errors import OperationError, StoreError
from ringwall.core.ledger import Ledger
from ringwall.core.mail import queue
from ringwall.core.mail.blocking import blocking
from ringwall.core.mail.message import Attachment, MailRefused, compose, one_line, recipients
from ringwall.core.mail.queue import Item
from ringwall.core.mail.smtp import NotTaken, ServerFault, Session
from ringwall.core.operations import Actor
from ringwall.core.store import Store
from ringwall.events.mail import (
    AdminMailPasswordChanged,
    AdminMailRemoved,
    AdminMailRetried,
    MailSent,
    MailServerFailed,
    MailServerWorks,
    MailUndelivered,
)
from ringwall.infra.files import write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

log = logging.getLogger(__name__)

LONGEST_PASSWORD: Final = 256
_BATCH: Final = 50  # messages over one connection
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
_LOOK_SECONDS: Final = 60.0
_NOT_YET: Final = 0.5  # until a message that was posted is in the database
_DAY: Final = 86400.0


class MailService:
    """The one way by which mail leaves. Made by `MailService.open`; `run` is its task."""

    def __init__(
        self, settings: Settings, layout: Layout, store: Store, ledger: Ledger, found: Iterable[Item]
    ) -> None:
        self._settings = settings.mail
        self._name = settings.organisation.name
        self._password_file = layout.mail_password
        self._store = store
        self._ledger = ledger
        self._items = {item.id: item for item in found}
        self._wake = asyncio.Event()
        self._resume_at = 0.0
        self._faults = 0
        self.failing: str | None = None
        """Why the mail server cannot be used at present; None when it can, or was not tried yet."""

    @classmethod
    async def open(cls, settings: Settings, layout: Layout, store: Store, ledger: Ledger) -> Self:
        """Take up what a process before left; raise StoreError."""
        return cls(settings, layout, store, ledger, await store.read(queue.load))

    # Taking messages

    @property
    def configured(self) -> bool:
        """Whether there is a mail server."""
        return bool(self._settings.host)

    async def send(
        self,
        to: str | Sequence[str],
        subject: str,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        about: str = "",
        urgent: bool = False,
    ) -> list[str]:
        """Queue a message for each recipient and return their ids when all are on the disk.

        `about` says in a word what it is about (`voicemail`, `emergency`), for records; `urgent` goes first.
        Raises MailRefused where it cannot be sent as it is (no mail server, a wrong address, too large, too
        many wait) and StoreError where it cannot be kept.
        """
        loop = asyncio.get_running_loop()
        work = partial(self._composed, to, subject, text, attachments, about, urgent)
        made = await loop.run_in_executor(None, work) if attachments else work()
        self._check_room(made)
        await self._store.commit([queue.added(item, data) for item, data in made])
        return self._taken(made)

    def post(
        self, to: str | Sequence[str], subject: str, text: str, *, about: str = "", urgent: bool = False
    ) -> list[str]:
        """Do the same without waiting for the disk: the message is in the next group commit.

        Raises MailRefused, and StoreError where the store takes nothing more.
        """
        made = self._composed(to, subject, text, (), about, urgent)
        self._check_room(made)
        for item, data in made:
            self._store.submit(*queue.added(item, data))
        return self._taken(made)

    def _composed(
        self,
        to: str | Sequence[str],
        subject: str,
        text: str,
        attachments: Sequence[Attachment],
        about: str,
        urgent: bool,
    ) -> list[tuple[Item, bytes]]:
        if not self.configured:
            raise MailRefused("There is no mail server: set it in ringwall.toml below [mail].")
        write = partial(
            compose, self._settings.sender, self._name, subject=subject, text=text, attachments=attachments
        )
        new = partial(Item.new, subject=one_line(subject), about=one_line(about, 32), urgent=urgent)
        letters = [(one, write(recipient=one)) for one in recipients(to)]
        return [(new(recipient=one, size=len(data)), data) for one, data in letters]

    def _check_room(self, made: Sequence[tuple[Item, bytes]]) -> None:
        count = len(self._items) + len(made)
        size = sum(item.size for item in self._items.values()) + sum(item.size for item, _ in made)
        most = queue.MOST_WAITING + queue.MOST_UNDELIVERED
        if count > most or size > queue.MOST_BYTES:
            raise MailRefused(
                f"The queue of mail is full ({len(self._items)} messages): look at `ringwall mail list`."
            )

    def _taken(self, made: Sequence[tuple[Item, bytes]]) -> list[str]:
        self._items.update((item.id, item) for item, _ in made)
        if any(item.urgent for item, _ in made):
            self._resume_at = 0.0  # it is worth a try, however long the server has been away
        self._wake.set()
        return [item.id for item, _ in made]

    # Sending

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            self._wake.clear()
            try:
                pause = await self._round()
            except StoreError as error:
                log.warning("mail waits for the database: %s", error)
                pause = _LOOK_SECONDS
            except Exception:
                log.exception("a round of mail failed")
                pause = _LOOK_SECONDS
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue

    async def _round(self) -> float:
        """Send what is due; return the seconds until there is something to do again."""
        now = time.time()
        self._set_aside_old(now)
        waiting = sorted(
            (item for item in self._items.values() if item.undelivered_at is None),
            key=lambda item: (not item.urgent, item.next_at),
        )
        due = [item for item in waiting if item.next_at <= now]
        if not self.configured or not waiting:
            return _LOOK_SECONDS
        if not due:
            return min(max(min(item.next_at for item in waiting) - now, 0.05), _LOOK_SECONDS)
        if now < self._resume_at:
            return min(self._resume_at - now, _LOOK_SECONDS)
        session = Session(self._settings, self._password_file)
        try:
            for item in due[:_BATCH]:
                await self._deliver(session, item)
        except ServerFault as error:
            self._fault(str(error))
        finally:
            await blocking(session.close)
        return 0.05

    async def _deliver(self, session: Session, item: Item) -> None:
        """Try one message; raise ServerFault where none can be sent now."""
        data = await self._store.read(lambda connection: queue.load_message(connection, item.id))
        if item.id not in self._items:
            return  # an administrator took it out in the meantime
        if data is None:
            item.next_at = time.time() + _NOT_YET
            return
        try:
            said = await blocking(lambda: session.deliver(item.recipient, data))
        except ServerFault:
            raise
        except NotTaken as error:
            self._server_works()
            if error.final:
                self._set_aside(item, str(error))
            else:
                item.put_off(time.time(), str(error))
                self._store.submit(*queue.changed(item))
            return
        except Exception as error:
            # Something about this one message; the others must not wait for it.
            log.exception("the message %s could not be handed over", item.id)
            self._set_aside(item, f"it could not be handed over: {type(error).__name__}")
            return
        self._server_works()
        self._items.pop(item.id, None)
        self._store.submit(*queue.removed(item))
        self._ledger.record(
            MailSent(mail=item.id, to=item.recipient, about=item.about, attempts=item.attempts + 1, said=said)
        )

    def _server_works(self) -> None:
        if self.failing is not None:
            self._ledger.record(MailServerWorks())
        self._faults, self.failing = 0, None

    def _fault(self, why: str) -> None:
        if self.failing != why:
            log.warning("no mail can be sent: %s", why)
            self._ledger.record(MailServerFailed(why=why, waiting=len(self._items)))
        self.failing = why
        self._faults += 1
        self._resume_at = time.time() + min(_FIRST_PAUSE * 2.0 ** min(self._faults - 1, 10), _LONGEST_PAUSE)

    def _set_aside(self, item: Item, why: str) -> None:
        """Give up: the message stays for an administrator, and the record says so."""
        item.attempts += 1
        item.undelivered_at, item.why = time.time(), why
        self._store.submit(*queue.changed(item))
        self._ledger.record(
            MailUndelivered(
                mail=item.id, to=item.recipient, about=item.about, why=why, attempts=item.attempts
            )
        )

    def _set_aside_old(self, now: float) -> None:
        """Give up what is too old, and forget what was given up long ago."""
        longest = self._settings.give_up_hours * 3600.0
        for item in list(self._items.values()):
            if item.undelivered_at is None and now - item.created_at > longest:
                self._set_aside(item, item.why or self.failing or "it could not be sent in time")
        kept = sorted(
            (item for item in self._items.values() if item.undelivered_at is not None),
            key=lambda item: item.undelivered_at or 0.0,
            reverse=True,
        )
        for place, item in enumerate(kept):
            old = now - (item.undelivered_at or 0.0) > queue.UNDELIVERED_DAYS * _DAY
            if old or place >= queue.MOST_UNDELIVERED:
                self._items.pop(item.id)
                self._store.submit(*queue.removed(item))

    # What administrators ask

    def items(self) -> list[Item]:
        """Everything in the queue, the oldest first."""
        return sorted(self._items.values(), key=lambda item: item.created_at)

    def item(self, mail: str) -> Item:
        """One message; raise OperationError (not_found)."""
        found = self._items.get(mail)
        if found is None:
            raise OperationError("not_found", "There is no such message in the queue.", "mail")
        return found

    async def retry(self, actor: Actor, mail: str) -> Item:
        """Have a message tried now, with all its time before it again; raise OperationError, StoreError."""
        item = self.item(mail)
        item.created_at = item.next_at = time.time()
        item.attempts, item.undelivered_at = 0, None
        record = self._record(AdminMailRetried, actor, item)
        await self._store.commit([queue.changed(item), record])
        self._resume_at = 0.0
        self._wake.set()
        return item

    async def remove(self, actor: Actor, mail: str) -> Item:
        """Take a message out of the queue; raise OperationError, StoreError."""
        item = self.item(mail)
        await self._store.commit([queue.removed(item), self._record(AdminMailRemoved, actor, item)])
        self._items.pop(mail, None)
        return item

    async def set_password(self, actor: Actor, password: str) -> None:
        """Keep the password of the login in a file that only the core reads.

        Raises OperationError and StoreError.
        """
        if not 1 <= len(password) <= LONGEST_PASSWORD or not password.isprintable():
            raise OperationError(
                "invalid", f"password: has to have 1 to {LONGEST_PASSWORD} printable characters.", "password"
            )
        await self._ledger.record_durably(AdminMailPasswordChanged(actor=actor.to_dict()))
        loop = asyncio.get_running_loop()
        write = partial(write_atomically, self._password_file, password.encode(), mode=0o600)
        try:
            await loop.run_in_executor(None, write)
        except OSError as error:
            raise OperationError("unavailable", f"The password cannot be kept: {error.strerror}.") from error
        self._resume_at = 0.0
        self._wake.set()

    def describe(self) -> dict[str, Any]:
        """What `status` says: no addresses, no secrets."""
        undelivered = sum(1 for item in self._items.values() if item.undelivered_at is not None)
        settings = self._settings
        return {
            "server": f"{settings.host}:{settings.port}" if self.configured else "",
            "security": settings.security,
            "sender": settings.sender,
            "login": bool(settings.username),
            "ok": self.failing is None,
            "detail": self.failing or "",
            "waiting": len(self._items) - undelivered,
            "undelivered": undelivered,
        }

    def _record(self, kind: type[AdminMailRetried | AdminMailRemoved], actor: Actor, item: Item) -> Any:
        return self._ledger.entry(
            kind(actor=actor.to_dict(), mail=item.id, to=item.recipient, about=item.about)
        )
