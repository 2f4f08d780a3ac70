"""From a request that comes over an edge link to the transition that it calls for.

Rules that this module keeps:
- Every request of an end point names its flow; what is said within a dialog is taken only from the flow of
  that party, or from another flow on which the same device has signed in.
- So are a CANCEL and an ACK: what makes them match an INVITE (branch, tags, Call-ID) is no secret.
- Why something is refused is for the record. Only who has proven to be a device of ours is told, too:
  reasons name extensions, trunks and classes of service.
- What nobody here understands is refused with what would be understood (405, Allow).
- The edge itself speaks with P-Ringwall-Event and without a flow; the edge removes that header from
  everything that comes from outside.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from ringwall.core.calls.dialog import answering, info, keepalive, renegotiation, teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.routing import inbound, setup
from ringwall.core.calls.switch.switch import ALLOW, Switch
from ringwall.core.registrar.authenticator import Challenge, Refusal
from ringwall.core.registrar.flows import EVENT_HEADER, FLOW_HEADER, Flow
from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.trunks.trunks import TRUNK_HEADER
from ringwall.events.security import ForeignCall, ForeignDialog, RequestFlood, StrayResponse, UnknownTrunk
from ringwall.sip.dialog import OutOfOrder
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request

log = logging.getLogger(__name__)

# What a party may ask within its call, besides what features understand (`hooks.in_dialog`).
_WITHIN: Final[Mapping[str, Callable[[Switch, Call, Leg, str, Request], None]]] = {
    "BYE": teardown.bye_received,
    "INVITE": renegotiation.asked,
    "UPDATE": renegotiation.asked,
    "PRACK": answering.pracked,
    "INFO": info.passed_through,
}

# What the edge itself has refused, by its short word for it.
_OFFENCES: Final[Mapping[str, str]] = {
    "head": "The lines, the length or the number of headers is what no phone sends",
    "unread": "The edge cannot read the message",
    "headers": "A header is missing, doubled or malformed",
    "http": "HTTP where only SIP is spoken",
    "cancel": "A CANCEL for what another connection has asked",
    "silent": "A connection that said nothing that the edge understands",
}


def received(switch: Switch, key: str, request: Request) -> None:
    """A request that begins a transaction."""
    event = request.headers.get(EVENT_HEADER)
    if event is not None and FLOW_HEADER not in request.headers:
        _edge_event(switch, event)
        switch.respond(key, request.response(200, to_tag=switch.new_tag()))
        return
    switch.tx.explain(key, explained=False)
    slot = request.headers.get(TRUNK_HEADER)
    if slot is not None:
        _request_of_carrier(switch, key, request, switch.trunks.of_slot(slot), slot)
        return
    try:
        flow = Flow.parse(request.headers.get(FLOW_HEADER))
    except ParseError as error:
        switch.respond(key, request.response(error.status, "No Flow", to_tag=switch.new_tag()))
        return
    if switch.authenticator.knows(flow):
        switch.tx.explain(key, explained=True)
    apart = switch.hooks.out_of_dialog.get(request.method)
    if apart is not None:
        apart(key, request, flow)
    elif request.to.tag:
        _in_dialog(switch, key, request, flow)
    elif request.method == "REGISTER":
        switch.tx.explain(key, explained=True)  # the registrar's words are about the request alone
        switch.respond(key, switch.registrar.register(request, flow, switch.now()))
    elif request.method == "INVITE":
        _initial_invite(switch, key, request, flow)
    elif request.method == "OPTIONS":
        switch.respond(key, request.response(200, to_tag=switch.new_tag(), headers=[("Allow", ALLOW)]))
    elif request.method in {"BYE", "PRACK", "UPDATE", "INFO"}:
        switch.respond(key, request.response(481, to_tag=switch.new_tag()))
    else:
        switch.respond(key, request.response(405, to_tag=switch.new_tag(), headers=[("Allow", ALLOW)]))


def _request_of_carrier(
    switch: Switch, key: str, request: Request, line: TrunkLine | None, slot: str
) -> None:
    """A request that came over a trunk's slot at the edge."""
    if line is None:
        switch.watch.note(UnknownTrunk(source=f"slot {slot[:8]}"), switch.now())
        switch.respond(key, request.response(403, to_tag=switch.new_tag()))
    elif request.to.tag:
        _in_dialog(switch, key, request, line)
    elif request.method == "INVITE":
        _invite_of_carrier(switch, key, request, line, None)
    elif request.method == "OPTIONS":
        switch.respond(key, request.response(200, to_tag=switch.new_tag(), headers=[("Allow", ALLOW)]))
    else:
        switch.respond(key, request.response(405, to_tag=switch.new_tag(), headers=[("Allow", ALLOW)]))


