"""Tells the people whom a site names that there is an emergency call, from where and how to call back (P2).

Rules that this module keeps:
- The call goes on whatever becomes of the notices: nothing here raises, and nothing is waited for.
- A mail address gets mail, before all other mail. An extension gets a text on each phone that is signed in
  (MESSAGE, RFC 3428); where no phone takes it, that is on record, so name a mail address beside it.
- How each of them was told, or why not, is on record.
- One caller cannot have people told without end: beyond a number of notices only the record is made.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from ringwall.core.errors import CoreError
from ringwall.events import Record
from ringwall.events.call_features import EmergencyCalled, EmergencyNotTold, EmergencyTold

log = logging.getLogger(__name__)

MOST_CALLS: Final = 10  # of one caller, whose notices go out
WITHIN_SECONDS: Final = 600.0
_MOST_CALLERS: Final = 10_000

SendText = Callable[[str, str, Callable[[int, str], None]], None]
"""`send_text(extension, text, then)`: then(phones that took it, why not)."""


class Mail(Protocol):
    """What is needed of outgoing mail."""

    def post(self, to: str, subject: str, text: str, *, about: str = "", urgent: bool = False) -> list[str]:
        """Queue a message."""
        ...


class EmergencyNotices:
    """A listener of `Hooks.emergency`."""

    def __init__(
        self,
        mail: Mail,
        send_text: SendText,
        record: Record,
        name_of: Callable[[str], str],
    ) -> None:
        """`name_of` gives the name of an extension, or nothing."""
        self._mail = mail
        self._send_text = send_text
        self._record = record
        self._name_of = name_of
        self._recent: dict[str, deque[float]] = {}

    def told(self, called: EmergencyCalled) -> None:
        """There is an emergency call."""
        people = called.notify
        if not people:
            return
        # At a phone nobody may have logged in: then the phone is the caller.
        if self._too_many(f"{called.caller} {called.caller_device}", time.monotonic()):
            self._not_told(called, ", ".join(people), "this caller has had too many notices sent")
            return
        subject, text = self._words(called)
        for one in people:
            try:
                if "@" in one:
                    (mail,) = self._mail.post(one, subject, text, about="emergency", urgent=True)
                    self._record(EmergencyTold(call=called.call, to=one, how="mail", mail=mail))
                else:
                    self._tell_phones(called, one, text)
            except CoreError as error:
                self._not_told(called, one, str(error))
            except Exception:
                log.exception("somebody could not be told of an emergency call")
                self._not_told(called, one, "this failed inside Ringwall: the log of the core says why")

    def _tell_phones(self, called: EmergencyCalled, extension: str, text: str) -> None:
        def then(phones: int, why: str) -> None:
            if phones:
                self._record(EmergencyTold(call=called.call, to=extension, how="message", phones=phones))
            else:
                self._not_told(called, extension, why)

        self._send_text(extension, text, then)

    def _not_told(self, called: EmergencyCalled, to: str, why: str) -> None:
        try:
            self._record(EmergencyNotTold(call=called.call, to=to, why=why))
        except CoreError:
            log.error("an emergency notice to %s failed, and the record of it: %s", to, why)  # noqa: TRY400

    def _words(self, called: EmergencyCalled) -> tuple[str, str]:
        caller = called.caller or called.caller_device or "unknown"
        name = self._name_of(caller)
        who = f"{caller} {name}" if name else caller
        number = called.number.rpartition("/")[2]  # such as 1/911: it exists in one country only
        at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        lines = [
            f"EMERGENCY CALL to {number}",
            f"Who: {who}",
            f"Where: {called.location or 'not known'}",
            f"Call back: {called.callback or 'not known'}",
            f"When: {at}",
        ]
        return f"EMERGENCY CALL to {number} from {who}", "\n".join(lines) + "\n"

    def _too_many(self, caller: str, now: float) -> bool:
        if len(self._recent) > _MOST_CALLERS:
            self._recent = {
                who: times for who, times in self._recent.items() if times[-1] > now - WITHIN_SECONDS
            }
        times = self._recent.setdefault(caller, deque(maxlen=MOST_CALLS))
        if len(times) == MOST_CALLS and times[0] > now - WITHIN_SECONDS:
            return True
        times.append(now)
        return False
