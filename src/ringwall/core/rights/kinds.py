"""The kinds of things that an administrator makes: their names, settings and the values they become."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

from ringwall.core.numbers import outside_number
from ringwall.core.rights.settings import SCOPES, Setting, Value, Values, flag, number, text, words
from ringwall.core.rights.trunk_settings import TRUNK_SETTINGS, build_trunk
from ringwall.policy.classes import (
    FROM_ALL,
    FROM_NOBODY,
    Accept,
    Callback,
    CallCos,
    CallRules,
    TelephonyCos,
    VoiceMailCos,
    published_names,
)
from ringwall.policy.errors import PolicyError
from ringwall.policy.expressions import parse_list
from ringwall.policy.groups import AuthCode, CodeMode, UserGroup
from ringwall.policy.places import ORDINARY_SERVICES, Service, Site, TrunkGroup
from ringwall.policy.scope import CLOSED, Scope

Built = tuple[Any, Values]  # the policy's value, and settings that are now in their tidy form


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of thing.

    `word` names it in operations and records, `title` in sentences, `argument` its key, `secret` what is kept
    of it but never shown.
    """

    word: str
    title: str
    argument: str
    table: str
    settings: tuple[Setting, ...]
    build: Callable[[str, Values], Built]
    secret: str = ""
    in_json: bool = False  # the settings are kept as one JSON object

    def setting(self, name: str) -> Setting | None:
        """The setting of this name, if there is one."""
        return next((one for one in self.settings if one.name == name), None)

    @property
    def record(self) -> str:
        """Its word as it stands in the kinds of the ledger's records."""
        return self.word.replace("-", "_").replace(".", "_")


def scope_of(word: str) -> Scope:
    """The rung of a word of SCOPES."""
    return Scope(SCOPES.index(word))


def _many(value: Value) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else ()


def _plain(values: Values) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


# Sites

_SITE = (
    text("name", "What people call it.", None, required=True),
    text("country", "The country, two letters such as US, GB or CH.", None, required=True),
    words("area_codes", "Its own area codes, such as 408; the first one completes numbers without any."),
    words("local_area_codes", "Other area codes that are local calls from here."),
    words("emergency_numbers", "The emergency numbers; none: those of the country."),
    text("access_code", "What is dialled before an outside number, 1 to 3 digits; empty: nothing.", "9"),
    flag(
        "unassigned_emergency",
        "Phones at which nobody has logged in may call emergency numbers.",
        default=True,
    ),
    text("location", "The place that goes with an emergency call, such as street and floor."),
    words(
        "notify",
        "Who is told of an emergency call: mail addresses, and extensions, whose phones show a text.",
        refers="user",
        mails=True,
    ),
    text(
        "callback_number", "What an emergency call shows where the phone has no number, such as +14085550100."
    ),
    text("proxy", "The site whose trunks stand in for missing ones.", None, nullable=True, refers="site"),
)


def _build_site(key: str, values: Values) -> Built:
    tidy: dict[str, Value] = {"country": str(values["country"]).upper()}
    if values["callback_number"]:
        tidy["callback_number"] = outside_number(str(values["callback_number"]), "callback_number")
    if values["proxy"] == key:
        raise PolicyError("proxy", "has to be another site.")
    return Site(key, **_plain({**values, **tidy})), tidy


# Classes of service

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


_TELEPHONY = (
    *_permissions(TelephonyCos),
    *_rules("forwarding_", "External forwarding", SCOPES[1:], "local"),
    words("pickup_from", "Groups whose calls may be picked up; none: everybody's.", refers="group"),
)
_CALL = _rules("", "A call", SCOPES, "national")
_VOICE_MAIL = (
    *_permissions(VoiceMailCos),
    text("callback", "Whom a mailbox may call back: off, inside, outside.", "off", choices=tuple(Callback)),
)


def _call_rules(values: Values, prefix: str = "") -> tuple[CallRules, dict[str, Value]]:
    lists = {}
    for name in ("restrictions", "permissions"):
        try:
            lists[name] = parse_list(_many(values[prefix + name]), prefix + name)
        except PolicyError as error:
            raise PolicyError(prefix + name, error.message) from error
    opened = frozenset(one for one in CLOSED if one.value in _many(values[prefix + "opened"]))
    rules = CallRules(scope_of(str(values[prefix + "scope"])), **lists, opened=opened)
    return rules, {prefix + name: [one.text for one in found] for name, found in lists.items()}


def accept_of(name: str, given: Value) -> tuple[Accept, list[str]]:
    """From whom something is accepted, and the words in their tidy form; raise PolicyError."""
    wanted = [one for one in _many(given) if one.casefold() not in {"none", "nobody"}]
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


def _build_telephony(key: str, values: Values) -> Built:
    forwarding, tidy = _call_rules(values, "forwarding_")
    plain: dict[str, Any] = {
        name: value
        for name, value in values.items()
        if not name.startswith("forwarding_") or name == "forwarding_overrides"
    }
    for name in _ACCEPTS:
        plain[name], tidy[name] = accept_of(name, values[name])
    plain["pickup_from"] = frozenset(_many(values["pickup_from"]))
    return TelephonyCos(key, **plain, forwarding=forwarding), tidy


def _build_call(key: str, values: Values) -> Built:
    rules, tidy = _call_rules(values)
    return CallCos(key, rules), tidy


def _build_voice_mail(key: str, values: Values) -> Built:
    plain: dict[str, Any] = {**values, "callback": Callback(str(values["callback"]))}
    return VoiceMailCos(key, **plain), {}


# Groups, trunk groups, authorization codes