def _invite_of_carrier(
    switch: Switch, key: str, request: Request, line: TrunkLine, flow: Flow | None
) -> None:
    try:
        inbound.invited(switch, key, request, line, flow)
    except ParseError as error:
        tag = switch.new_tag()
        switch.respond(key, request.response(error.status, error.reason, to_tag=tag))


def _is_ours(switch: Switch, request: Request) -> bool:
    """Whether the caller claims to be somebody of this house."""
    return request.from_.uri.host.lower() in {switch.domain.lower(), str(switch.settings.address)}


def _initial_invite(switch: Switch, key: str, request: Request, flow: Flow) -> None:
    if not switch.authenticator.knows(flow):
        line = switch.trunks.of_source(flow.source) if flow.transport == "tls" else None
        if line is not None:
            _invite_of_carrier(switch, key, request, line, flow)
            return
        if not _is_ours(switch, request):
            uri = request.from_.uri
            switch.watch.note(
                ForeignCall(
                    source=flow.source,
                    claimed=f"{uri.user}@{uri.host}"[:128],
                    dialled=(request.to.uri.user or "")[:64],
                ),
                switch.now(),
            )
            switch.respond(key, request.response(403, to_tag=switch.new_tag()))
            return
    found = switch.authenticator.identify(request, flow, switch.now())
    if isinstance(found, Challenge):
        headers = [("WWW-Authenticate", value) for value in found.values]
        switch.respond(key, request.response(401, to_tag=switch.new_tag(), headers=headers))
    elif isinstance(found, Refusal):
        # It is on record already, folded: one who is not known must not be able to fill the ledger.
        headers = [teardown.warning(found.why)]
        response = request.response(found.status, found.reason, to_tag=switch.new_tag(), headers=headers)
        switch.respond(key, response)
    else:
        switch.tx.explain(key, explained=True)
        try:
            setup.invited(switch, key, request, found, flow)
        except ParseError as error:
            switch.respond(key, request.response(error.status, error.reason, to_tag=switch.new_tag()))


def _in_dialog(switch: Switch, key: str, request: Request, sender: Flow | TrunkLine) -> None:
    found = switch.legs.get((request.call_id, request.to.tag or ""))
    dialog = found[1].dialog if found is not None else None
    if found is None or dialog is None or dialog.remote_tag != request.from_.tag:
        switch.respond(key, request.response(481))
        return
    call, leg = found
    if not _speaks_for(switch, sender, leg):
        switch.watch.note(
            ForeignDialog(
                source=sender.source if isinstance(sender, Flow) else f"trunk {sender.id}",
                method=request.method,
                call=call.id,
            ),
            switch.now(),
        )
        switch.respond(key, request.response(403))
        return
    switch.tx.explain(key, explained=not leg.trunk)
    # A leg that was made over a trunk's slot stays there, whatever way the carrier's own words take.
    by_slot = leg.trunk and leg.flow is None
    if isinstance(sender, Flow) and not by_slot and (sender != leg.flow or switch.is_lost(leg)):
        moved = sender != leg.flow
        switch.move_leg(leg, sender)  # it is there after all
        if moved:
            switch.persist(call)
    try:
        dialog.receive(request)
    except OutOfOrder:
        switch.respond(key, request.response(500, headers=[("Retry-After", "1")]))
        return
    except ParseError as error:
        switch.respond(key, request.response(error.status, error.reason))
        return
    deal, feature = _WITHIN.get(request.method), switch.hooks.in_dialog.get(request.method)
    if deal is not None:
        deal(switch, call, leg, key, request)
    elif feature is not None:
        feature(call, leg, key, request)
    elif request.method == "OPTIONS":
        switch.respond(key, request.response(200, headers=[("Allow", ALLOW)]))
    else:
        switch.respond(key, request.response(405, headers=[("Allow", ALLOW)]))


