"""Transfer: blind (REFER) and attended (REFER with Replaces), to inside and outside (RFC 3515, 3891, 5589).

Rules that this module keeps:
- Who transfers is asked for the right to this target: from outside to outside only with trunk-to-trunk
  transfer, and with the permission to call that number. A denied transfer changes nothing: the call returns.
- The transferred party stays where it is until the target has answered; if it does not, the call returns.
- Who has transferred may hang up at once; the others are then left to one another.
- Whoever is outside transfers nobody, and nobody transfers a call in which they are being coached.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from ringwall.core.calls.bridging import active_calls, joining
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.media.descriptions import MediaRefused, needs_chain
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Relay, Side
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.routing import dialling, handover
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.calls.switch.wire import LegGone
from ringwall.core.errors import EdgeError
from ringwall.events.call_features import CallTransfer, CallTransferFailed, CallTransferRefused
from ringwall.policy.actions import Action, Party
from ringwall.policy.grant import Denial, Grant
from ringwall.sip.errors import ParseError
from ringwall.sip.headers import NameAddr
from ringwall.sip.message import Request, Response
from ringwall.sip.reasons import reason_of
from ringwall.sip.syntax import parse_params

_COACHED: Final = "a call that is being coached is not transferred"
_FRAGMENT: Final = "message/sipfrag;version=2.0"


@dataclass(slots=True, eq=False)
class Transfer:
    """`transferor` gives `party`, both in `call`, to a target, with which `attempt` is a call of its own."""

    call: Call
    transferor: Leg
    party: Leg
    told: bool  # whether it hears of the progress in NOTIFYs
    under_way: "UnderWay" = field(repr=False)
    attempt: Call | None = None
    done: bool = False


UnderWay = dict[str, Transfer]  # the transfers of this moment, by the calls that they are about


def install(switch: Switch) -> None:
    """Let parties transfer one another."""
    under_way: UnderWay = {}
    switch.hooks.in_dialog["REFER"] = partial(referred, switch, under_way)
    switch.hooks.on_bye.append(partial(left, switch, under_way))
    switch.hooks.call_ended.append(partial(ended, switch, under_way))


def referred(switch: Switch, under_way: UnderWay, call: Call, leg: Leg, key: str, request: Request) -> None:
    """A party asks us to give the other one away."""

    def refuse(status: int, why: str, reason: str | None = None) -> None:
        switch.respond(key, request.response(status, reason, headers=[teardown.warning(why)]))

    party = call.other(leg)
    if leg.trunk:
        refuse(403, "who is outside transfers nobody")
        return
    if party is None or not call.talks() or party.state is not LegState.TALKING:
        refuse(480, "there is nobody to transfer yet")
        return
    if call.id in under_way:
        refuse(491, "this call is being transferred already")
        return
    if active_calls.is_coached(call, leg):
        switch.record(CallTransferRefused(call=call.id, by=leg.extension, why=_COACHED))
        refuse(403, _COACHED)
        return
    try:
        number, replaced = _target(switch, request)
    except ParseError as error:
        refuse(error.status, error.reason)
        return
    second = None
    if replaced is not None:
        second = switch.legs.get(replaced)
        if second is None or second[1].device_id != leg.device_id or second[0] is call:
            refuse(481, "the call that is to be replaced is not one of this phone")
            return
        other = second[0].other(second[1])
        if not second[0].talks() or other is None or other.state is not LegState.TALKING:
            refuse(480, "the second call is not answered yet")
            return
        number = other.party
    answer = switch.ask(
        dialling.subject_of_leg(switch, leg),
        Action.BLIND_TRANSFER if second is None else Action.ATTENDED_TRANSFER,
        number=number,
        party=Party.OUTSIDE if party.trunk else Party.INSIDE,
        of=call,
        by=leg,
    )
    if isinstance(answer, Denial):
        refuse(answer.status or 403, answer.rule.sentence, answer.reason or None)
        return
    told = (request.headers.get("refer-sub") or "true").strip().lower() != "false"
    switch.respond(key, request.response(202, headers=[] if told else [("Refer-Sub", "false")]))
    transfer = Transfer(call, leg, party, told, under_way)
    under_way[call.id] = transfer
    _notify(switch, transfer, 100)
    switch.record(
        CallTransfer(call=call.id, by=leg.extension, party=party.party, to=answer.canonical, **_rule(answer))
    )
    if second is None:
        _call_target(switch, transfer, answer)
    else:
        switch.spawn(
            call,
            _join(switch, transfer, *second),
            lambda: _failed(switch, transfer, 500),
        )


def _target(switch: Switch, request: Request) -> tuple[str, tuple[str, str] | None]:
    """Whom a REFER names: a number, and the dialog to replace by Call-ID and our tag. Raises ParseError."""
    values = request.headers.all("refer-to")
    if len(values) != 1:
        raise ParseError(400, "a REFER has one Refer-To")
    uri = NameAddr.parse(values[0]).uri
    ours = uri.scheme == "tel" or uri.host.lower() in {switch.domain.lower(), str(switch.settings.address)}
    if uri.scheme not in {"sip", "sips", "tel"} or not ours or not uri.user:
        raise ParseError(404, "the target is not a number of this house")
    if (uri.params.get("method") or "INVITE").upper() != "INVITE":
        raise ParseError(501, "only calls are transferred")
    for header in uri.headers.split("&"):
        name, _, value = header.partition("=")
        if name.lower() == "replaces":
            call_id, _, rest = unquote(value).partition(";")
            tag = parse_params(";" + rest).get("to-tag")
            if not call_id or not tag:
                raise ParseError(400, "Replaces has no to-tag")
            return "", (call_id.strip(), tag)
    return uri.user.replace("%23", "#"), None


def _rule(grant: Grant) -> dict[str, Any]:
    said = grant.record()
    return {"rule": said["rule"], "path": said["action"], "class_": said["class"]}


# Blind


def _call_target(switch: Switch, transfer: Transfer, grant: Grant) -> None:
    """Call the target in the name of the transferred party."""
    details = CallDetails(transferred_by=transfer.transferor.extension, transferred_from=transfer.call.id)
    made = handover.originate_on_behalf(
        switch, transfer.party, grant, details, partial(_hand_over, switch, transfer)
    )
    if not isinstance(made, Call):
        _failed(switch, transfer, made[0])
        return
    transfer.attempt = made
    transfer.under_way[made.id] = transfer
    handover.start(switch, made, grant)


# Attended


async def _join(switch: Switch, transfer: Transfer, second_call: Call, own: Leg) -> None:
    """Give the two parties of somebody's two calls to one another."""
    first, second = transfer.party, second_call.other(own)
    assert second is not None
    new = Call(id=switch.new_tag(), caller=first, dialled=second.party)
    new.details = CallDetails(transferred_by=own.extension, transferred_from=transfer.call.id)
    new.clear_text = [*transfer.call.clear_text, *second_call.clear_text]
    relay = Relay(f"{new.id}-0", needs_chain(first.suite, second.profile, (second.suite,)))
    try:
        body = await joining.join(switch, relay, first, second)
    except joining.NotJoined as error:
        switch.relays.delete(relay)
        _failed(switch, transfer, error.status)
        return
    except (MediaRefused, EdgeError, LegGone) as error:
        switch.relays.delete(relay)
        switch.record(CallTransferFailed(call=transfer.call.id, why=str(error) or "a party has left"))
        _failed(switch, transfer, 503)
        if second_call.talks():  # its party has other media now than the call has
            teardown.end(switch, second_call, "the transfer failed")
        return
    if first.state is not LegState.TALKING or second.state is not LegState.TALKING:
        switch.relays.delete(relay)
        _failed(switch, transfer, 480)
        return
    new.join_by(relay)
    new.branches, new.callee_name = [second], second_call.callee_name
    new.answered_by(second)
    new.answer_is_ready()
    switch.add_call(new)
    handover.replace_by_placeholder(switch, second_call, second)
    second.side = Side.B
    switch.add_leg(new, second)
    _hand_over(switch, transfer, new)
    teardown.end(switch, second_call, "transferred", by=_who(second_call, own))
    await handover.take_over(switch, new, body)


