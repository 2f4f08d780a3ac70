"""The permission that each operation asks of whoever comes by the API.

An operation that does not stand here is nobody's: a test holds that all do.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ringwall.core.identity.permissions import Permission


def _kind(word: str, read: Permission, write: Permission) -> dict[str, Permission]:
    """Return what is asked for a thing that is listed, shown, added, set and removed."""
    looking = {f"{word}.{verb}": read for verb in ("list", "show", "export")}
    return looking | {f"{word}.{verb}": write for verb in ("add", "set", "remove", "import")}


_RIGHTS: Final = ("site", "cos.telephony", "cos.call", "cos.voice-mail", "group", "limits", "range", "object")

REQUIRED: Final[Mapping[str, Permission]] = MappingProxyType(
    {
        "status": Permission.SYSTEM_READ,
        **_kind("user", Permission.USERS_READ, Permission.USERS_WRITE),
        "user.pin.show": Permission.USERS_READ,
        "user.pin.set": Permission.PINS_WRITE,
        "user.pin.reset": Permission.PINS_WRITE,
        "user.pin.unlock": Permission.PINS_WRITE,
        **_kind("device", Permission.DEVICES_READ, Permission.DEVICES_WRITE),
        "registration.list": Permission.DEVICES_READ,
        **_kind("forwarding", Permission.FORWARDING_READ, Permission.FORWARDING_WRITE),
        "forwarding.clear": Permission.FORWARDING_WRITE,
        "call.list": Permission.CALLS_READ,
        "call.hangup": Permission.CALLS_WRITE,
        "call.move": Permission.CALLS_WRITE,
        "call.feature": Permission.CALLS_WRITE,
        "call.whisper.mute": Permission.CALLS_WRITE,
        "call.conference.list": Permission.CALLS_READ,
        "call.conference.start": Permission.CALLS_WRITE,
        "call.conference.add": Permission.CALLS_WRITE,
        "call.conference.drop": Permission.CALLS_WRITE,
        "call.monitor": Permission.CALLS_WATCH,
        "call.coach": Permission.CALLS_WATCH,
        "call.barge": Permission.CALLS_WATCH,
        "call.leave": Permission.CALLS_WATCH,
        "call.record": Permission.CALLS_RECORD,
        **{
            name: permission
            for word in _RIGHTS
            for name, permission in _kind(word, Permission.RIGHTS_READ, Permission.RIGHTS_WRITE).items()
        },
        "policy.explain": Permission.RIGHTS_READ,
        "policy.lint": Permission.RIGHTS_READ,
        **_kind("trunk", Permission.TRUNKS_READ, Permission.TRUNKS_WRITE),
        **_kind("trunk-group", Permission.TRUNKS_READ, Permission.TRUNKS_WRITE),
        **_kind("authcode", Permission.AUTHCODES_READ, Permission.AUTHCODES_WRITE),
        **_kind("voicemail", Permission.VOICEMAIL_READ, Permission.VOICEMAIL_WRITE),
        "voicemail.status": Permission.VOICEMAIL_READ,
        "voicemail.empty": Permission.VOICEMAIL_WRITE,
        **_kind("voicemail.profile", Permission.VOICEMAIL_READ, Permission.VOICEMAIL_WRITE),
        **_kind("voicemail.lists", Permission.VOICEMAIL_READ, Permission.VOICEMAIL_WRITE),
        "mail.show": Permission.MAIL_READ,
        "mail.list": Permission.MAIL_READ,
        "mail.test": Permission.MAIL_WRITE,
        "mail.retry": Permission.MAIL_WRITE,
        "mail.remove": Permission.MAIL_WRITE,
        "mail.password": Permission.MAIL_WRITE,
        **_kind("phone", Permission.PHONES_READ, Permission.PHONES_WRITE),
        "phone.approve": Permission.PHONES_WRITE,
        "phone.address": Permission.PHONES_WRITE,
        "phone.block": Permission.PHONES_WRITE,
        "phone.unblock": Permission.PHONES_WRITE,
        "phone.forget": Permission.PHONES_WRITE,
        "phone.assign": Permission.PHONES_WRITE,
        "phone.unassign": Permission.PHONES_WRITE,
        "phone.go-home": Permission.PHONES_WRITE,
        "firmware.list": Permission.FIRMWARE_READ,
        "firmware.fetch": Permission.FIRMWARE_READ,
        "firmware.verify": Permission.FIRMWARE_READ,
        "firmware.offer": Permission.FIRMWARE_READ,
        "firmware.upload": Permission.FIRMWARE_WRITE,
        "firmware.publish": Permission.FIRMWARE_WRITE,
        "firmware.rotate": Permission.FIRMWARE_WRITE,
        "firmware.rollout": Permission.FIRMWARE_WRITE,
        "report.authcodes": Permission.REPORTS_READ,
        "report.calls": Permission.REPORTS_READ,
        "report.denied": Permission.REPORTS_READ,
        "ledger.tail": Permission.LEDGER_READ,
        "ledger.verify": Permission.LEDGER_READ,
        "ledger.acknowledge": Permission.LEDGER_WRITE,
    }
)
