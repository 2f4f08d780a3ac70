"""From an INVITE of a phone to ringing.

Rules that this module keeps:
- What is dialled is decided by the policy before anything else is looked at; an emergency call passes every
  gate that is not about the media itself.
- The offer is checked before anything is done with it: no call without SRTP (T5).
- Whoever is told no is told why: each refusal carries a Warning, and the record the same words.
"""

from functools import partial

from ringwall.core.calls.dialog import answering, session, teardown
from ringwall.core.calls.media import descriptions, media_places
from ringwall.core.calls.media.descriptions import Checked, MediaRefused
from ringwall.core.calls.model import codes, star_codes
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.model.star_codes import StarCode
from ringwall.core.calls.routing import dialling, outside, router
from ringwall.core.calls.routing.rejection import InviteRejection
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.directory.model import DeviceEntry
from ringwall.core.registrar.flows import Flow
from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.trunks.clear_text import ClearText
from ringwall.events.calls import MediaRefusal
from ringwall.policy.actions import PhoneSubject
from ringwall.policy.grant import Denial, Grant
from ringwall.policy.rules import Rule
from ringwall.policy.scope import NumberClass
from ringwall.sip.dialog import Dialog
from ringwall.sip.message import Request
from ringwall.sip.uri import Uri

UNDERSTOOD = frozenset({"100rel", "timer", "outbound"})  # what a Require may ask of us


def invited(switch: Switch, key: str, request: Request, device: DeviceEntry, flow: Flow) -> None:
    """A proven device wants a call: find whom, prepare the media, ring."""
    refuse = InviteRejection(
        switch, key, request, caller=device.extension, caller_device=device.username, source=flow.peer
    )
    dialled = dialled_in(switch, request)
    refuse.who["dialled"] = codes.hidden(dialled)[:64]
    feature = star_codes.find(dialled)
    if feature is not None:
        _feature(switch, key, request, device, flow, refuse, *feature)
        return
    answer = dialling.authorize(switch, device, dialled)
    emergency = isinstance(answer, Grant) and answer.number_class is NumberClass.EMERGENCY
    if not emergency and not has_room(switch, refuse):
        return
    offer = admitted(switch, key, request, flow, refuse, emergency=emergency)
    if offer is None:
        return
    made = partial(_let_in_phone, switch, key, request, device, flow, offer, codes.hidden(dialled))
    refuse.may_be_heard(made)
    if isinstance(answer, dialling.WrongCode):
        refuse.by_policy(answer.denial, answer.rule)
        return
    if isinstance(answer, Denial):
        if answer.rule.id in {"number.invalid", "number.missing"}:
            shown = codes.hidden(dialled)[:32]
            refuse(
                404, "No Such Number", f"there is no number {shown}: {answer.rule.entry or 'none was given'}"
            )
        elif not any(asks(answer, dialled, made) for asks in switch.hooks.code_wanted):
            refuse.by_policy(answer)
        return
    caller = _leg_of(switch, request, device, flow, offer)
    begin(switch, key, request, caller, offer, answer, refuse, dialled=codes.hidden(dialled))


def _leg_of(switch: Switch, request: Request, device: DeviceEntry, flow: Flow, offer: Checked) -> Leg:
    """The leg of a phone that calls."""
    tag = switch.new_tag()
    for binding in switch.bindings.of_device(device.id):
        switch.registrar.note_suites(binding, offer.suites)
    return Leg(
        side=Side.A,
        tag=tag,
        sip_call_id=request.call_id,
        device_id=device.id,
        extension=device.extension,
        device=device.username,
        flow=flow,
        contact=switch.contact_for(tag),
        profile=offer.profile,
    )


def _feature(
    switch: Switch,
    key: str,
    request: Request,
    device: DeviceEntry,
    flow: Flow,
    refuse: InviteRejection,
    code: StarCode,
    typed: str,
) -> None:
    """A phone has dialled a feature number."""
    answers = switch.hooks.dialled.get(code.feature)
    nobody = isinstance(dialling.subject_of(switch, device), PhoneSubject)
    if not has_room(switch, refuse):
        return
    offer = admitted(switch, key, request, flow, refuse)
    if offer is None:
        return
    if answers is None or (typed and not code.takes):
        refuse(404, "No Such Number", f"{code.code} is not available here")
    elif nobody and not code.without_user:
        refuse.by_rule(Rule("phone.unassigned", f"phone {device.username}"))
    else:
        answers(_let_in_phone(switch, key, request, device, flow, offer, code.code + typed), typed)


