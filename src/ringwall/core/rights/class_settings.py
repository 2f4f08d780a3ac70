"""The settings of the three classes of service, and how they become the policy's values."""

from dataclasses import fields
from typing import Any, Final

from ringwall.core.rights.settings import (
    SCOPES,
    Built,
    Setting,
    Value,
    Values,
    flag,
    many,
    number,
    scope_of,
    text,
    words,
)
from ringwall.policy.classes import (
    FROM_ALL,
    FROM_NOBODY,
    WITHOUT_EFFECT,
    Accept,
    Callback,
    CallCos,
    CallRules,
    TelephonyCos,
    VoiceMailCos,
)
from ringwall.policy.errors import PolicyError
from ringwall.policy.expressions import parse_list
from ringwall.policy.scope import CLOSED

_OPENED = tuple(sorted(one.value for one in CLOSED))
_LISTS = "Entries such as +1408, +1xxx976 or 1/411; x is any digit."
_ACCEPTS = frozenset({"accept_intercom", "accept_barge_in", "accept_record", "accept_monitor"})


def _rules(prefix: str, told: str, scopes: tuple[str, ...], default: str) -> tuple[Setting, ...]:
    return (
        text(f"{prefix}scope", f"{told} reaches: {', '.join(scopes)}.", default, choices=scopes),
        words(f"{prefix}restrictions", f"{told} never reaches these. {_LISTS}"),
        words(
            f"{prefix}permissions", f"{told} reaches these whatever the scope and the restrictions. {_LISTS}"
        ),
        words(
            f"{prefix}opened",
            f"Closed classes that the scope reaches: {', '.join(_OPENED)}.",
            choices=_OPENED,
        ),
    )


def _permissions(cos: type) -> tuple[Setting, ...]:
    """The settings of a class of service, out of the policy's own description of its permissions."""
    found: list[Setting] = []
    for one in fields(cos):
        published = one.metadata.get("published")
        if published is None:
            continue
        if cos is TelephonyCos and one.name in WITHOUT_EFFECT:
            published += " (no effect yet)"
        if one.name in _ACCEPTS:
            told = f"{published}: none, all, or extensions and groups (201, group:desk)."
            default = ("all",) if one.default == FROM_ALL else ()
            found.append(words(one.name, told, default, accepts=True))
        elif one.type is bool:
            found.append(flag(one.name, f"{published}.", default=bool(one.default)))
        elif one.type is int:
            least, most = one.metadata["range"]
            found.append(number(one.name, f"{published}: {least} to {most}.", int(str(one.default))))
    return tuple(found)


TELEPHONY_SETTINGS: Final = (
    *_permissions(TelephonyCos),
    *_rules("forwarding_", "External forwarding", SCOPES[1:], "local"),
    words("pickup_from", "Groups whose calls may be picked up; none: everybody's.", refers="group"),
)
CALL_SETTINGS: Final = _rules("", "A call", SCOPES, "national")
VOICE_MAIL_SETTINGS: Final = (
    *_permissions(VoiceMailCos),
    text("callback", "Whom a mailbox may call back: off, inside, outside.", "off", choices=tuple(Callback)),
)


def _call_rules(values: Values, prefix: str = "") -> tuple[CallRules, dict[str, Value]]:
    lists = {}
    for name in ("restrictions", "permissions"):
        try:
            lists[name] = parse_list(many(values[prefix + name]), prefix + name)
        except PolicyError as error:
            raise PolicyError(prefix + name, error.message) from error
    opened = frozenset(one for one in CLOSED if one.value in many(values[prefix + "opened"]))
    rules = CallRules(scope_of(str(values[prefix + "scope"])), **lists, opened=opened)
    return rules, {prefix + name: [one.text for one in found] for name, found in lists.items()}


def accept_of(name: str, given: Value) -> tuple[Accept, list[str]]:
    """From whom something is accepted, and the words in their tidy form; raise PolicyError."""
    wanted = [one for one in many(given) if one.casefold() not in {"none", "nobody"}]
    if not wanted:
        return FROM_NOBODY, []
    if any(one.casefold() == "all" for one in wanted):
        if len(wanted) > 1:
            raise PolicyError(name, "has to be all, or extensions and groups, not both.")
        return FROM_ALL, ["all"]
    groups = [one[6:].strip() for one in wanted if one.startswith("group:")]
    users = [one for one in wanted if not one.startswith("group:")]
    try:
        accept = Accept.only_from(users=users, groups=groups)
    except PolicyError as error:
        raise PolicyError(name, f"names an extension or group that {error.message}") from error
    return accept, [*users, *(f"group:{one}" for one in groups)]


def build_telephony(key: str, values: Values) -> Built:
    """A telephony class, and its settings in their tidy form; raise PolicyError."""
    forwarding, tidy = _call_rules(values, "forwarding_")
    plain: dict[str, Any] = {
        name: value
        for name, value in values.items()
        if not name.startswith("forwarding_") or name == "forwarding_overrides"
    }
    for name in _ACCEPTS:
        plain[name], tidy[name] = accept_of(name, values[name])
    plain["pickup_from"] = frozenset(many(values["pickup_from"]))
    return TelephonyCos(key, **plain, forwarding=forwarding), tidy


def build_call(key: str, values: Values) -> Built:
    """A call class, and its settings in their tidy form; raise PolicyError."""
    rules, tidy = _call_rules(values)
    return CallCos(key, rules), tidy


def build_voice_mail(key: str, values: Values) -> Built:
    """A voice-mail class, and its settings in their tidy form; raise PolicyError."""
    plain: dict[str, Any] = {**values, "callback": Callback(str(values["callback"]))}
    return VoiceMailCos(key, **plain), {}
