"""Calls that come in from a carrier: to a user by the number that was called, or on to the outside (C5).

Rules that this module keeps:
- A carrier is known by its slot at the edge or by an address that its trunk names; whoever else calls from
  outside is refused and on record (see `dispatch`).
- What the carrier says of the caller is shown and recorded, and believed by nobody.
- On to the outside goes a call only with a grant of the policy, which asks the trunk's group.
"""

from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.routing import setup
from ringwall.core.calls.routing.rejection import InviteRejection
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.registrar.flows import Flow
from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.trunks import numbers
from ringwall.core.trunks.clear_text import clear_text_of
from ringwall.policy.actions import Action, TrunkSubject
from ringwall.policy.grant import Denial
from ringwall.sip.errors import ParseError
from ringwall.sip.headers import NameAddr
from ringwall.sip.message import Request
from ringwall.sip.uri import Uri


def invited(switch: Switch, key: str, request: Request, line: TrunkLine, flow: Flow | None) -> None:
    """A carrier brings a call; over its own connection to our door if `flow` is given, else over its slot."""
    country = numbers.country_of(switch.rights.snapshot, line)
    number, name = _caller(request, country)
    called = numbers.incoming((Uri.parse(request.uri).user or "").replace("%23", "#"), country)
    refuse = InviteRejection(
        switch, key, request, caller=number, caller_trunk=line.id, source=flow.peer if flow else None
    )
    refuse.who["dialled"] = called[:64]
    if not setup.has_room(switch, refuse):
        return
    if switch.trunks.is_full(line):
        refuse(503, "Trunk Full", f"the trunk {line.name} carries as many calls as it may")
        return
    offer = setup.admitted(switch, key, request, flow or line, refuse, clear_text=clear_text_of(line))
    if offer is None:
        return
    answer = switch.ask(
        TrunkSubject(line.id), Action.DIAL, number=_inside(switch, line, called) or called, quietly=True
    )
    if isinstance(answer, Denial):
        refuse.by_policy(answer)
        return
    tag = switch.new_tag()
    caller = Leg(
        side=Side.A,
        tag=tag,
        sip_call_id=request.call_id,
        device_id=0,
        extension="",
        device="",
        flow=flow,
        contact=switch.contact_for(tag),
        profile=offer.profile,
        trunk=line.id,
        number=number,
        name=name,
    )
    setup.begin(switch, key, request, caller, offer, answer, refuse, dialled=called)


def _inside(switch: Switch, line: TrunkLine, called: str) -> str | None:
    """The extension that a number belongs to: the own number of a user, else the ranges of the trunk.

    It is that of a user or of something like a hunt group.
    """
    policy = switch.rights.snapshot
    extension = policy.directory.own_numbers.get(called) or line.extension_of(called)
    there = extension in switch.directory.snapshot.by_extension or extension in policy.objects
    return extension if there else None


def _caller(request: Request, country: str) -> tuple[str, str]:
    """Number and name of the caller, as the carrier says them; empty for one who is not told."""
    address = request.from_
    asserted = request.headers.get("p-asserted-identity")
    if asserted:
        try:
            address = NameAddr.parse(asserted.split(">,")[0] + (">" if ">," in asserted else ""))
        except ParseError:
            address = request.from_
    private = (request.headers.get("privacy") or "none").lower() != "none"
    user = address.uri.user or ""
    if private or address.uri.host.endswith("anonymous.invalid") or user.lower() == "anonymous":
        return "", ""
    number = numbers.incoming(user, country)
    if not all(sign.isascii() and (sign.isalnum() or sign in "+*#-._") for sign in number):
        number = ""
    name = " ".join((address.display or "").split())[:64]
    return number, name if name.isprintable() else ""
