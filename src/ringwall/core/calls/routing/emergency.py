"""Emergency calls: where the caller is, who is told, and what is done so that the call goes through (P2).

Rules that this module keeps:
- The location of the phone goes with the call as PIDF-LO in its body (RFC 6442, RFC 4119, RFC 5139): by
  value, since a reference would need a door through which anybody may ask where people are.
- A carrier that does not take the location gets the call without it, at once.
- That there was a call is on record before it is placed, with whom to tell.
"""

from xml.sax.saxutils import escape

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.seizure import Seizure
from ringwall.core.calls.switch.switch import Switch
from ringwall.events.call_features import EmergencyCalled
from ringwall.policy.grant import Grant
from ringwall.sip.message import Request, Response

_BOUNDARY = "ringwall-location"
# Refusals that may be about the location or its wrapping (RFC 3261 21.4, RFC 6442 4.3).
_NOT_TAKEN = frozenset({400, 406, 415, 420, 424, 488, 606})


def notify(switch: Switch, call: Call, grant: Grant) -> None:
    """Tell those whom the site names, and the record."""
    way = grant.way
    assert way is not None
    caller = call.caller
    event = EmergencyCalled(
        call=call.id,
        number=grant.canonical,
        caller=caller.party,
        caller_device=caller.device,
        source=caller.flow.peer if caller.flow else None,
        callback=way.caller_id,
        location=way.location,
        notify=tuple(way.notify),
    )
    switch.record(event)
    for listener in switch.hooks.emergency:
        listener(event)


def with_location(seizure: Seizure, sdp: bytes, domain: str) -> tuple[list[tuple[str, str]], bytes]:
    """The headers and the body of an INVITE that says where the caller is."""
    identity = f"location@{domain}"
    document = _pidf(seizure, domain).encode()
    parts = (
        b"Content-Type: application/sdp\r\n\r\n" + sdp,
        b"Content-Type: application/pidf+xml\r\nContent-ID: <%b>\r\n\r\n%b" % (identity.encode(), document),
    )
    mark = b"--" + _BOUNDARY.encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    headers = [
        ("Geolocation", f"<cid:{identity}>"),
        ("Geolocation-Routing", "yes"),
        ("Content-Type", f"multipart/mixed;boundary={_BOUNDARY}"),
    ]
    return headers, body


def _pidf(seizure: Seizure, domain: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"'
        ' xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"'
        f' entity="pres:{escape(seizure.caller_id or "anonymous")}@{escape(domain)}">\r\n'
        '<tuple id="phone"><status><gp:geopriv><gp:location-info><ca:civicAddress>'
        f"<ca:LOC>{escape(seizure.location)}</ca:LOC>"
        "</ca:civicAddress></gp:location-info><gp:usage-rules/></gp:geopriv></status></tuple>\r\n"
        "</presence>\r\n"
    )


def refused_location(leg: Leg, request: Request, response: Response) -> bool:
    """Whether a carrier may have refused an emergency call for the location in it."""
    return (
        leg.seizure is not None
        and leg.seizure.emergency
        and "geolocation" in request.headers
        and response.status in _NOT_TAKEN
    )


def without_location(leg: Leg, request: Request) -> Request:
    """The same INVITE without the location."""
    headers = request.headers.copy()
    for name in ("Via", "Geolocation", "Geolocation-Routing"):
        headers.remove(name)
    headers.set("Content-Type", "application/sdp")
    headers.set("CSeq", f"{request.cseq.number + 1} INVITE")
    return Request("INVITE", request.uri, headers, leg.local_sdp)
