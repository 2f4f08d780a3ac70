"""Intercom, whisper page, page and pickup by command and over HTTP (C2).

Rules that this module keeps:
- The user in whose name it is asked has the rights, and is asked for them before anything rings.
- Their own phone is called first and answers by itself, as they have asked for it; what they wanted
  then begins as if they had dialled it.
"""

import time
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from ringwall.core.calls.bridging import joining
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.features import whisper
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.model.star_codes import CODES
from ringwall.core.calls.operations.calls import CALLS, Extension
from ringwall.core.calls.routing import originate, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import OperationError
from ringwall.core.identity.permissions import Permission
from ringwall.core.media.errors import MediaError
from ringwall.core.operations import Actor, Arguments, Operation, Operations
from ringwall.core.registrar.bindings import Binding
from ringwall.events.call_features import CallFeature, CallWhisperMuted
from ringwall.policy.actions import Action, UserSubject
from ringwall.policy.grant import Denial
from ringwall.policy.groups import PAGED
from ringwall.policy.rules import Heard

_ACTIONS: Final = {
    "intercom": Action.INTERCOM,
    "whisper page": Action.WHISPER,
    "page": Action.DIAL,
    "pickup": Action.PICKUP,
}
_CODES: Final = {each.feature: each.code for each in CODES}


Name = Literal["intercom", "whisper page", "page", "pickup"]


class Feature(Arguments):
    """In whose name what is done, to which extension; for a page the paging group."""

    extension: Extension
    feature: Name
    target: Extension


class Mute(Arguments):
    """Whom the other party of their call does not hear, or hears again, while somebody whispers to them."""

    extension: Extension
    on: Annotated[bool, Field(description="whether the other party does not hear them")] = True


class FeatureBegun(BaseModel):
    """The call that was begun for it."""

    call: str
    extension: str
    feature: Name
    target: str


class Muted(BaseModel):
    """Whether the other party does not hear this user."""

    extension: str
    on: bool


FEATURE: Final = Operation(
    "call.feature",
    "Call a user's own phone and do something with a call in the user's name.",
    topic=CALLS,
    verb="POST",
    path="/api/calls",
    permission=Permission.CALLS_WRITE,
    arguments=Feature,
    result=FeatureBegun,
    status=HTTPStatus.CREATED,
    errors=("not_found",),
    changes=True,
    example={"extension": "201", "feature": "intercom", "target": "202"},
)
MUTE: Final = Operation(
    "call.whisper.mute",
    "Let the other party of a call hear a user or not, while somebody whispers to that user.",
    topic=CALLS,
    verb="PUT",
    path="/api/users/{extension}/call/whisper",
    permission=Permission.CALLS_WRITE,
    arguments=Mute,
    result=Muted,
    changes=True,
    example={"extension": "201", "on": True},
)
OPERATIONS: Final = (FEATURE, MUTE)


def add_operations(operations: Operations, switch: Switch) -> None:
    """Do what is declared above."""

    async def feature(actor: Actor, args: Feature) -> dict[str, Any]:
        _allowed(switch, actor, args)
        phones = _phones(switch, args.extension)
        call = _begin(switch, args, phones)
        switch.record(
            CallFeature(
                call=call.id,
                by=args.extension,
                feature=args.feature,
                target=args.target,
                actor=actor.to_dict(),
            )
        )
        switch.flush()
        return {"call": call.id, "extension": args.extension, "feature": args.feature, "target": args.target}

    async def mute(actor: Actor, args: Mute) -> dict[str, Any]:
        try:
            done = await whisper.mute(switch, args.extension, on=args.on)
        except MediaError as error:
            raise OperationError("refused", f"The media server says: {error}.", "extension") from error
        if not done:
            raise OperationError("refused", f"Nobody whispers to {args.extension} now.", "extension")
        switch.record(CallWhisperMuted(extension=args.extension, on=args.on, actor=actor.to_dict()))
        return {"extension": args.extension, "on": args.on}

    operations.offer(FEATURE, feature)
    operations.offer(MUTE, mute)


def _allowed(switch: Switch, actor: Actor, args: Feature) -> None:
    """Raise OperationError (refused) where the user may not, or nobody could be reached."""
    policy, action = switch.rights.snapshot, _ACTIONS[args.feature]
    thing = policy.objects.get(args.target)
    if action is Action.DIAL and (thing is None or thing.kind not in PAGED):
        raise OperationError("not_found", f"There is no paging group {args.target}.", "target")
    number, target = (args.target, None) if action is Action.DIAL else (None, args.target)
    decided = switch.ask(UserSubject(args.extension), action, number=number, target=target, quietly=True)
    if isinstance(decided, Denial) and decided.heard is not Heard.ORDINARY_CALL:
        switch.denied(decided, actor=actor.to_dict())
        raise OperationError("refused", decided.rule.sentence, "extension")


def _phones(switch: Switch, extension: str) -> list[Binding]:
    """The phones that are called first: those that answer by themselves, else all."""
    phones = switch.bindings.of_extension(extension, time.time())
    desks = [phone for phone in phones if originate.can_auto_answer(phone)]
    if not phones:
        raise OperationError("refused", f"Extension {extension} has no phone that is signed in.", "extension")
    if not switch.media.up:
        raise OperationError("refused", "There is no media server now.", "extension")
    if router.calls_of(switch, extension):
        raise OperationError("refused", f"Extension {extension} is in a call.", "extension")
    return desks or phones


def _begin(switch: Switch, args: Feature, phones: list[Binding]) -> Call:
    dialled = _CODES.get(args.feature, "") + args.target
    call = Call(switch.new_tag(), joining.without_dialog(switch, args.target), dialled)
    call.details.feature, call.details.asked_by_command = args.feature, True
    there: list[Leg] = []

    def answered(leg: Leg) -> None:
        if there:
            originate.hang_up_leg(switch, call, leg, "answered elsewhere")
            return
        there.append(leg)
        for branch in list(call.branches):
            if branch is not leg:
                originate.hang_up_leg(switch, call, branch, "answered elsewhere")
        call.branches.clear()
        leg.side, call.caller = Side.A, leg
        switch.timers.cancel(("ring", call))
        _as_dialled(switch, call, args)

    switch.add_call(call)
    switch.timers.set(("ring", call), switch.now() + switch.settings.sip.ring_seconds)
    for phone in phones:
        unattended = originate.can_auto_answer(phone)
        originate.originate_leg(switch, call, phone, call.id, unattended=unattended, answered=answered)
    return call


def _as_dialled(switch: Switch, call: Call, args: Feature) -> None:
    """Go on as if the party had dialled it: the rights are asked again."""
    begins = switch.hooks.dialled.get(args.feature)
    if begins is not None:
        begins(call, args.target)
        return
    why_not = router.unreachable(switch, call, args.target)
    if why_not is None:
        router.route(switch, call, args.target)
    else:
        teardown.end(switch, call, why_not.why, status=why_not.status)
