"""Calls that outlive the process: a new one takes up what the one before it had written down (R1)."""

import logging
import time
from typing import Any

from ringwall.core.calls import session
from ringwall.core.calls.call import Call, Leg
from ringwall.core.calls.switch import Switch
from ringwall.core.store.schema import live_call_delete
from ringwall.core.trunks.clear_text import ClearText, clear_text_of
from ringwall.sip.errors import SipError
from ringwall.sip.session_timer import Refresher, SessionTimer

log = logging.getLogger(__name__)


def take_up(switch: Switch, rows: list[dict[str, Any]]) -> int:
    """Put the stored calls back into the tables; returns how many.

    One that cannot be read is on record as lost.
    """
    count = 0
    for row in rows:
        try:
            call = Call.from_value(row["body"], lambda trunk: _clear_text(switch, trunk))
        except (SipError, KeyError, TypeError, ValueError) as error:
            log.error("a stored call cannot be taken up: %s", type(error).__name__)  # noqa: TRY400 - no keys in logs
            switch.store.submit(*live_call_delete(call_id=row["call_id"]))
            switch.record("call.ended", call=row["call_id"], cause="lost with the system", by="system")
            continue
        switch.calls[call.id] = call
        for leg in call.legs():
            switch.add_leg(call, leg)
            if leg.dialog is not None:
                leg.dialog.local_cseq += _SKIPPED
            _count(switch, leg)
            timer = leg.timer or SessionTimer(switch.settings.sip.session_expires, Refresher.LOCAL)
            session.start(switch, leg, timer)
            # A phone may have hung up while nobody was there to hear it: ask soon, not in half an hour.
            switch.timers.set(("refresh", leg), switch.now() + _ASK_AFTER)
        count += 1
    if count:
        switch.record("system.calls_taken_up", count=count)
    return count


def _clear_text(switch: Switch, trunk: str) -> ClearText | None:
    line = switch.trunks.line(trunk)
    return clear_text_of(line) if line is not None else None


def _count(switch: Switch, leg: Leg) -> None:
    """An outside leg goes on: it counts for the limits as before, and ends when it would have ended."""
    seizure = leg.seizure
    if seizure is None:
        return
    began = leg.answered_at or time.time()
    if seizure.charge is not None:
        switch.use.start(seizure.name, seizure.charge, seizure.trunk_group, began)
    if seizure.seconds:
        left = began + seizure.seconds - time.time()
        switch.timers.set(("longest", leg), switch.now() + max(left, 1.0))


# Requests that may have been sent after the call was written down: numbers may be left out (RFC 3261
# 12.2.1.1).
_SKIPPED = 100
_ASK_AFTER = 5.0  # seconds: the links are up by then