def has_room(switch: Switch, refuse: InviteRejection) -> bool:
    """Whether one more call can be had at all; refuses it otherwise."""
    if switch.store.failing:
        refuse(503, "Records Cannot Be Kept", "calls are refused while no record of them can be kept")
        return False
    if len(switch.calls) >= switch.settings.sip.max_calls:
        refuse(503, "Too Many Calls", "the system is at its limit of simultaneous calls")
        return False
    return True


def admitted(
    switch: Switch,
    key: str,
    request: Request,
    sender: Flow | TrunkLine,
    refuse: InviteRejection,
    *,
    clear_text: ClearText | None = None,
    emergency: bool = False,
) -> Checked | None:
    """The offer of an INVITE that can be understood; None after refusing another."""
    unknown = {tag.lower() for tag in request.headers.all("require")} - UNDERSTOOD
    if unknown and not emergency:
        missing = ", ".join(sorted(unknown))[:200]
        headers = [("Unsupported", missing)]
        switch.respond(key, request.response(420, to_tag=switch.new_tag(), headers=headers))
        return None
    too_small = session.refuse_small_interval(switch, request)
    if too_small is not None:
        switch.respond(key, too_small)
        return None
    try:
        return descriptions.check_offer(
            request.body,
            request.headers.get("content-type"),
            places=media_places.of_sender(switch, sender),
            clear_text=clear_text,
        )
    except MediaRefused as error:
        headers = [teardown.warning(error.why)]
        switch.respond(key, request.response(488, to_tag=switch.new_tag(), headers=headers))
        switch.record(MediaRefusal(why=error.why, method="INVITE", **refuse.who))
        return None


def begin(
    switch: Switch,
    key: str,
    request: Request,
    caller: Leg,
    offer: Checked,
    grant: Grant,
    refuse: InviteRejection,
    *,
    dialled: str,
) -> None:
    """Make the call that was granted: `caller` wants to talk, with this offer."""
    number = grant.canonical
    call = Call(id=switch.new_tag(), caller=caller, dialled=number if grant.way is None else dialled)
    inside = grant.way is None
    why_not = router.unreachable(switch, call, number) if inside else outside.why_not(switch, grant)
    if why_not is not None:
        refuse(*why_not)
        return
    _let_in(switch, key, request, call, offer)
    if caller.clear_text is not None:
        outside.in_clear_text(switch, call, caller)
    if inside:
        router.route(switch, call, number)
    else:
        outside.make_leg(switch, call, grant, number)


def _let_in_phone(
    switch: Switch,
    key: str,
    request: Request,
    device: DeviceEntry,
    flow: Flow,
    offer: Checked,
    dialled: str,
) -> Call:
    """A call of a phone with the system: nobody is called for it yet."""
    call = Call(switch.new_tag(), _leg_of(switch, request, device, flow, offer), dialled)
    _let_in(switch, key, request, call, offer)
    return call


def _let_in(switch: Switch, key: str, request: Request, call: Call, offer: Checked) -> None:
    """Put a call into the tables; its caller waits for an answer from now on."""
    caller = call.caller
    caller.key, caller.invite = key, request
    caller.dialog = Dialog.from_invite_received(request, caller.tag)
    caller.remote_sdp, caller.rejected_streams, caller.suite = (
        request.body,
        offer.rejected_streams,
        offer.suite,
    )
    caller.allows_update = "UPDATE" in request.headers.all("allow")
    caller.offers.received_offer()
    call.offer = offer.for_relay
    switch.add_call(call)
    switch.add_leg(call, caller)
    switch.server_invites[key] = (call, caller)
    switch.timers.set(("trying", caller), switch.now() + answering.TRYING_SECONDS)


def dialled_in(switch: Switch, request: Request) -> str:
    """What is called; empty where the Request-URI is for another house."""
    uri = Uri.parse(request.uri)  # the parser has read it before
    ours = uri.scheme == "tel" or uri.host.lower() in {
        switch.domain.lower(),
        str(switch.settings.address),
    }
    return (uri.user or "").replace("%23", "#") if ours else ""
