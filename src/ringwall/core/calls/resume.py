"""Calls that outlive the process: a new one takes up what the one before it had written down (R1)."""

import logging
import time
from typing import Any

import orjson
from sqlalchemy.engine import Connection

from ringwall.core.calls.bridging import bridge_holds
from ringwall.core.calls.dialog import session, teardown
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.ledger import reader
from ringwall.core.store.schema import live_call_delete
from ringwall.core.trunks.clear_text import ClearText, clear_text_of
from ringwall.events.calls import CallEnded
from ringwall.events.system import SystemCallsTakenUp
from ringwall.policy.usage import Charge
from ringwall.sip.errors import SipError
from ringwall.sip.session_timer import Refresher, SessionTimer

log = logging.getLogger(__name__)


def take_up(switch: Switch, rows: list[dict[str, Any]]) -> int:
    """Put the stored calls back into the tables; returns how many.

    One that cannot be read is on record as lost. So is one whose SRTP keys are gone, as after a restart of
    the host; its parties are told.
    """
    switch.call_keys.keep_only(row["call_id"] for row in rows)
    count = 0
    for row in rows:
        try:
            secrets = _secrets(switch, row)
            call = Call.from_value(row["body"], secrets or {}, lambda trunk: _clear_text(switch, trunk))
        except (SipError, KeyError, TypeError, ValueError) as error:
            log.error("a stored call cannot be taken up: %s", type(error).__name__)  # noqa: TRY400 - no keys in logs
            switch.store.submit(*live_call_delete(call_id=row["call_id"]))
            switch.call_keys.destroy(row["call_id"])
            switch.record(_lost(row["call_id"]))
            continue
        switch.add_call(call)
        for leg in call.legs():
            switch.add_leg(call, leg)
            _sit_down(switch, leg)
            if leg.dialog is not None:
                leg.dialog.local_cseq += _SKIPPED
            _count(switch, leg)
            timer = leg.timer or SessionTimer(switch.settings.sip.session_expires, Refresher.LOCAL)
            session.start(switch, leg, timer)
            # A phone may have hung up while nobody was there to hear it: ask soon, not in half an hour.
            switch.timers.set(("refresh", leg), switch.now() + _ASK_AFTER)
        if secrets is None:
            teardown.end(switch, call, "lost with the system")
            continue
        if call.system:  # what it talked with has died with the process before
            teardown.end(switch, call, "the system was started anew")
        bridge_holds.taken_up(switch, call)
        count += 1
    if count:
        switch.record(SystemCallsTakenUp(count=count))
    return count


def _lost(call: str) -> CallEnded:
    """The record of a call of which no more is known than that it is over."""
    return CallEnded(
        call=call,
        caller=None,
        caller_device=None,
        caller_source=None,
        dialled=None,
        callee=None,
        callee_device=None,
        callee_source=None,
        started=None,
        answered=None,
        ended=round(time.time(), 3),
        seconds=0,
        cause="lost with the system",
        by="system",
        status=480,
        suites=(),
    )


def _secrets(switch: Switch, row: dict[str, Any]) -> dict[str, dict[str, str]] | None:
    """Open what holds SRTP keys; None where the key to it is gone."""
    plain = switch.call_keys.unseal(row["call_id"], bytes(row["sealed"]))
    return None if plain is None else orjson.loads(plain)


def _sit_down(switch: Switch, leg: Leg) -> None:
    """A leg of the media server is ours again, and in its room."""
    if leg.media is None:
        return
    party, outside = server_leg.party_of(leg), bool(leg.trunk)
    switch.media.adopt(leg.tag, party, leg.media.server, outside=outside)
    if leg.media.room:
        server_leg.join_room(switch, leg, leg.media.room)


def load_use(connection: Connection, since: float) -> list[dict[str, Any]]:
    """The bodies of the records of outside calls that have ended since then (unix seconds), oldest first."""
    found = []
    cursor = reader.last(connection, _RECALLED, CallEnded.kind)
    while rows := reader.tail(connection, cursor, reader.MOST_RECORDS, CallEnded.kind):
        found += [row["body"] for row in rows]
        cursor = rows[-1]["seq"]
    return [body for body in found if body.get("grants") and body.get("ended", 0.0) >= since]


def recall_use(switch: Switch, bodies: list[dict[str, Any]]) -> None:
    """What was called and spent before counts on: a new process gives nobody a new allowance (N5)."""
    for body in bodies:
        for place, grant in enumerate(body["grants"]):
            charge = grant.get("charge")
            if charge is None:
                continue
            name = f"{body['call']}/{place}"
            try:
                switch.usage.start(
                    name, Charge(*charge), grant["trunk_group"], body["ended"] - body["seconds"]
                )
                switch.usage.end(name, body["seconds"], body["ended"])
            except (KeyError, TypeError, ValueError):
                log.warning("the record of call %s says nothing of use that can be read", body.get("call"))


def _clear_text(switch: Switch, trunk: str) -> ClearText | None:
    line = switch.trunks.line(trunk)
    return clear_text_of(line) if line is not None else None


def _count(switch: Switch, leg: Leg) -> None:
    """An outside leg goes on: it counts for the limits as before, and ends when it would have ended."""
    seizure = leg.seizure
    if seizure is None:
        return
    now = time.time()
    began = leg.answered_at or now
    if seizure.charge is not None:
        switch.usage.start(seizure.name, seizure.charge, seizure.trunk_group, now)
    if seizure.seconds:
        left = began + seizure.seconds - now
        switch.timers.set(("longest", leg), switch.now() + max(left, 1.0))


# Requests that may have been sent after the call was written down: numbers may be left out (RFC 3261
# 12.2.1.1).
_SKIPPED = 100
_RECALLED = 20_000  # calls at most, whose use is looked at
_ASK_AFTER = 5.0  # seconds: the links are up by then
