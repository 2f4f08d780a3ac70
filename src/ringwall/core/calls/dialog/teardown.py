"""How calls end: hang-up, refusal, loss.

Whatever happens, both parties are told, the relay goes and one record stays.
"""

import time
from typing import Any, Final

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import CallEvent, CallState, LegState
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.store.schema import live_call_delete
from ringwall.core.trunks.trunks import TRUNK_HEADER
from ringwall.events.calls import CallEnded
from ringwall.sip.dialog import Dialog
from ringwall.sip.message import Request, Response
from ringwall.sip.syntax import quote


def warning(text: str) -> tuple[str, str]:
    """A Warning header that tells the caller why (RFC 3261 20.43)."""
    return ("Warning", f"399 ringwall {quote(' '.join(text.split())[:200])}")


_CANCELLED: Final = {200: "Call completed elsewhere", 302: "Call forwarded"}


def reason_header(status: int, text: str = "") -> tuple[str, str]:
    """A Reason header for a BYE or CANCEL (RFC 3326), whoever is on the other side.

    Why the call ends, in the words of the record, is nothing for it.
    """
    return ("Reason", f"SIP;cause={status};text={quote(text)}" if text else f"SIP;cause={status}")


def bye_received(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """A party hung up (RFC 3261 15.1.2)."""
    switch.respond(key, request.response(200))
    if any(goes_on(call, leg) for goes_on in switch.hooks.on_bye):
        return
    if leg.invite is not None:  # it ended a call that nobody has answered yet
        switch.respond(leg.key, leg.invite.response(487, to_tag=leg.tag))
    _forget(switch, leg)  # the party has ended its dialog: nothing more is said to it
    end(switch, call, "hung up", by=_who(call, leg), status=487 if leg is call.caller else 480)


def party_lost(switch: Switch, call: Call, leg: Leg) -> None:
    """A party is not there any more, and has not said so."""
    if not any(goes_on(call, leg) for goes_on in switch.hooks.on_bye):
        end(switch, call, "phone lost")


def _who(call: Call, leg: Leg) -> str:
    return "caller" if leg is call.caller else "callee"


def broken(switch: Switch, call: Call) -> None:
    """End a call of which a part broke, for a reason that nobody foresaw."""
    end(switch, call, "an error in the system", status=500)


def end(
    switch: Switch, call: Call, cause: str, *, by: str = "system", status: int = 480, reason: str = ""
) -> None:
    """End a call in whatever state it is. A caller that still waits for an answer gets `status`."""
    if not call.apply(CallEvent.OVER):
        return
    caller = call.caller
    for leg in (caller, *call.branches):
        if leg.state is LegState.ENDED:
            _forget(switch, leg)
        elif leg is caller and leg.state is LegState.SETUP:
            _refuse_caller(switch, leg, status, reason, cause)
        elif leg.state is LegState.SETUP:
            cancel_branch(switch, leg)
        elif leg.state is LegState.ANSWERED and leg is caller:
            leg.bye_wanted = cause  # RFC 3261 15: no BYE before the ACK; `acknowledged` sends it
        else:
            send_bye(switch, leg)
    for relay in {call.relay, *(leg.relay for leg in (caller, *call.branches))}:
        if relay is not None:
            switch.relays.delete(relay)
    switch.timers.cancel(("ring", call))
    switch.calls.pop(call.id, None)
    switch.store.submit(*live_call_delete(call_id=call.id))
    switch.call_keys.destroy(call.id)
    if call.on_record:
        _record(switch, call, cause, by, status)
    for listener in switch.hooks.call_ended:
        listener(call, status)
    for told in call.on_end:
        told(status)


def _refuse_caller(switch: Switch, leg: Leg, status: int, reason: str, cause: str) -> None:
    if leg.invite is not None:
        answer = leg.invite.response(status, reason or None, to_tag=leg.tag, headers=[warning(cause)])
        switch.respond(leg.key, answer)
    _forget(switch, leg)


def _forget(switch: Switch, leg: Leg) -> None:
    switch.server_invites.pop(leg.key, None)
    switch.drop_leg(leg)


def cancel_branch(switch: Switch, leg: Leg, status: int = 487) -> None:
    """Stop a branch from ringing. If its answer crosses the CANCEL, `stray_answer` hangs it up.

    A phone that hears the status 200 as the reason shows no missed call (RFC 3326 2).
    """
    if leg.key:
        switch.tx.cancel(leg.key, switch.now(), [reason_header(status, _CANCELLED.get(status, ""))])
    relay = leg.give_relay()
    if relay is not None:
        switch.relays.delete(relay)
    switch.drop_leg(leg)


def send_bye(switch: Switch, leg: Leg) -> None:
    """Hang up on a party; what it answers changes nothing."""
    if leg.dialog is not None:
        switch.send_only(leg, leg.dialog.request("BYE", contact=None, headers=[reason_header(200)]))
    _forget(switch, leg)


def acknowledged(switch: Switch, leg: Leg) -> bool:
    """The caller's ACK is here, or never comes: hang up now if that was waiting. Returns whether it was."""
    if not leg.bye_wanted:
        return False
    send_bye(switch, leg)
    return True


def branch_failed(switch: Switch, call: Call, leg: Leg, status: int, reason: str) -> None:
    """A branch will not answer. When no branch is left the caller gets the best of their answers."""
    if leg.state is LegState.ENDED or call.state is CallState.ENDED:
        return
    call.failures.append((status, reason))
    relay = leg.give_relay()
    if relay is not None:
        switch.relays.delete(relay)
    switch.drop_leg(leg)
    if any(branch.state is not LegState.ENDED for branch in call.branches):
        return
    status, reason = best_failure(call.failures)
    if switch.hooks.unanswered(call, status):
        return
    end(switch, call, _CAUSES.get(status, "refused"), by="callee", status=status, reason=reason)


_CAUSES = {
    486: "busy",
    600: "busy",
    603: "declined",
    408: "no answer",
    480: "no answer",
    430: "phone not reachable",
    487: "no answer",
    488: "media refused",
    503: "system",
}


def best_failure(failures: list[tuple[int, str]]) -> tuple[int, str]:
    """Choose the answer for the caller among those of all branches (RFC 3261 16.7 step 6).

    A decline for everybody (6xx) beats all; then what says most about the person: busy, then the others. What
    only says something about one phone (408, 430, 481) never leaves as it is; a 5xx here is our own.
    """
    for low, high in ((600, 700), (486, 487), (400, 500), (500, 600), (300, 400)):
        for status, reason in failures:
            if low <= status < high and status not in {401, 407, 408, 430, 481, 487}:
                return (status, reason) if status >= 400 else (480, "Temporarily Unavailable")
    return 480, "Temporarily Unavailable"


def stray_answer(switch: Switch, request: Request, response: Response) -> None:
    """A 2xx that nobody waits for: a fork, or an answer that crossed our CANCEL. Acknowledge and hang up."""
    dialog = Dialog.from_invite_sent(request, response)
    slot = request.headers.get(TRUNK_HEADER)
    way = [(TRUNK_HEADER, slot)] if slot is not None else []
    switch.tx.send(dialog.ack(request.cseq.number, headers=way))
    if request.to.tag is None:  # otherwise it was a re-INVITE, and that dialog has got its BYE
        switch.tx.request(dialog.request("BYE", contact=None, headers=way), switch.now())


def direction(call: Call) -> str:
    """Whether a call stayed inside, went out, came in, or came in and went out again."""
    came, went = bool(call.caller.trunk), bool(call.seizures)
    return "tandem" if came and went else "in" if came else "out" if went else "inside"


def outside_fields(call: Call) -> dict[str, Any]:
    """What the record of a call has besides when it touched the outside (C6)."""
    fields: dict[str, Any] = {"direction": direction(call)}
    if call.seizures:
        last = call.seizures[-1].grant
        fields |= {
            "rule": last["rule"],
            "class_": last["class"],
            "path": last["action"],
            "code": last["code"],
            "number": call.seizures[-1].number,
            "trunk": call.seizures[-1].tried[-1] if call.seizures[-1].tried else "",
            "grants": tuple(
                {
                    **seizure.grant,
                    "trunks_tried": list(seizure.tried),
                    "trunk_group": seizure.trunk_group,
                    "charge": list(seizure.charge) if seizure.charge is not None else None,
                }
                for seizure in call.seizures
            ),
        }
    if call.caller.trunk:
        fields["caller_trunk"] = call.caller.trunk
    if call.clear_text:
        fields["clear_text"] = tuple(call.clear_text)
    return fields


def _record(switch: Switch, call: Call, cause: str, by: str, status: int) -> None:
    ended = time.time()
    caller, callee = call.caller, call.callee
    answered = call.answered_at
    details: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in call.details.to_value().items()
    }
    switch.record(
        CallEnded(
            call=call.id,
            caller=caller.party,
            caller_device=caller.device,
            caller_source=caller.flow.peer if caller.flow else None,
            dialled=call.dialled,
            callee=callee.party if callee else None,
            callee_device=callee.device if callee else None,
            callee_source=callee.flow.peer if callee and callee.flow else None,
            started=round(call.started_at, 3),
            answered=round(answered, 3) if answered else None,
            ended=round(ended, 3),
            seconds=round(ended - answered, 3) if answered else 0,
            cause=cause,
            by=by,
            status=200 if answered else status,
            suites=(caller.suite, callee.suite) if callee else (),
            **outside_fields(call),
            **details,
        )
    )
