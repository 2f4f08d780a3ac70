"""Legs to the outside: the one door, and what happens behind it (C6).

Rules that this module keeps:
- `make_leg` is the only function that makes a leg to the outside. It takes a grant of the policy and spends
  it: a grant serves once, for its own number, and for seconds.
- A trunk that cannot take the call is followed by the next one; what the called party says is final.
- SRTP is required, unless the trunk itself says otherwise; then the record and the status say so, too.
- The carrier learns what the trunk's rules let it learn of the caller; an emergency call always shows a
  number that can be called back.
"""

import time
from typing import Final

from ringwall.core.calls.dialog import answering, session, teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.model.relay import Profile, Side
from ringwall.core.calls.model.seizure import Seizure
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.routing import branches, emergency
from ringwall.core.calls.switch.switch import ALLOW, PRODUCT, Switch
from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.trunks import numbers
from ringwall.core.trunks.clear_text import clear_text_of
from ringwall.core.trunks.trunks import warning_of
from ringwall.events.calls import CallClearText
from ringwall.events.trunks import TrunkFailed
from ringwall.policy.grant import Grant
from ringwall.sip.message import Headers, Request, Response

# What is wrong with a trunk and not with the number: 408 only before the called side was heard of.
_TROUBLE: Final = frozenset({401, 407, 430, 500, 502, 503, 504})
_NO_TRUNK: Final = Rejection(503, "No Trunk", "no trunk that may carry this call is in service and free")


def why_not(switch: Switch, grant: Grant) -> Rejection | None:
    """Why no trunk can be had for a grant; None if one can."""
    way = grant.way
    if way is None or not switch.trunks.usable(way.trunk_groups, emergency=way.emergency):
        return _NO_TRUNK
    return None


def make_leg(switch: Switch, call: Call, grant: Grant, number: str) -> None:
    """Make the leg to the outside that the grant allows. Raises GrantRefused.

    `number` is what is about to be called, in canonical form.
    """
    now = time.time()
    way = switch.spent_grants.spend(grant, number, now)
    lines = switch.trunks.usable(way.trunk_groups, emergency=way.emergency)
    seizure = Seizure(
        name=f"{call.id}/{len(call.seizures)}",
        number=number,
        grant=grant.record(),
        caller_id=way.caller_id,
        charge=way.charge,
        seconds=way.seconds,
        emergency=way.emergency,
        location=way.location,
        left=lines,
    )
    call.seizures.append(seizure)
    if way.charge is not None:
        seizure.trunk_group = lines[0].trunk_group if lines else way.trunk_groups[0]
        switch.usage.start(seizure.name, way.charge, seizure.trunk_group, now)
    if way.emergency:
        emergency.notify(switch, call, grant)
    if not _seize_next(switch, call, seizure):
        switch.usage.end(seizure.name, 0, now)
        teardown.end(switch, call, _NO_TRUNK.why, status=_NO_TRUNK.status, reason=_NO_TRUNK.reason)
        return
    switch.timers.set(("ring", call), switch.now() + 3 * switch.settings.sip.ring_seconds)


def _seize_next(switch: Switch, call: Call, seizure: Seizure) -> bool:
    """Try the next trunk; False when there is none left."""
    while seizure.left:
        line = seizure.left.pop(0)
        current = switch.trunks.line(line.id)  # it may have changed, or gone, since the grant
        if current is None or (switch.trunks.is_full(current) and not seizure.emergency):
            continue
        seizure.tried.append(line.id)
        if seizure.charge is not None and current.trunk_group != seizure.trunk_group:
            switch.usage.move(seizure.name, current.trunk_group)
        seizure.trunk_group = current.trunk_group
        _seize(switch, call, seizure, current)
        return True
    return False


def _seize(switch: Switch, call: Call, seizure: Seizure, line: TrunkLine) -> None:
    tag = switch.new_tag()
    leg = Leg(
        side=Side.B,
        tag=tag,
        sip_call_id=switch.new_tag() + tag,
        device_id=0,
        extension="",
        device="",
        flow=None,
        contact=switch.contact_for(tag),
        profile=clear_text_of(line) or Profile.SDES,
        trunk=line.id,
        number=seizure.number,
        seizure=seizure,
    )
    in_clear_text(switch, call, leg)
    branches.start(
        switch,
        call,
        leg,
        known=(),
        build=lambda body: _invite(switch, call, leg, line, body),
        then=lambda q, r: _response(switch, call, leg, q, r),
    )