# Both


def _hand_over(switch: Switch, transfer: Transfer, new: Call) -> None:
    """The transferred party leaves its call for the new one, which is up from now on."""
    old = transfer.call
    handover.hand_over(switch, old, transfer.party, new)
    transfer.done = True
    _notify(switch, transfer, 200)
    _forget(transfer)
    old.details.transferred_to = new.id
    teardown.end(switch, old, "transferred", by=_who(old, transfer.transferor))


def _who(call: Call, leg: Leg) -> str:
    return "caller" if leg is call.caller else "callee"


def _failed(switch: Switch, transfer: Transfer, status: int) -> None:
    """The target was not reached: the call returns, or ends if who transferred has left it."""
    if transfer.done:
        return
    transfer.done = True
    _notify(switch, transfer, status)
    _forget(transfer)
    if transfer.transferor.state is LegState.ENDED:
        teardown.end(switch, transfer.call, "the transfer failed", status=status)


def _forget(transfer: Transfer) -> None:
    transfer.under_way.pop(transfer.call.id, None)
    if transfer.attempt is not None:
        transfer.under_way.pop(transfer.attempt.id, None)


def _notify(switch: Switch, transfer: Transfer, status: int) -> None:
    """Tell who transferred how far it has come (RFC 3515 2.4.4)."""
    leg = transfer.transferor
    if not transfer.told or leg.dialog is None or leg.state is not LegState.TALKING:
        return
    state = "active;expires=180" if status < 200 else "terminated;reason=noresource"
    fragment = f"SIP/2.0 {status} {reason_of(status)}\r\n".encode()
    headers = [("Event", "refer"), ("Subscription-State", state)]
    notify = leg.dialog.request("NOTIFY", leg.contact, headers, fragment, _FRAGMENT)
    switch.request(leg, notify, _ignore)


def _ignore(_request: Request, _response: Response) -> None:
    """A phone that does not care for the progress of its transfer is none the worse for it."""


# What happens meanwhile


def left(switch: Switch, under_way: UnderWay, call: Call, leg: Leg) -> bool:
    """Who transferred hangs up before the target has answered: whether the call goes on without them."""
    transfer = under_way.get(call.id)
    if transfer is None or transfer.transferor is not leg or transfer.call is not call:
        return False
    switch.drop_leg(leg)
    return True


def ended(switch: Switch, under_way: UnderWay, call: Call, status: int) -> None:
    """A call has ended that may be one of a transfer."""
    transfer = under_way.get(call.id)
    if transfer is None or transfer.done:
        return
    if call is transfer.attempt:
        _failed(switch, transfer, status)
        return
    transfer.done = True
    _forget(transfer)
    if transfer.attempt is not None:
        teardown.end(switch, transfer.attempt, "the transferred party hung up", by="caller", status=487)