def _speaks_for(switch: Switch, sender: Flow | TrunkLine, leg: Leg) -> bool:
    """Whether what comes from this sender is said by the leg's party."""
    if not isinstance(sender, Flow):
        return leg.trunk == sender.id
    if sender == leg.flow:
        return True
    if leg.trunk:
        line = switch.trunks.of_source(sender.source)
        return line is not None and line.id == leg.trunk and sender.transport == "tls"
    return switch.authenticator.speaks_for(sender, leg.device_id)


def may_cancel(switch: Switch, key: str, invite: Request, cancel: Request) -> bool:
    """Whether a CANCEL is said by who has sent the INVITE: over its connection, or as its device."""
    if all(cancel.headers.get(name) == invite.headers.get(name) for name in (FLOW_HEADER, TRUNK_HEADER)):
        return True
    found = switch.server_invites.get(key)
    if found is not None and _is_said_for(switch, cancel, found[1]):
        return True
    _note_foreign(switch, cancel, found[0].id if found is not None else "")
    return False


def may_acknowledge(switch: Switch, key: str, ack: Request) -> bool:
    """Whether an ACK is said by the party whose INVITE we have accepted."""
    found = switch.server_invites.get(key)
    if found is None or _is_said_for(switch, ack, found[1]):
        return True
    _note_foreign(switch, ack, found[0].id)
    return False


def _sender(switch: Switch, request: Request) -> Flow | TrunkLine | None:
    """Whose request this is by what the edge has written, None where it is nobody's."""
    slot = request.headers.get(TRUNK_HEADER)
    try:
        return switch.trunks.of_slot(slot) if slot else Flow.parse(request.headers.get(FLOW_HEADER))
    except ParseError:
        return None


def _is_said_for(switch: Switch, request: Request, leg: Leg) -> bool:
    sender = _sender(switch, request)
    return sender is not None and _speaks_for(switch, sender, leg)


def _note_foreign(switch: Switch, request: Request, call: str) -> None:
    """Have it on record that somebody said what only a party of the call may say."""
    sender = _sender(switch, request)
    source = "unknown"
    if sender is not None:
        source = sender.source if isinstance(sender, Flow) else f"trunk {sender.id}"
    switch.watch.note(ForeignDialog(source=source, method=request.method, call=call), switch.now())


def _edge_event(switch: Switch, text: str) -> None:
    kind, _, rest = text.partition(";")
    if kind == "flow-closed":
        _flow_closed(switch, rest.removeprefix("flow="))
        return
    told = dict(part.strip().split("=", 1) for part in rest.split(";") if "=" in part)
    if kind in {"stray-responses", "offence"} and ("source" in told or "trunk" in told):
        source = (switch.trunks.named(told["trunk"]) if "trunk" in told else told["source"])[:64]
        times = told.get("times", "")
        count = max(1, int(times)) if times.isascii() and times.isdigit() and len(times) < 8 else 1
        why = told.get("why", "")
        if why == "flood":
            switch.watch.note(RequestFlood(source=source), switch.now(), count)
        elif kind == "offence":
            switch.offenders.note(source, _OFFENCES.get(why, why[:40]), switch.now(), count)
        else:
            switch.watch.note(StrayResponse(source=source), switch.now(), count)
    else:
        log.warning("the edge told of something unknown: %s", kind[:40])


def _flow_closed(switch: Switch, name: str) -> None:
    try:
        flow = Flow.parse(name)
    except ParseError as error:
        log.warning("the edge told of the end of a connection, but not of which: %s", error)
        return
    keepalive.flow_closed(switch, flow)
    switch.registrar.flow_closed(flow)