_LEAST = "Least privileged"
_GROUP = (
    text("name", "What people call it.", None, required=True),
    text("telephony", "Its telephony class of service.", _LEAST, refers="cos.telephony"),
    text("call", "Its call class of service.", _LEAST, refers="cos.call"),
    text("voice_mail", "Its voice-mail class of service.", _LEAST, refers="cos.voice-mail"),
    words("trunk_groups", "The trunk groups whose lines its members may use.", refers="trunk-group"),
    text(
        "codes",
        "Authorization codes for what the group may not call: disabled, optional, forced.",
        "disabled",
        choices=tuple(CodeMode),
    ),
    flag("emergency_caller_id", "Send the user's caller ID on an emergency call.", default=True),
    flag("emergency_did", "Send the user's own number on an emergency call.", default=True),
)


def _build_group(key: str, values: Values) -> Built:
    plain: dict[str, Any] = {**_plain(values), "codes": CodeMode(str(values["codes"]))}
    return UserGroup(key, **plain), {}


_TRUNK_GROUP = (
    text("name", "What people call it.", None, required=True),
    text("site", "The site where its trunks are.", None, required=True, refers="site"),
    text("access_code", "An access code of its own, 1 to 3 digits; empty: that of the site."),
    words(
        "services",
        f"What it carries: {', '.join(Service)}.",
        tuple(sorted(ORDINARY_SERVICES)),
        choices=tuple(Service),
    ),
    words("area_codes", "Area codes that are local from here; none: it does not matter."),
    text(
        "tandem_group",
        "The user group whose rights outside callers have who dial out again; none: nobody may.",
        None,
        nullable=True,
        refers="group",
    ),
    number("max_calls", "Calls that all its trunks carry at once: 0 to 10000.", 30),
)


def _build_trunk_group(key: str, values: Values) -> Built:
    plain = _plain(values)
    plain["services"] = frozenset(Service(one) for one in _many(values["services"]))
    return TrunkGroup(key, **plain), {}


_CODE = (
    text("name", "Whose or what it is, such as a client or a project.", None, required=True),
    text("owner", "The extension of the person it belongs to.", None, nullable=True, refers="user"),
    text(
        "scope",
        f"A scope of its own instead of the code service's: {', '.join(SCOPES)}.",
        None,
        nullable=True,
        choices=SCOPES,
    ),
    number("wildcard", "Any digits of this length pass, 1 to 20; 0: the code has digits of its own.", 0),
    flag("wildcard_may_exceed", "A wildcard code gives more than the caller has.", default=False),
    flag("locked", "It is refused.", default=False),
)


def _build_code(key: str, values: Values) -> Built:
    plain: dict[str, Any] = dict(values)
    if values["scope"] is not None:
        plain["scope"] = scope_of(str(values["scope"]))
    return AuthCode(key, **plain), {}


SITE: Final = Kind("site", "site", "site", "sites", _SITE, _build_site)
TELEPHONY: Final = Kind(
    "cos.telephony",
    "telephony class of service",
    "cos",
    "cos_telephony",
    _TELEPHONY,
    _build_telephony,
    in_json=True,
)
CALL: Final = Kind("cos.call", "call class of service", "cos", "cos_call", _CALL, _build_call, in_json=True)
VOICE_MAIL: Final = Kind(
    "cos.voice-mail",
    "voice-mail class of service",
    "cos",
    "cos_voice_mail",
    _VOICE_MAIL,
    _build_voice_mail,
    in_json=True,
)
GROUP: Final = Kind("group", "group", "group", "user_groups", _GROUP, _build_group)
TRUNK_GROUP: Final = Kind(
    "trunk-group", "trunk group", "trunk_group", "trunk_groups", _TRUNK_GROUP, _build_trunk_group
)
TRUNK: Final = Kind("trunk", "trunk", "trunk", "trunks", TRUNK_SETTINGS, build_trunk, "password")
CODE: Final = Kind("authcode", "authorization code", "authcode", "auth_codes", _CODE, _build_code, "code")

# Each refers to those before it; groups and trunk groups also name each other.
KINDS: Final = (SITE, TELEPHONY, CALL, VOICE_MAIL, GROUP, TRUNK_GROUP, TRUNK, CODE)
BY_WORD: Final = {kind.word: kind for kind in KINDS}


# Users are kept by the directory; the command line and CSV files take their settings from here.
USER_SETTINGS: Final = (
    text("name", "The name that others see.", None, required=True),
    text("group", "The user group, which says what the user may do.", "least-privileged", nullable=True),
    text("site", "The site, whose numbering and emergency rules count.", "main", nullable=True),
    text("did", "The user's own outside number, such as +14085550123."),
    text("caller_id", "The number that calls outside show; empty: the user's own, or the trunk's."),
    flag("no_pickup", "Others may not pick up this user's calls.", default=False),
    flag("locked", "Inside and emergency calls only, whatever the group.", default=False),
)


def setting_at_fault(kind: Kind, error: PolicyError) -> str:
    """The name of the setting that an error of the policy is about, as the operations know it."""
    published = {
        **published_names(TelephonyCos),
        **published_names(VoiceMailCos),
        "notify": "notify",
        "unassigned_emergency": "unassigned phones may call emergency",
        "codes": "authorization codes",
        "proxy": "proxy site",
        "wildcard": "wildcard length",
        "forwarding_scope": "External forwarding scope",
        kind.argument: kind.argument.replace("_", " "),
    }
    for name, told in published.items():
        if told == error.field and (kind.setting(name) is not None or name == kind.argument):
            return name
    name = error.field.lower().replace(" ", "_").replace("-", "_")
    if kind.setting(name) is not None:
        return name
    # A class of service goes by its name, and a code by its id.
    return kind.argument