def in_clear_text(switch: Switch, call: Call, leg: Leg) -> None:
    """Put on record that something of a call with this carrier is not encrypted."""
    line = switch.trunks.line(leg.trunk)
    if line is None:
        return
    told = warning_of(line)
    if told and (leg.clear_text is not None or line.transport != "tls") and told not in call.clear_text:
        call.clear_text.append(told)
        switch.record(CallClearText(call=call.id, trunk=leg.trunk, why=told))


def _invite(switch: Switch, call: Call, leg: Leg, line: TrunkLine, body: bytes) -> Request:
    seizure = leg.seizure
    assert seizure is not None
    country = numbers.country_of(switch.rights.snapshot, line)
    called = numbers.outgoing(seizure.number, line, country, emergency=seizure.emergency)
    domain = line.domain or line.host
    transport = line.transport
    target = f"sip:{called}@{_host(line.host)}:{line.port};transport={transport};user=phone"
    headers = [
        ("Max-Forwards", "70"),
        *_identity(line, seizure, country, leg.tag, domain),
        ("To", f"<sip:{called}@{domain};user=phone>"),
        ("Call-ID", leg.sip_call_id),
        ("CSeq", "1 INVITE"),
        ("Contact", leg.contact),
        ("Allow", ALLOW),
        ("Supported", branches.supported(call)),
        *session.offer_headers(switch),
        ("User-Agent", PRODUCT),
    ]
    if seizure.emergency and seizure.location:
        more, body = emergency.with_location(seizure, body, switch.domain)
        headers += more
    else:
        headers.append(("Content-Type", "application/sdp"))
    return Request("INVITE", target, Headers(headers), body)


def _identity(
    line: TrunkLine, seizure: Seizure, country: str, tag: str, domain: str
) -> list[tuple[str, str]]:
    """Who calls, as the trunk's rules say (RFC 3323, RFC 3325)."""
    own = line.caller_number
    number = own if line.caller_id == "trunk" and not seizure.emergency else seizure.caller_id or own
    user = numbers.shown(number, line, country) if number else ""
    address = f"sip:{user}@{domain};user=phone" if user else f"sip:{domain}"
    headers: list[tuple[str, str]] = []
    if (line.caller_id == "withheld" and not seizure.emergency) or not user:
        headers.append(("From", f'"Anonymous" <sip:anonymous@anonymous.invalid>;tag={tag}'))
        if user:
            headers.append(("Privacy", "id"))
    else:
        headers.append(("From", f"<{address}>;tag={tag}"))
    if user and (line.asserted_identity or seizure.emergency):
        headers.append(("P-Asserted-Identity", f"<{address}>"))
    return headers


def _response(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    status = response.status
    if status < 200:
        if status > 100:
            branches.provisional(switch, call, leg, request, response)
        return
    if status < 300:
        switch.trunks.note(leg.trunk, time.time(), up=True)
        seizure = leg.seizure
        if seizure is not None and seizure.seconds:
            switch.timers.set(("longest", leg), switch.now() + seizure.seconds)
        answering.branch_answered(switch, call, leg, request, response)
        return
    leg.key = ""
    if leg.state is LegState.ENDED:
        return
    if emergency.refused_location(leg, request, response):
        plain = emergency.without_location(leg, request)
        leg.key = switch.request(leg, plain, lambda q, r: _response(switch, call, leg, q, r))
        return
    failed_itself = status in _TROUBLE or (status == 408 and leg.dialog is None)
    if failed_itself:
        _trunk_failed(switch, leg, status, response.reason)
        seizure, leg.seizure = leg.seizure, None
        if seizure is not None and _seize_next(switch, call, seizure):
            teardown.branch_failed(switch, call, leg, 503, "Trunk Failed")
            return
        leg.seizure = seizure
        status, reason = 503, "No Trunk"
    else:
        reason = response.reason
    teardown.branch_failed(switch, call, leg, status, reason)


def _trunk_failed(switch: Switch, leg: Leg, status: int, reason: str) -> None:
    why = "the carrier refuses our login" if status in {401, 407} else f"{status} {reason}"[:120]
    switch.trunks.note(leg.trunk, time.time(), up=False, why=why)
    switch.record(TrunkFailed(trunk=leg.trunk, status=status, why=why))


def leg_ended(switch: Switch, leg: Leg) -> None:
    """The leg is over: the ledger of use learns what it came to."""
    seizure = leg.seizure
    if seizure is not None:
        now = time.time()
        switch.usage.end(seizure.name, now - leg.answered_at if leg.answered_at else 0.0, now)


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
