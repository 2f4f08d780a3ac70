"""What somebody dials becomes a grant or a denial (C3, C5, A1).

The policy decides; this module says who asks, and what was used so far.
"""

import time
from typing import NamedTuple

from ringwall.core.calls.model import codes
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.routing import router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.directory.model import DeviceEntry
from ringwall.events.security import CodesGuessed
from ringwall.events.security import WrongCode as WrongCodeGiven
from ringwall.policy import codes as policy_codes
from ringwall.policy.actions import Action, PhoneSubject, Subject, UserSubject
from ringwall.policy.grant import Denial, Grant
from ringwall.policy.groups import CodeMode
from ringwall.policy.rules import Rule


class WrongCode(NamedTuple):
    """The number needs a code, and what was dialled is none. `denial` is what the number met before."""

    denial: Denial
    rule: Rule


def subject_of(switch: Switch, device: DeviceEntry) -> UserSubject | PhoneSubject:
    """Who asks when a device dials: its user, or the phone itself where nobody has logged in (P2)."""
    phone = switch.rights.snapshot.phones.get(device.username)
    if phone is not None and phone.user is None:
        return PhoneSubject(device.username)
    return UserSubject(device.extension, device.username)


def subject_of_leg(switch: Switch, leg: Leg) -> UserSubject | PhoneSubject:
    """Who asks when a party inside does something in a call."""
    device = switch.directory.snapshot.by_device.get(leg.device)
    return subject_of(switch, device) if device is not None else user_of(leg)


def user_of(leg: Leg) -> UserSubject:
    """The user of a device that is not there any more."""
    return UserSubject(leg.extension, leg.device)


def authorize(switch: Switch, device: DeviceEntry, dialled: str) -> Grant | Denial | WrongCode:
    """Whether the device may call what it dialled; a denial is kept by who answers the device."""
    policy, now = switch.rights.snapshot, time.time()
    subject, count = subject_of(switch, device), router.calls_of(switch, device.extension)
    with_code = codes.split(dialled)
    number = dialled if with_code is None else with_code.number
    answer = switch.ask(subject, Action.DIAL, number=number, count=count, quietly=True)
    if isinstance(answer, Grant) or with_code is None or answer.codes is CodeMode.DISABLED:
        return answer
    checked = policy_codes.check(
        policy, answer, with_code.code, find=switch.rights.find_code, tried=0, use=switch.usage, now=now
    )
    if isinstance(checked, policy_codes.Accepted):
        return switch.ask(checked.subject, Action.DIAL, number=number, count=count, quietly=True)
    if checked.rule.id == "code.unknown":
        note_wrong_code(switch, subject, checked, now)
    return WrongCode(answer, checked.rule)


def note_wrong_code(switch: Switch, subject: Subject, wrong: policy_codes.Wrong, now: float) -> None:
    """Count a wrong code for its caller; too many raise the alarm. `now` in unix seconds."""
    payer = f"phone:{subject.phone}" if isinstance(subject, PhoneSubject) else getattr(subject, "user", "")
    count = switch.usage.wrong_code(payer, now)
    kind = CodesGuessed if wrong.alarm else WrongCodeGiven
    switch.watch.note(kind(source=payer, within_the_hour=count), switch.now())
